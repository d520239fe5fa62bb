"""Forward hooks that see what a module made of the batch, without a second forward."""

from __future__ import annotations

from typing import Any

from livetrain._frameworks.batch import find_logits
from livetrain._frameworks.hook import Hook
from livetrain.exceptions import ConfigurationError

__all__ = ["ForwardTap"]


class ForwardTap:
    """Keeps the last logits that came out of a module during one training step.

    With no submodule named, the module and its direct children are watched: what the module's own ``forward`` returned counts
    first, since that is the answer; else the last output of a child that looks like class scores, for modules whose
    ``training_step`` calls ``self.model(x)``.
    """

    def __init__(self) -> None:
        self._size: int | None = None
        self._named: Any = None
        self._guessed: Any = None
        self._handles: list[Any] = []

    def attach(self, module: Any, submodule: str | None = None) -> None:
        """Register the hooks.

        Raises:
            ConfigurationError: the module has no submodule of that name.
        """
        if submodule is not None:
            self._hook(_find_submodule(module, submodule), guess=False)
        elif (
            getattr(module, "_compiler_ctx", None) is None
        ):  # a hook would be compiled into the graph, and so change it
            self._hook(module, guess=False)
            for child in module.children():
                self._hook(child, guess=True)

    def detach(self) -> None:
        """Take every hook away again."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._size = self._named = self._guessed = None

    def arm(self, size: int | None) -> None:
        """Start to watch, for the outputs of a batch of `size` samples; None: watch nothing."""
        self._size, self._named, self._guessed = size, None, None

    def take(self) -> Any:
        """Return what was seen since :meth:`arm`, detached, or None; and stop to watch."""
        logits = self._guessed if self._named is None else self._named
        self.arm(None)
        return logits

    def see(self, output: Any, *, guess: bool) -> None:
        """Keep the logits of one output, if there are any and a step is watched."""
        logits = find_logits(output, self._size, strict=guess)
        if logits is None:
            return
        if hasattr(logits, "detach"):  # else the graph would live as long as the tap
            logits = logits.detach()
        if guess:
            self._guessed = logits
        else:
            self._named = logits

    def _hook(self, module: Any, *, guess: bool) -> None:
        hook = Hook(lambda _module, _inputs, output: self.see(output, guess=guess))
        try:
            self._handles.append(module.register_forward_hook(hook))
        except RuntimeError:  # a scripted module takes no hooks; its outputs stay unseen
            return


def _find_submodule(module: Any, name: str) -> Any:
    try:
        return module.get_submodule(name)
    except AttributeError:
        known = (
            ", ".join(repr(child) for child, _ in module.named_children())
            or "none: it has no children"
        )
        reason = f"{type(module).__name__} has no submodule of that name"
        raise ConfigurationError("submodule", name, reason, f"give one of {known}") from None
