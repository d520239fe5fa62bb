"""A recipe: what was done to one run, done to another at the same steps."""

from __future__ import annotations

import types
from pathlib import Path

import pytest

import livetrain
from livetrain._steering.control import Control
from livetrain._steering.rates import learning_rates
from livetrain._steering.recipe import RecipeStep, read_recipe, recipe_of, write_recipe
from livetrain.config import ControlOptions


def command(
    verb: str, step: int | None, state: str = "applied", at: float = 0.0, **parameters: str
) -> dict[str, object]:
    return {
        "verb": verb,
        "applied_step": step,
        "state": state,
        "issued_at": at,
        "parameters": parameters,
    }


def test_it_holds_what_took_effect_by_step() -> None:
    commands = [
        command("stop", 90, at=4.0),
        command("set", 20, at=2.0, learning_rate="undo"),
        command("set", 20, at=1.0, learning_rate="x0.5"),
        command("set", None, "rejected", learning_rate="nan"),
        command("pause", 30),
        command("resume", 30),
    ]
    assert recipe_of(commands) == [
        RecipeStep(20, "set", {"learning_rate": "x0.5"}),
        RecipeStep(20, "set", {"learning_rate": "undo"}),
        RecipeStep(90, "stop", {}),
    ]


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    steps = [RecipeStep(3, "set", {"learning_rate": "0.1"}), RecipeStep(9, "stop", {})]
    file = tmp_path / "recipe.json"
    file.write_text(write_recipe(steps, "r1"))
    assert read_recipe(file) == steps


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"kind": "other", "commands": []}',
        '{"kind": "livetrain recipe 1", "commands": [1]}',
    ],
)
def test_a_file_that_is_none_is_refused_with_the_mend(tmp_path: Path, content: str) -> None:
    file = tmp_path / "recipe.json"
    file.write_text(content)
    with pytest.raises(livetrain.ConfigurationError, match="make one with `livetrain recipe"):
        livetrain.Monitor(enabled=False, recipe=file)


def test_commands_are_carried_out_at_their_steps() -> None:
    groups = [{"lr": 0.1}]
    steps = [
        RecipeStep(3, "set", {"learning_rate": "0.5"}),
        RecipeStep(5, "set", {"learning_rate": "undo"}),
    ]
    control = Control(ControlOptions(), answer=lambda outcome: None, recipe=steps)
    optimizer = types.SimpleNamespace(param_groups=groups)
    control.allow_setting(*learning_rates(optimizer, 0.0, 10.0, "learning_rate"))
    rates = []
    for step in range(1, 7):  # the boundary before each step
        control.boundary(step)
        rates.append(groups[0]["lr"])
    assert rates == [0.1, 0.1, 0.5, 0.5, 0.1, 0.1]
