"""The governor in simulated time: the budget holds, frames are evenly spaced, and the steps come in their order."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livetrain._budget import Governor
from livetrain.proto import telemetry_pb2 as pb


@dataclass
class Training:
    """A training whose steps take time, and whose frames cost some."""

    governor: Governor
    step: float = 0.01  # seconds
    frame: float = 0.0005  # training-thread seconds of a frame
    scalar: float = 0.00002  # of a step without one
    encode: float = 0.004  # background CPU seconds of a frame at quality 85 and full size
    cpus: float = 2.0
    jitter: float = 0.0  # of the step, a share
    spikes: float = 0.0  # share of frames that cost four times as much
    seed: int = 0
    now: float = 1000.0
    frames: list[float] = field(default_factory=list)
    reasons: list[int] = field(default_factory=list)
    spent_training: float = 0.0
    spent_background: float = 0.0
    steps: int = 0

    def run(self, seconds: float) -> Training:
        draw = random.Random(self.seed)
        end = self.now + seconds
        while self.now < end:
            reason = self.governor.admit(self.now)
            cost = self.scalar
            if reason == pb.STRIP_REASON_NONE:
                self.frames.append(self.now)
                cost += self.frame * (4 if draw.random() < self.spikes else 1)
                quality, size = self.governor.settings
                encoding = self.encode * (size / 256) ** 2 * (1 if quality > 75 else 1 / 1.15)
                self.governor.background_time(encoding)
                self.spent_background += encoding
            else:
                self.reasons.append(reason)
            self.governor.training_time(cost)
            self.spent_training += cost
            self.now += cost + self.step * (1 + self.jitter * draw.uniform(-1, 1))
            self.steps += 1
        return self

    def settle(self, seconds: float = 40.0) -> Training:
        """Run, and forget what was before."""
        self.run(seconds)
        self.frames.clear()
        self.reasons.clear()
        self.spent_training = self.spent_background = 0.0
        self.steps = 0
        return self

    def overhead(self, seconds: float) -> float:
        """What counts as overhead, worked out from what was really spent."""
        return (self.spent_training + 0.75 * self.spent_background / self.cpus) / seconds

    def gaps(self) -> list[float]:
        return [b - a for a, b in zip(self.frames, self.frames[1:], strict=False)]


def training(budget: float = 0.01, max_fps: float = 60.0, **how: float) -> Training:
    made = Training(Governor(budget, max_fps, cpus=2.0), **how)  # type: ignore[arg-type]
    made.settle()
    return made


@settings(max_examples=25)
@given(
    budget=st.sampled_from([0.003, 0.01, 0.1]),
    step=st.floats(0.01, 0.2),
    frame=st.floats(0.0001, 0.004),
    encode=st.floats(0.0005, 0.03),
    jitter=st.sampled_from([0.0, 0.3]),
    spikes=st.sampled_from([0.0, 0.05]),
    seed=st.integers(0, 99),
)
def test_the_budget_holds_in_steady_state(
    budget: float, step: float, frame: float, encode: float, jitter: float, spikes: float, seed: int
) -> None:
    run = training(
        budget, step=step, frame=frame, encode=encode, jitter=jitter, spikes=spikes, seed=seed
    )
    run.scalar = min(run.scalar, 0.2 * budget * step)
    run.settle(20)
    # Long enough that no single frame is more than a hundredth of what may be spent.
    seconds = max(60.0, 400 * frame / budget)
    run.run(seconds)
    assert run.overhead(seconds) <= 1.2 * budget


def test_the_overhead_that_is_told_is_the_one_that_is_spent() -> None:
    run = training(0.01, step=0.02, jitter=0.3)
    run.run(30)
    assert run.governor.overhead == pytest.approx(run.overhead(30), rel=0.1)


@settings(max_examples=15)
@given(
    budget=st.sampled_from([0.003, 0.01, 0.03]),
    frame=st.floats(0.0005, 0.01),
    encode=st.floats(0.001, 0.01),
)
def test_the_budget_is_used(budget: float, frame: float, encode: float) -> None:
    run = training(budget, step=0.005, frame=frame, encode=encode, scalar=0.0)
    run.run(60)
    limited = run.steps > len(run.frames) and len(run.frames) / 60 < 58
    assert not limited or run.overhead(60) >= 0.8 * budget


@settings(max_examples=20)
@given(
    step=st.floats(0.005, 0.05),
    frame=st.floats(0.0002, 0.005),
    encode=st.floats(0.001, 0.01),
    max_fps=st.sampled_from([5.0, 24.0, 60.0]),
)
def test_frames_are_evenly_spaced(step: float, frame: float, encode: float, max_fps: float) -> None:
    run = training(0.01, max_fps, step=step, frame=frame, encode=encode)
    run.run(30)
    gaps = run.gaps()
    longest_step = step + frame + run.scalar
    mean = sum(gaps) / len(gaps)
    assert max(gaps) <= 1.1 * mean + longest_step
    assert min(gaps) >= 0.9 * mean - longest_step


@pytest.mark.parametrize("max_fps", [1.0, 10.0, 24.0, 60.0])
def test_max_fps_is_reached_and_not_passed(max_fps: float) -> None:
    run = training(1.0, max_fps, step=0.004)
    run.run(30)
    assert 0.97 * max_fps <= len(run.frames) / 30 <= 1.02 * max_fps
    assert set(run.reasons) == {pb.STRIP_REASON_RATE}


def test_steps_that_jitter_around_the_rate_lose_no_frame() -> None:
    run = training(1.0, 60.0, step=1 / 60 - 0.00052, frame=0.0005, jitter=0.2)
    run.run(30)
    assert len(run.frames) >= 0.97 * run.steps


def test_steps_behind_one_that_was_held_up_have_their_frames() -> None:
    run = training(1.0, 60.0, step=1 / 60 - 0.00052, frame=0.0005)
    due = run.now
    for index in range(600):
        due += 1 / 60
        held_up = 0.03 if index % 10 == 0 else 0.0  # less than two steps
        run.now = max(run.now + 0.0005, due + held_up)
        assert run.governor.admit(run.now) == pb.STRIP_REASON_NONE, index
        run.governor.training_time(0.0005)


def test_a_slow_training_sends_every_step() -> None:
    run = training(0.01, step=0.5)
    run.run(60)
    assert len(run.frames) == run.steps
    assert run.governor.settings == (85, 256)
    assert run.governor.describe(run.now).startswith("Every step has its frame: quality 85, 256 px")


def test_the_first_frame_comes_at_once() -> None:
    assert Governor(0.01, 60.0).admit(5.0) == pb.STRIP_REASON_NONE


def test_when_somebody_comes_to_look_the_next_frame_is_due_at_once() -> None:
    governor = Governor(1.0, 60.0)
    governor.wish(1000)
    assert governor.admit(10.0) == pb.STRIP_REASON_NONE
    assert governor.admit(10.1) == pb.STRIP_REASON_UNWATCHED
    governor.wish(0)
    assert governor.admit(10.2) == pb.STRIP_REASON_NONE
    governor.wish(0)
    assert governor.admit(10.201) == pb.STRIP_REASON_RATE


def test_the_servers_wish_slows_frames_and_is_taken_back() -> None:
    run = training(1.0, 60.0)
    run.governor.wish(500)
    run.settle(10)
    run.run(30)
    assert 58 <= len(run.frames) <= 62
    assert set(run.reasons) == {pb.STRIP_REASON_UNWATCHED}
    assert "as the server wishes" in run.governor.describe(run.now)
    run.governor.wish(0)
    run.settle(2)
    run.run(10)
    assert len(run.frames) > 500


def test_pressure_lowers_quality_first_then_size_then_rate() -> None:
    governor = Governor(0.01, 60.0, cpus=2.0)
    run = Training(governor, step=0.01, encode=0.02)
    seen: list[tuple[int, int]] = []
    for _ in range(300):
        run.run(0.2)
        if not seen or seen[-1] != governor.settings:
            seen.append(governor.settings)
    assert seen == [(85, 256), (75, 256), (75, 192), (75, 128)]
    run.settle(30)
    run.run(60)
    assert run.reasons
    assert set(run.reasons) == {pb.STRIP_REASON_BUDGET}
    assert "to stay within the overhead budget" in governor.describe(run.now)


def test_pressure_on_the_training_thread_leaves_quality_alone() -> None:
    run = training(0.01, step=0.01, frame=0.01, encode=0.0001)
    run.run(30)
    assert run.governor.settings == (85, 256)
    assert len(run.frames) < 40


def test_quality_and_size_come_back() -> None:
    run = training(0.01, step=0.01, encode=0.02)
    assert run.governor.settings == (75, 128)
    run.encode = 0.0005
    run.settle(60)
    assert run.governor.settings == (85, 256)


def test_settings_do_not_swing_in_steady_state() -> None:
    run = training(0.01, step=0.01, encode=0.012, jitter=0.3, spikes=0.05)
    changes, before = 0, run.governor.settings
    for _ in range(600):
        run.run(0.2)
        changes += run.governor.settings != before
        before = run.governor.settings
    assert changes <= 4


def test_scalars_that_use_up_the_budget_leave_frames_a_tenth_of_it() -> None:
    run = training(0.01, step=0.001, scalar=0.0001, frame=0.001, encode=0.0)
    run.run(60)
    assert 30 <= len(run.frames) <= 90  # a tenth of 1 % of 60 s is 60 frames of 1 ms


def test_a_cheap_training_goes_on_after_a_hiccup() -> None:
    run = training(0.01, step=0.01)
    before = len(run.run(10).frames)
    run.governor.training_time(0.5)  # the machine hung for half a second
    run.frames.clear()
    run.run(10)
    assert len(run.frames) >= 0.5 * before


def test_an_expensive_first_frame_does_not_stop_the_next() -> None:
    governor = Governor(0.01, 60.0, cpus=2.0)
    assert governor.admit(0.0) == pb.STRIP_REASON_NONE
    governor.training_time(0.3)  # imports, first memory
    run = Training(governor, now=0.31).run(10)
    assert len(run.frames) > 20


def test_low_quality_of_the_users_is_not_raised() -> None:
    governor = Governor(0.01, 60.0, quality=50, max_size=64, cpus=2.0)
    assert governor.settings == (50, 64)
    Training(governor, encode=0.5).run(60)
    assert governor.settings == (50, 32)


def test_what_is_said_before_the_first_frame() -> None:
    assert Governor(0.01, 60.0).describe(0.0).startswith("No frame yet: quality 85, 256 px")


def test_what_steps_cost_anyway_is_not_a_frames() -> None:
    run = training(0.01, step=0.05, scalar=0.0003, frame=0.001, encode=0.0)
    run.run(60)
    # Of 1 %, 0.6 go to the numbers of 20 steps a second.
    assert len(run.frames) / 60 == pytest.approx((0.0095 - 0.006) / 0.001, rel=0.1)


@dataclass
class Call:
    """One call of a training, and what it costs."""

    kind: str
    wait: float  # seconds since the one before
    cost: float  # training-thread seconds
    background: float  # CPU seconds


@settings(max_examples=60)
@given(
    kinds=st.sets(st.sampled_from(["log", "epoch", "batch", "plain batch"]), min_size=1),
    wait=st.sampled_from([0.0001, 0.002, 0.05, 1.5, 30.0]),
    cost=st.floats(1e-6, 5e-4),
    background=st.floats(0.0, 2e-4),
    seed=st.integers(0, 99),
)
def test_the_overhead_that_is_told_is_true_whatever_is_called(
    kinds: set[str], wait: float, cost: float, background: float, seed: int
) -> None:
    """Against the costs of the last ten seconds, the older ones faded, over the time that they came in."""
    draw = random.Random(seed)
    governor = Governor(0.01, 60.0, cpus=2.0)
    now = began = 500.0
    governor.pass_time(now)
    spent: list[tuple[float, float]] = []
    metered_at = now
    for _ in range(min(4000, max(50, int(40 / wait)))):
        now += wait * draw.uniform(0.5, 1.5)
        kind = draw.choice(sorted(kinds))
        took = cost * draw.uniform(0.5, 1.5)
        if kind == "batch":
            governor.admit(now)
        elif kind == "plain batch":
            governor.pass_over(now)
        elif now - metered_at >= 0.05:  # as the engine does with what is no step
            metered_at = now
            governor.pass_time(now)
        governor.training_time(took)
        governor.background_time(0.0, background)
        spent.append((now, took + 0.75 * background / 2.0))
    for later in (now, now + 0.4, now + 20.0):
        faded = sum(cost * math.exp((at - later) / 10) for at, cost in spent)
        age = 10 * (1 - math.exp((began - later) / 10))
        assert governor.overhead_at(later) == pytest.approx(faded / max(age, 1.0), rel=0.02)
    before = governor.overhead
    governor.overhead_at(now + 1000.0, encoding=1.0)
    assert governor.overhead == before, "asking changes nothing"


def test_what_a_run_of_numbers_alone_costs_is_a_share_of_its_time() -> None:
    """An hour of a number each 10 ms at 30 us: 0.3 %, not the sum of all that was ever spent."""
    governor = Governor(0.01, 60.0)
    now = 0.0
    for _ in range(360_000):
        now += 0.01
        governor.pass_over(now)
        governor.training_time(30e-6)
    assert governor.overhead_at(now) == pytest.approx(0.003, rel=0.02)


def test_frames_have_what_numbers_of_a_run_without_images_left() -> None:
    """Steps without images use four fifths of the budget by themselves: frames that come later take the rest."""
    governor = Governor(0.01, 60.0, cpus=2.0)
    run = Training(governor, step=0.01, scalar=0.00008, frame=0.0005, encode=0.001)
    while run.now < 1060.0:
        governor.pass_over(run.now)
        governor.training_time(run.scalar)
        run.now += run.step + run.scalar
    run.settle(20)
    run.run(60)
    assert run.overhead(60) <= 1.15 * 0.01
    assert run.frames
