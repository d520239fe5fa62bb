"""The learning rate of an optimizer, set from outside beside whatever scheduler there is."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from livetrain._steering.group_rate import FOLLOW, GroupRate, Mode
from livetrain._steering.schedulers import find_schedulers, lend_to, let_steps_lend
from livetrain._steering.settings import Refused, declare
from livetrain._steering.wrappers import groups_of
from livetrain._warnings import warn_once_a_minute

__all__ = ["LearningRate", "Rates", "learning_rates"]

_MOST_SEARCHES = 10


class Rates:
    """The rates of all groups of one optimizer, those too that are added while it trains.

    Args:
        optimizer: whose they are; it is not kept alive.
        low, high: what may be set.

    Example:
        >>> import types
        >>> optimizer = types.SimpleNamespace(param_groups=[{"lr": 0.1}])
        >>> rates = Rates(optimizer, 0.0, 10.0)
        >>> rates.groups()[0].apply("0.5")
        >>> rates.state()
        [[0.5, 1.0, 0.1, 0.5]]
    """

    def __init__(self, optimizer: Any, low: float, high: float) -> None:
        self._optimizer = _reference(optimizer)
        self._low, self._high = low, high
        self._each: list[GroupRate] = []
        self._all: tuple[Mode, Sequence[Mode]] = (FOLLOW, ())  # of groups that come later
        self._steered = False
        self._writes = 0  # of somebody unknown
        self._hooks: list[Any] = []
        self.groups()

    @property
    def optimizer(self) -> Any:
        """The optimizer; None: it is gone."""
        return self._optimizer()

    def groups(self, only: int | None = None) -> Sequence[GroupRate]:
        """Return the rate of one group, or of all.

        Raises:
            Refused: the optimizer is gone.
        """
        optimizer = self._optimizer()
        if optimizer is None:
            raise Refused("the optimizer is gone; attach the one that is used now")
        while len(self._each) < len(optimizer.param_groups):
            mode, undo = self._all
            rate = GroupRate(self._optimizer, len(self._each), self._low, self._high)
            if mode != FOLLOW:
                rate.take_over(mode, undo)
            self._each.append(rate)
        return self._each[: len(optimizer.param_groups)] if only is None else [self._each[only]]

    def settings(self, name: str) -> list[LearningRate]:
        """Return what can be set: all groups together, and each where there are several."""
        low, high, count = self._low, self._high, len(self.groups())
        each = [LearningRate(self, i, low, high, f"{name}/group{i}") for i in range(count)]
        return [LearningRate(self, None, low, high, name), *(each if count > 1 else ())]

    def changed(self, *, all_of_them: bool) -> None:
        """Have schedulers make way from now on: only when a rate was set, for most trainings are never touched."""
        if all_of_them:
            modes = {group.mode for group in self._each}
            self._all = (modes.pop() if len(modes) == 1 else FOLLOW), self._each[0].undo
        if not self._steered:
            self._steered = True
            let_steps_lend(self)
            self._search()

    def know(self, schedulers: Iterable[Any]) -> None:
        """Have these schedulers make way, wherever they came from."""
        for scheduler in schedulers:
            lend_to(scheduler, self)

    def hold(self) -> None:
        """See that what was set holds, whatever was written; it never raises."""
        try:
            unknown = [group.hold() for group in self.groups()]
        except (
            Exception
        ) as error:  # a rate that cannot be read any more, or an optimizer that is gone
            warn_once_a_minute("rates", f"a learning rate cannot be held: {error!r}")
            return
        if any(unknown):
            self._writes += 1
            if self._writes & (self._writes - 1) == 0 and self._writes < 1 << _MOST_SEARCHES:
                self._search()

    def lend(self) -> None:
        """Let a scheduler find what it left itself."""
        for group in self.groups():
            group.lend()

    def take_back(self) -> None:
        """Notice what a scheduler made of it, and put ours in its place."""
        for group in self._each:
            group.take_back()

    def shares(self, optimizer: Any) -> bool:
        """Return whether another optimizer has parameters of this one, and so takes its place."""
        mine = self._optimizer()
        if mine is None:
            return True
        known = {id(p) for group in groups_of(mine) for p in group.get("params", ())}
        return any(
            id(p) in known for group in groups_of(optimizer) for p in group.get("params", ())
        )

    def take_over(self, before: Rates) -> None:
        """Go on as an earlier optimizer did, whose place this one takes."""
        self._all = before._all
        for group, earlier in zip(self.groups(), before._each, strict=False):
            group.take_over(earlier.mode, earlier.undo)
        for group in self._each[len(before._each) :]:
            group.take_over(*self._all)
        self._steered_as(before.steered)
        before.let_go()

    def state(self) -> list[list[float | None]]:
        """Return what another process needs to go on, by group; empty: nothing is set."""
        if self.optimizer is None or not self.steered:
            return []
        return [group.state() for group in self.groups()]

    def resume(self, states: Sequence[Sequence[Any]]) -> None:
        """Go on from what `state` returned."""
        for group, state in zip(self.groups(), states, strict=False):
            group.resume(state)
        self._steered_as(self.steered)

    @property
    def steered(self) -> bool:
        """Whether any rate is not the schedule's."""
        return any(group.mode != FOLLOW for group in self._each)

    def watch(self) -> None:
        """Hook into the optimizer: what was set holds at each of its steps, and its saved state is the schedule's."""
        hooks: Mapping[str, Callable[..., None]] = {
            # A scheduler that steps between our boundary and the optimizer's step must not undo what was set.
            "register_step_pre_hook": lambda *_: self.hold(),
            "register_state_dict_post_hook": lambda _, state: self._saved(state),
            "register_load_state_dict_post_hook": lambda *_: self._loaded(),
        }
        for name, hook in hooks.items():
            try:
                self._hooks.append(getattr(self.optimizer, name)(hook))
            except Exception:  # what takes no hook is seen to at the boundaries
                continue

    def let_go(self) -> None:
        """Take the hooks out of the optimizer: another one has its place."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        self._each.clear()
        self._optimizer = _nothing

    def _saved(self, state: Any) -> None:
        try:
            for group, saved in zip(self.groups(), state["param_groups"], strict=False):
                group.schedule_in(saved)
        except Exception as error:  # it is saved as it is
            warn_once_a_minute("rates", f"a schedule could not be saved: {error!r}")

    def _loaded(self) -> None:
        try:
            for group in self.groups():
                group.loaded()
        except Exception as error:
            warn_once_a_minute("rates", f"a rate that was loaded cannot be read: {error!r}")

    def _steered_as(self, steered: bool) -> None:
        if steered:
            self.changed(all_of_them=False)

    def _search(self) -> None:
        found = find_schedulers(self.optimizer)
        self.know(found)
        if self._writes == 8 and not found:
            warn_once_a_minute(
                "writer",
                "something that livetrain does not know writes the learning rate that was set; it is taken for a schedule of its "
                "own. Give monitor.attach(optimizer, scheduler=...) what it is, if it is an object with a step method.",
            )


class LearningRate:
    """The learning rate of an optimizer, or of one of its groups.

    Args:
        rates: of the optimizer.
        only: the group; None: all.
        low, high: what may be set.
        name: ``"learning_rate"``, with ``/...`` for one of several.

    Example:
        >>> import types
        >>> optimizer = types.SimpleNamespace(param_groups=[{"lr": 0.1}])
        >>> rate = learning_rates(optimizer, 0.0, 10.0, "learning_rate")[0]
        >>> rate.apply("x0.5")
        >>> rate.current()
        '0.05'
        >>> rate.apply("follow")
        >>> rate.current()
        '0.1'
    """

    may_fail = False

    def __init__(self, rates: Rates, only: int | None, low: float, high: float, name: str) -> None:
        self._rates = rates
        self._only = only
        self._name = name
        self.declaration = declare(name, "float", low, high, self.current())

    def current(self) -> str:
        """Return the rate; several, where the groups differ."""
        values = [f"{group.value:.10g}" for group in self._groups]
        return values[0] if len(set(values)) == 1 else ", ".join(values)

    def check(self, text: str) -> None:
        """Raise `Refused` unless every group can take it."""
        for group in self._groups:
            group.check(self._name, text)

    def apply(self, text: str) -> None:
        """Take a rate, ``x`` and a factor, ``follow`` or ``undo``.

        Raises:
            Refused: it is none, or outside the range; nothing changes.
        """
        self.check(text)
        for group in self._groups:
            group.apply(text)
        self._rates.changed(all_of_them=self._only is None)

    def waits(self) -> str:
        """It is in effect at once."""
        return ""

    def hold(self) -> None:
        """See that no scheduler undid it."""
        if self._only is None:
            self._rates.hold()

    @property
    def _groups(self) -> Sequence[GroupRate]:
        return self._rates.groups(self._only)


def learning_rates(optimizer: Any, low: float, high: float, name: str) -> list[LearningRate]:
    """Return the settings of an optimizer: all of its groups together, and each where there are several."""
    return Rates(optimizer, low, high).settings(name)


def _reference(optimizer: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(optimizer)
    except TypeError:  # of a kind that cannot be referred to weakly
        return lambda: optimizer


def _nothing() -> None:
    """Stands for an optimizer that was let go of."""
