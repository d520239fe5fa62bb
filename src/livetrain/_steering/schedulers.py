"""Lets a learning rate scheduler work undisturbed while the rate is set from outside.

Most schedulers of PyTorch compute the next rate from the one that they find in the optimizer. If they found ours there, a rate
that was halved would be halved again at every step, and a rate that was held would bend the schedule for good. So while such a
scheduler steps, it finds what it left itself.

A scheduler knows its optimizer, but not the other way round, and its ``__dict__`` is what it saves: nothing can be hung on
either. So it is found by asking the garbage collector who refers to the optimizer, once, when a rate is set for the first
time; and its class is replaced by one of the same name that lends the rates while it steps.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from livetrain._steering.wrappers import groups_of, unwrapped

__all__ = ["Lender", "make_way", "schedulers_of"]


class Lender(Protocol):
    """A rate that can be given back to its scheduler for a moment."""

    def lend(self) -> None:
        """Put the scheduler's own value into the optimizer."""

    def take_back(self) -> None:
        """Notice what became of it, and put ours in its place."""


def schedulers_of(optimizer: Any) -> list[Any]:
    """Return the schedulers that there are for an optimizer."""
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
        and callable(getattr(type(owner), "step", None))
        # Something else may hold an optimizer and step, as a trainer does: a scheduler counts the epochs or the bad ones.
        and ("last_epoch" in attributes or "_last_lr" in attributes)
    )


def make_way(optimizer: Any, lenders: Sequence[Lender]) -> None:
    """Have every scheduler of an optimizer find what it left there itself, whenever it steps."""
    for scheduler in schedulers_of(optimizer):
        plain = type(scheduler)
        try:
            scheduler.__class__ = _lent(plain, lenders)
        except TypeError:  # a class that cannot be replaced: what it writes is noticed afterwards
            continue


def _lent(plain: type[Any], lenders: Sequence[Lender]) -> type[Any]:
    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        for lender in lenders:
            lender.lend()
        try:
            return plain.step(self, *args, **kwargs)
        finally:
            for lender in lenders:
                lender.take_back()

    def reduce(self: Any, _protocol: Any) -> Any:
        # Pickled and copied as what it is, so that whoever reads it needs nothing of ours; a copy has an optimizer of its own.
        return object.__new__, (plain,), self.__getstate__()

    members = {
        "step": step,
        "__reduce_ex__": reduce,
        "__module__": plain.__module__,
        "__qualname__": plain.__qualname__,
        "__doc__": plain.__doc__,
    }
    return type(plain.__name__, (plain,), members)
