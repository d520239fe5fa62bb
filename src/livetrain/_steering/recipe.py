"""What was done to a training from outside, as a file that does it again: commands with the steps that they took effect at."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livetrain.exceptions import ConfigurationError

__all__ = ["RecipeStep", "read_recipe", "recipe_of", "still_to_come", "write_recipe"]

_KIND = "livetrain recipe 1"
_LEFT_OUT = ("pause", "resume")  # they change when a training happens, not what becomes of it


@dataclass(frozen=True, slots=True)
class RecipeStep:
    """One command; `step` is the first global step under it."""

    step: int
    verb: str
    parameters: Mapping[str, str]


def recipe_of(commands: Iterable[Mapping[str, Any]]) -> list[RecipeStep]:
    """Return the recipe of a run from its commands as ``GET /api/runs/{run_id}/commands`` lists them.

    Those that took effect and change the result, by step.
    """
    steps = [
        RecipeStep(int(c["applied_step"]), c["verb"], dict(c["parameters"]))
        for c in sorted(commands, key=lambda c: c["issued_at"])
        if c["state"] == "applied" and c["verb"] not in _LEFT_OUT
    ]
    return sorted(steps, key=lambda step: step.step)


def still_to_come(steps: Iterable[RecipeStep], resumed_at: int) -> list[RecipeStep]:
    """Return what is left of a recipe for a training that goes on at step `resumed_at`; 0: it begins.

    What was done before that step, or before it was made, is in the checkpoint.

    Example:
        >>> still_to_come([RecipeStep(5, "set", {}), RecipeStep(9, "stop", {})], resumed_at=5)
        [RecipeStep(step=9, verb='stop', parameters={})]
    """
    return [step for step in steps if not resumed_at or step.step > resumed_at]


def write_recipe(steps: Iterable[RecipeStep], run: str) -> str:
    """Return a recipe as the text of its file."""
    commands = [{"step": s.step, "verb": s.verb, "parameters": dict(s.parameters)} for s in steps]
    return json.dumps({"kind": _KIND, "run": run, "commands": commands}, indent=2) + "\n"


def read_recipe(path: str | Path) -> list[RecipeStep]:
    """Read a recipe's file.

    Raises:
        ConfigurationError: it cannot be read, or is none.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if content["kind"] != _KIND:
            raise ValueError(f"its kind is {content['kind']!r}")
        return [
            RecipeStep(
                int(command["step"]),
                str(command["verb"]),
                {str(name): str(value) for name, value in command["parameters"].items()},
            )
            for command in content["commands"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            "recipe",
            str(path),
            f"not a recipe that can be read ({error})",
            "make one with `livetrain recipe RUN --output FILE`",
        ) from error
