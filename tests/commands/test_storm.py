"""Thousands of commands over everything that can go wrong: none is applied twice, none too late, and each is answered.

Real server processes, real monitors, and a link that stalls, delays and resets. ``COMMANDS=10000`` says how many are given, as
``nox -s commands`` does; a run of the tests gives some hundred. ``COMMANDS_SEED=N`` repeats a run.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.commands.world import Given, Place, Tally, Training

COMMANDS = int(os.environ.get("COMMANDS", "120"))
SEED = int(os.environ.get("COMMANDS_SEED") or random.SystemRandom().randrange(1 << 32))

LIFETIMES = st.sampled_from([0.15, 0.4, 1.0, 3.0, 60.0])
KINDS = st.sampled_from(["mark", "mark", "mark", "set", "set", "wrong", "pause", "resume"])


def going_on(machine: Any) -> bool:
    return not machine.done


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("place"))
    yield place
    place.close()


@pytest.mark.timeout(7200)
def test_each_command_is_applied_once_and_in_time_or_not_at_all_and_is_answered(
    place: Place, tmp_path: Path
) -> None:
    tally = Tally()

    class Storm(RuleBasedStateMachine):
        """One training, and people who give it commands over a bad link."""

        def __init__(self) -> None:
            super().__init__()
            self.done = tally.counts["given"] >= COMMANDS
            self.given: list[Given] = []
            if not self.done:
                tally.counts["trainings"] += 1
                self.training = Training(place, tally, tmp_path / f"{tally.counts['trainings']}")

        @precondition(going_on)
        @rule(kind=KINDS, lifetime=LIFETIMES, copies=st.integers(0, 2))
        def give(self, kind: str, lifetime: float, copies: int) -> None:
            self.given.append(self.training.give(kind, lifetime, copies))

        @precondition(going_on)
        @rule(kinds=st.lists(KINDS, min_size=4, max_size=20), lifetime=LIFETIMES)
        def give_many(self, kinds: list[str], lifetime: float) -> None:
            for kind in kinds:  # several at once, so they come in another order
                self.given.append(self.training.give(kind, lifetime, 0))

        @precondition(lambda self: self.given)
        @rule(data=st.data())
        def give_one_again(self, data: st.DataObject) -> None:
            self.training.repeat(data.draw(st.sampled_from(self.given)))

        @precondition(going_on)
        @rule(seconds=st.sampled_from([0.1, 0.3, 0.8]))
        def let_a_step_take_long(self, seconds: float) -> None:
            self.training.busy(seconds)

        @precondition(going_on)
        @rule(up=st.booleans(), down=st.booleans(), seconds=st.sampled_from([0.05, 0.3, 1.2]))
        def stall_the_link(self, up: bool, down: bool, seconds: float) -> None:
            place.proxy.up.stalled, place.proxy.down.stalled = up, down
            time.sleep(seconds)  # the fault itself, not a wait for something
            place.proxy.up.stalled = place.proxy.down.stalled = False

        @precondition(going_on)
        @rule(delay=st.sampled_from([0.0, 0.02, 0.2]))
        def delay_what_comes(self, delay: float) -> None:
            place.proxy.down.delay = delay

        @precondition(going_on)
        @rule()
        def reset_the_link(self) -> None:
            place.proxy.reset_all()

        @precondition(lambda self: place.up and self.given)
        @rule(away=st.sampled_from([0.0, 0.0, 0.5]))
        def kill_the_server(self, away: float) -> None:
            tally.counts["restarts"] += 1
            place.crash()
            if away:
                time.sleep(away)  # the fault itself
            place.come_back()

        @precondition(lambda self: self.done)
        @rule()
        def rest(self) -> None:
            """Enough was given."""

        def teardown(self) -> None:
            if not self.done:
                self.training.end()

    rounds = 0
    while tally.counts["given"] < COMMANDS:
        run_state_machine_as_test(
            seed(SEED + rounds)(Storm),
            settings=settings(
                max_examples=12,
                stateful_step_count=30,
                deadline=None,
                # Nothing is shrunk: a link does not fail twice in the same way.
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
                database=None,
            ),
        )
        rounds += 1
        assert tally.wrong == [], (
            f"COMMANDS_SEED={SEED + rounds - 1}\n{tally.table()}\n" + "\n".join(tally.wrong)
        )
    print(f"\nCOMMANDS_SEED={SEED}, {tally.counts['trainings']} trainings\n{tally.table()}")
    assert tally.counts["applied"] > COMMANDS / 4, "most of it was no void effort"
