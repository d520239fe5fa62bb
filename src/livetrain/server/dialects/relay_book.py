"""Which training a publisher's message belongs to. Pure; the clock is passed in.

Publishers open a connection for each message and do not say who they are, and the order of their messages is not that of the wire.
What tells trainings apart, the surest first: the id that their publisher gives them, the client of a federated training, the
connection where a publisher keeps one, and at last the address that a message comes from, which has one training under way. A
training begins with a message that says so, or with the first that tells of one, and ends with ``training_end`` or ``error``. What
begins and what ends it may come late or early by some seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from livetrain._relay_messages import PROGRESS, TYPES, Count, MessageReader

__all__ = ["Book", "Kept", "Routed", "Sender", "Training"]

_APART_SECONDS: Final = 5.0
"""Messages of one training that were sent at once come within this time."""
_HOSTS: Final = 256
_TRAININGS: Final = 8
"""So many trainings of one host are known at once."""
_CONNECTIONS: Final = 10_000
_IDENTITY_CHARS: Final = 256
_EPOCHS: Final = 2_000
"""So many epochs of one training are known one by one."""
_BEGIN: Final = frozenset({"training_mode", "training_start"})
_END: Final = frozenset({"training_end", "error"})
Data = Mapping[str, Any]


class Kept(NamedTuple):
    """What has to be known of a training after a restart.

    Attributes:
        theirs: its publisher's id; empty: not known.
        first: the first number of its epochs; None: none was told.
        first_of_batches: the same of the epochs that its batches name.
    """

    theirs: str = ""
    first: int | None = None
    first_of_batches: int | None = None


@dataclass(slots=True, eq=False)
class Training:
    """One training that is told of by messages.

    Attributes:
        began: seconds of the monotonic clock.
        run_id: of the run it is recorded as; empty: none yet.
        ended: when its end was told; None: it goes on.
        theirs: the id that its publisher gives it; empty: not known.
        name: its experiment's; empty: not known.
        said: types of messages that began it.
        mode: what its ``training_mode`` said; None: there was none.
        worked: whether anything was told that it did.
        epochs: those whose end was told, with their phases; none is told twice.
        reader: of its messages.
        kept: what the store knows of it.
    """

    began: float
    run_id: str = ""
    ended: float | None = None
    theirs: str = ""
    name: str = ""
    said: set[str] = field(default_factory=set)
    mode: Data | None = None
    worked: bool = False
    epochs: set[tuple[str, str]] = field(default_factory=set)
    reader: MessageReader = field(default_factory=MessageReader)
    kept: Kept = field(default_factory=Kept)

    @property
    def to_keep(self) -> Kept:
        """What the store is to know of it now."""
        return Kept(self.theirs, self.reader.epochs.first, self.reader.batch_epochs.first)


class Sender(NamedTuple):
    """Where a message comes from.

    Attributes:
        host: the address.
        connection: its number; 0: not known.
    """

    host: str
    connection: int = 0


class Routed(NamedTuple):
    """A message and the training that it belongs to."""

    training: Training
    kind: str
    data: Data


@dataclass(slots=True)
class _Host:
    trainings: list[Training] = field(default_factory=list)
    # A beginning that may be that of another training, or one of the many of a federated one: what comes next tells.
    held: tuple[Data, Sender] | None = None


class Book:
    """The trainings under way, by the host that tells of them.

    Example:
        >>> book = Book()
        >>> host = Sender("10.0.0.1")
        >>> [first] = book.route(host, "training_mode", {}, now=0.0)
        >>> book.route(host, "epoch_end", {}, now=60.0)[0].training is first.training
        True
        >>> book.route(host, "training_mode", {}, now=61.0)[0].training is first.training
        False
    """

    def __init__(self) -> None:
        self._hosts: OrderedDict[str, _Host] = OrderedDict()
        self._connections: OrderedDict[int, Training] = OrderedDict()

    def __contains__(self, host: str) -> bool:
        return host in self._hosts

    def newest(self, host: str) -> Training | None:
        """Return the training that a host told of last; None: there is none."""
        return self._newest(self._hosts.get(host, _Host()))

    def knows(self, host: str, theirs: str) -> bool:
        """Whether a training of this host has this id of its publisher's, and goes on."""
        return self._named(self._hosts.get(host, _Host()), theirs) is not None

    def holds(self, run_id: str) -> bool:
        """Whether a run is that of a training that is known."""
        hosts = self._hosts.values()
        return any(one.run_id == run_id for host in hosts for one in host.trainings)

    def adopt(self, host: str, run_id: str, kept: Kept, *, now: float) -> None:
        """Let a run that was under way before a restart go on; `kept` is what the store knows of its training."""
        reader = MessageReader(Count(kept.first), Count(kept.first_of_batches))
        training = Training(now - 2 * _APART_SECONDS, run_id, theirs=kept.theirs, reader=reader)
        training.worked, training.kept = True, kept
        self._add(self._host(host), training)

    def route(self, sender: Sender, kind: str, data: Data, *, now: float) -> list[Routed]:
        """Return which training a message belongs to, maybe a new one.

        A beginning that came before it and was held back stands before it. Empty: it is held back itself, or tells of no training.
        """
        host = self._host(sender.host)
        theirs, client = _identity(data.get("run_id")), _identity(data.get("client_id"))
        released: list[Routed] = []
        if host.held is not None:
            if kind == "training_mode" and not theirs and data == host.held[0]:
                return []  # of the next of several clients
            if not (kind in _END and self._named(host, theirs)):
                released = self._release(host, theirs, client, now)
        training = self._training_of(host, sender, kind, data, now)
        if training is None:
            return released
        if theirs and not training.theirs:
            training.theirs = theirs
        if kind in _BEGIN and not training.name:
            training.name = _identity(data.get("experiment_name"))
        if sender.connection:
            self._connections[sender.connection] = training
            while len(self._connections) > _CONNECTIONS:
                self._connections.popitem(last=False)
        if kind in _BEGIN:
            self._begin(training, kind, data)
        elif kind in _END and not client:
            training.ended = now
        training.worked |= kind in PROGRESS
        if (epoch := _epoch_of(kind, data)) and len(training.epochs) < _EPOCHS:
            training.epochs.add(epoch)
        return [*released, Routed(training, kind, data)]

    def closed(self, connection: int) -> None:
        """Forget a connection."""
        self._connections.pop(connection, None)

    def _host(self, name: str) -> _Host:
        host = self._hosts.setdefault(name, _Host())
        self._hosts.move_to_end(name)
        while len(self._hosts) > _HOSTS:
            self._hosts.popitem(last=False)
        return host

    @staticmethod
    def _begin(training: Training, kind: str, data: Data) -> None:
        training.said.add(kind)
        if kind == "training_mode":
            training.mode = data

    def _release(self, host: _Host, theirs: str, client: str, now: float) -> list[Routed]:
        """Give the beginning that was held back to the training that goes on, if the next message says so, or to a new one."""
        assert host.held is not None
        (data, sender), host.held = host.held, None
        training = self._named(host, theirs)
        newest = self._newest(host)
        if training is None and not theirs and newest is not None and newest.ended is None:
            # Clients of a federated training begin it all over again, each with the same words.
            federated = bool(data.get("is_federated")) and newest.mode == data
            training = newest if client or federated else None
        if training is None:
            training = self._add(host, Training(now))
        self._begin(training, "training_mode", data)
        if sender.connection:
            self._connections[sender.connection] = training
        return [Routed(training, "training_mode", data)]

    def _training_of(
        self, host: _Host, sender: Sender, kind: str, data: Data, now: float
    ) -> Training | None:
        theirs, client = _identity(data.get("run_id")), _identity(data.get("client_id"))
        found = self._by_identity(host, kind, data, theirs, client, now) if theirs else None
        if found is not None:
            return found
        known = self._connections.get(sender.connection) if sender.connection else None
        if known is not None and not _is_another(known, kind, data, now):
            return known
        newest = self._newest(host)
        if newest is not None and not _is_another(newest, kind, data, now):
            return newest
        under_way = newest is not None and newest.ended is None
        if (
            under_way
            and newest is not None
            and newest.theirs
            and kind == "training_mode"
            and not theirs
        ):
            host.held = data, sender
            return None
        if kind not in TYPES:
            return None  # nobody knows whether it tells of a training
        return self._add(host, Training(now))

    def _by_identity(
        self, host: _Host, kind: str, data: Data, theirs: str, client: str, now: float
    ) -> Training | None:
        """Return the training that its publisher calls so: it goes on, or ended only just now."""
        found = self._named(host, theirs)
        if found is None and client:
            # Clients of a federated training are on hosts of their own.
            others = (self._named(other, theirs) for other in reversed(self._hosts.values()))
            found = next((one for one in others if one is not None), None)
        if found is None:
            ended = [
                one for one in host.trainings if one.theirs == theirs and one.ended is not None
            ]
            if not ended or kind in _BEGIN:
                return None
            late = now - (ended[-1].ended or 0.0) <= _APART_SECONDS
            return ended[-1] if late or kind in _END else None
        name = _identity(data.get("experiment_name"))
        if kind == "training_start" and name and found.name not in ("", name) and not client:
            found.reader.notes.append(
                f"another training, {name[:60]!r}, with the id {theirs[:60]!r} of this one, which goes on: "
                "what names neither is recorded there"
            )
            return None
        return found

    @staticmethod
    def _named(host: _Host, theirs: str) -> Training | None:
        going_on = (one for one in reversed(host.trainings) if one.ended is None)
        return next((one for one in going_on if theirs and one.theirs == theirs), None)

    @staticmethod
    def _newest(host: _Host) -> Training | None:
        """Return the training that a message without an id is about: the newest that goes on, or the last of all."""
        going_on = [one for one in host.trainings if one.ended is None]
        known = going_on or host.trainings
        return known[-1] if known else None

    def _add(self, host: _Host, training: Training) -> Training:
        host.trainings.append(training)
        if len(host.trainings) > _TRAININGS:
            ended = [one for one in host.trainings if one.ended is not None]
            host.trainings.remove((ended or host.trainings)[0])
        return training


def _identity(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)[:_IDENTITY_CHARS] if isinstance(value, (str, int)) else ""


def _epoch_of(kind: str, data: Data) -> tuple[str, str] | None:
    """Return which epoch's end a message tells of, and of which phase; None: it tells of none."""
    if kind != "epoch_end" or data.get("epoch") is None or data.get("client_id") is not None:
        return None
    return str(data.get("epoch"))[:_IDENTITY_CHARS], str(data.get("phase"))[:_IDENTITY_CHARS]


def _is_another(training: Training, kind: str, data: Data, now: float) -> bool:
    """Say whether a message is about another training than the one that its sender told of last."""
    theirs, client = _identity(data.get("run_id")), _identity(data.get("client_id"))
    if theirs and training.theirs and theirs != training.theirs:
        return True
    if training.ended is not None:
        # A straggler still belongs to it, and so does a second end; what begins a training does not, nor what was told already.
        if kind in _BEGIN or _epoch_of(kind, data) in training.epochs:
            return True
        return kind not in _END and now - training.ended > _APART_SECONDS
    if kind in _BEGIN and not client:
        late = training.worked and now - training.began > _APART_SECONDS
        return kind in training.said or late
    return False
