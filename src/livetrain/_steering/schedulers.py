"""Lets a learning rate scheduler work undisturbed while the rate is set from outside.

Most schedulers of PyTorch compute the next rate from the one that they find in the optimizer. If they found ours there, a rate
that was halved would be halved again at every step, and a rate that was held would bend the schedule for good. So while such a
scheduler steps, it finds what it left itself.

From the first time on that a rate is set, PyTorch's own classes of schedulers do so by themselves, also for those that are made
later. A scheduler of another kind knows its optimizer, but not the other way round, and its ``__dict__`` is what it saves: nothing
can be hung on either. So it is given to `attach`, or found by asking the garbage collector who refers to the optimizer; and its
class is replaced by one of the same name that lends the rates while it works.
"""

from __future__ import annotations

import functools
import gc
import inspect
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from livetrain._steering.wrappers import groups_of, unwrapped

__all__ = ["Lender", "find_schedulers", "lend_to", "let_steps_lend"]

_WORKS = ("step", "step_update", "dampen", "dampening")
"""What schedulers, and what warms them up, do to an optimizer."""
_COUNTS = ("last_epoch", "_last_lr", "last_step")
"""Something else may hold an optimizer and step, as a trainer does: a scheduler counts, or keeps the last rates."""
_MARK = "_livetrain_lends"


class Lender(Protocol):
    """The rates of one optimizer, which can be given back to its scheduler for a moment."""

    @property
    def optimizer(self) -> Any:
        """The optimizer; None: it is gone."""

    def lend(self) -> None:
        """Put the scheduler's own values into the optimizer."""

    def take_back(self) -> None:
        """Notice what became of them, and put ours in their place."""


_steered: weakref.WeakValueDictionary[int, Lender] = weakref.WeakValueDictionary()
"""By the identity of their optimizer, those of which a rate was set."""


def let_steps_lend(lender: Lender) -> None:
    """Have the schedulers of PyTorch find what they left, whenever they step and when they are made."""
    _steered[id(lender.optimizer)] = lender
    module = sys.modules.get("torch.optim.lr_scheduler")
    for kind in tuple(vars(module).values()) if module is not None else ():
        ours = inspect.isclass(kind) and kind.__module__ == getattr(module, "__name__", "")
        for name in ("__init__", "step") if ours and hasattr(kind, "step") else ():
            work = vars(kind).get(name)
            if inspect.isfunction(work) and not hasattr(work, _MARK):
                setattr(kind, name, _lending(work, _lender_of))


def _lender_of(scheduler: Any, *args: Any, **kwargs: Any) -> Lender | None:
    """Return the rates of a scheduler's optimizer, which one that is being made is given; None: they were never set."""
    known = getattr(scheduler, "optimizer", None)
    given = kwargs.get("optimizer", args[0] if args else None)
    optimizer = unwrapped(given if known is None else known)
    lender = _steered.get(id(optimizer))
    return lender if lender is not None and lender.optimizer is optimizer else None


def lend_to(scheduler: Any, lender: Lender) -> None:
    """Have a scheduler find what it left there itself, whenever it works."""
    plain = type(scheduler)
    works = {
        name: work
        for name in _WORKS
        if inspect.isfunction(work := getattr(plain, name, None)) and not hasattr(work, _MARK)
    }
    if not works:
        return
    try:
        scheduler.__class__ = _class_that_lends(plain, works, lender)
    except TypeError:  # a class that cannot be replaced: what it writes is noticed afterwards
        return


def _class_that_lends(
    plain: type[Any], works: Mapping[str, Callable[..., Any]], lender: Lender
) -> type[Any]:
    def reduce(self: Any, _protocol: Any) -> Any:
        # Pickled and copied as what it is, so that whoever reads it needs nothing of ours; a copy has an optimizer of its own.
        return object.__new__, (plain,), self.__getstate__()

    members = {
        "__reduce_ex__": reduce,
        "__module__": plain.__module__,
        "__qualname__": plain.__qualname__,
        "__doc__": plain.__doc__,
        **{name: _lending(work, lambda *_, **__: lender) for name, work in works.items()},
    }
    return type(plain.__name__, (plain,), members)


def _lending(
    work: Callable[..., Any], lender_of: Callable[..., Lender | None]
) -> Callable[..., Any]:
    """Return a method that does `work` while the rates are lent; where that is a context, until it is left."""

    @functools.wraps(work)
    def lends(self: Any, *args: Any, **kwargs: Any) -> Any:
        lender = lender_of(self, *args, **kwargs)
        if lender is None or lender.optimizer is None:
            return work(self, *args, **kwargs)
        lender.lend()
        try:
            made = work(self, *args, **kwargs)
        finally:
            lender.take_back()
        return _lent_within(made, lender) if hasattr(made, "__exit__") else made

    setattr(lends, _MARK, True)
    return lends


@contextmanager
def _lent_within(context: Any, lender: Lender) -> Iterator[Any]:
    lender.lend()
    try:
        with context as value:
            yield value
    finally:
        lender.take_back()


def find_schedulers(optimizer: Any) -> list[Any]:
    """Return the schedulers that there are for an optimizer."""
    if gc.get_freeze_count():
        gc.unfreeze()  # who is frozen is not found
        try:
            return _find(optimizer)
        finally:
            gc.freeze()
    return _find(optimizer)


def _find(optimizer: Any) -> list[Any]:
    found: list[Any] = []
    # A scheduler may know the optimizer by what a framework wrapped around it.
    forms = [optimizer]
    for form in forms:
        for owner in _owners(form):
            if _is_scheduler(owner, form):
                found.append(owner)
            elif _wraps(owner, optimizer) and all(owner is not known for known in forms):
                forms.append(owner)
    return list({id(one): one for one in found}.values())


def _owners(known: Any) -> Iterator[Any]:
    """Yield what refers to an object, by an attribute or otherwise."""
    for referrer in gc.get_referrers(known):
        if isinstance(referrer, dict):  # the attributes of an object, or anybody's own mapping
            yield from gc.get_referrers(referrer)
        yield referrer


def _wraps(owner: Any, optimizer: Any) -> bool:
    attributes = getattr(owner, "__dict__", None)
    return (
        isinstance(attributes, dict)
        and "optimizer" in attributes
        and bool(groups_of(owner))
        and unwrapped(owner) is optimizer
    )


def _is_scheduler(owner: Any, optimizer: Any) -> bool:
    attributes = getattr(owner, "__dict__", None)
    return (
        isinstance(attributes, dict)
        and attributes.get("optimizer") is optimizer
        and any(callable(getattr(type(owner), name, None)) for name in _WORKS)
        and any(name in attributes for name in _COUNTS)
    )
