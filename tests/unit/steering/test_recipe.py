"""A recipe: what was done to one run, done to another at the same steps."""

from __future__ import annotations

import types
from pathlib import Path

import pytest

import livetrain
from livetrain._steering.command import Command, Outcome
from livetrain._steering.control import Control
from livetrain._steering.rates import learning_rates
from livetrain._steering.recipe import RecipeStep, read_recipe, recipe_of, write_recipe
from livetrain.config import ControlOptions
from livetrain.proto import telemetry_pb2 as pb


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


def test_a_replay_says_what_it_is_on_every_rank_and_what_cannot_be_done_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    groups = [{"lr": 0.1}]
    told: dict[int, list[Outcome]] = {0: [], 1: []}
    steps = [
        RecipeStep(2, "set", {"learning_rate": "0.05"}),
        RecipeStep(3, "set", {"batch_size": "8"}),
    ]
    ranks = [
        Control(ControlOptions(), told[0].append, recipe=steps),
        Control(ControlOptions(), told[1].append, rank=1),
    ]
    for control in ranks:
        optimizer = types.SimpleNamespace(param_groups=groups)
        control.allow_setting(*learning_rates(optimizer, 0.0, 1.0, "learning_rate"))
    for step in (1, 2, 3):
        decision = ranks[0].decide(step)
        for control in ranks:
            control.carry_out(decision, step)
    applied = [told[rank][-1 if rank else 1] for rank in (0, 1)]
    assert [(o.state, o.applied_step) for o in applied] == [(pb.APPLIED, 2)] * 2
    for outcome in applied:
        assert outcome.replay is not None
        assert (outcome.replay.verb, outcome.replay.parameters) == (
            "set",
            {"learning_rate": "0.05"},
        )
    refused = told[0][-1]
    assert (refused.state, refused.replay.parameters) == (pb.REJECTED, {"batch_size": "8"})
    assert (
        "the recipe's set batch_size=8 was not carried out: this training does not let batch_size be set"
        in caplog.text
    )


def test_what_was_done_before_a_checkpoint_is_not_done_again(tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    halve = {"learning_rate": "x0.5"}
    file.write_text(write_recipe([RecipeStep(5, "set", halve), RecipeStep(9, "set", halve)], "r1"))
    place = {"session_id": "s", "resume_token": "t", "step": 5, "epoch": 0}
    groups = [{"lr": 0.05}]  # as the checkpoint has it: halved once
    monitor = livetrain.Monitor(enabled=False, recipe=file, resume=place)
    monitor.attach(types.SimpleNamespace(param_groups=groups))
    rates = {}
    for step in range(5, 12):
        monitor._steering.boundary(step, 0)
        rates[step] = groups[0]["lr"]
    assert rates == {5: 0.05, 6: 0.05, 7: 0.05, 8: 0.05, 9: 0.025, 10: 0.025, 11: 0.025}


def test_whoever_calls_himself_recipe_is_none() -> None:
    told: list[Outcome] = []
    control = Control(ControlOptions(), told.append)
    control.receive(Command("c", "pause", issued_by="recipe"))
    control.receive(Command("d", "set", {"learning_rate": "1"}, issued_by="recipe"))
    assert [outcome.replay for outcome in told] == [None, None]
