"""A hand-written data-parallel loop on several ranks: one run, one step for every change, and nobody hangs because of us."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.faults.conditions import wait_until
from tests.faults.processes import Server
from tests.integration.ranks.world import PATIENCE, Ranks

pytestmark = pytest.mark.timeout(240)


def test_every_rank_does_the_same_before_the_same_step(server: Server, tmp_path: Path) -> None:
    ranks = Ranks(tmp_path / "ranks", server, 2, scheduler=True)
    ranks.wait_until_steerable()
    done = ranks.do("set", {"learning_rate": 0.05})
    step = done["applied_step"]
    assert (done["state"], done["ranks"], done["message"]) == ("applied", [0, 1], "")
    ranks.wait_for_step(step + 2)
    for rank in range(2):
        rates = ranks.rates(rank)
        assert rates[step - 1] != 0.05
        assert {rates[made] for made in rates if made >= step} == {0.05}

    paused = ranks.do("pause")
    assert (paused["state"], paused["ranks"]) == ("applied", [0, 1])
    made = [len(ranks.told(rank)) for rank in range(2)]
    heard = ranks.run()["last_heard_at"]
    wait_until(
        lambda: ranks.run()["last_heard_at"] > heard + 2, PATIENCE, "heartbeats go on meanwhile"
    )
    assert [len(ranks.told(rank)) for rank in range(2)] == made == [paused["applied_step"]] * 2
    while_paused = ranks.do("set", {"learning_rate": "x0.5"})
    assert while_paused["applied_step"] == paused["applied_step"]
    assert ranks.do("resume")["ranks"] == [0, 1]
    ranks.wait_for_step(paused["applied_step"] + 2)

    stopped = ranks.do("stop")
    assert ranks.wait() == [0, 0]
    assert [len(ranks.told(rank)) for rank in range(2)] == [stopped["applied_step"]] * 2
    ranks.assert_weights_are_equal()
    run = ranks.run()
    assert (run["status"], run["message"]) == ("finished", "stopped by ada")


def test_a_run_has_a_stream_for_each_rank_and_rank_0_speaks_for_it(
    server: Server, tmp_path: Path
) -> None:
    ranks = Ranks(tmp_path / "ranks", server, 2, steps=60)
    assert ranks.wait() == [0, 0]
    wait_until(lambda: ranks.run()["status"] == "finished", PATIENCE, "the end is told")
    run = ranks.run()
    assert sorted(stream["rank"] for stream in run["streams"]) == [0, 1]
    assert [(r["rank"], r["status"], r["steps"]) for r in run["ranks"]] == [
        (0, "finished", 60),
        (1, "finished", 60),
    ]
    assert (run["world_size"], run["steps"], run["remarks"]) == (2, 60, [])
    metrics = ranks.ask("/metrics?names=loss,rank1/loss")["metrics"]
    for name in ("loss", "rank1/loss"):
        assert metrics[name]["steps"] == list(range(60)), "no rank's points are in another's curve"
    assert metrics["loss"]["values"] != metrics["rank1/loss"]["values"]
    assert ranks.frames_sent(0) > 0
    assert ranks.frames_sent(1) == 0, "rank 0 sends the images"


def test_each_rank_may_send_images_of_its_own(server: Server, tmp_path: Path) -> None:
    ranks = Ranks(tmp_path / "ranks", server, 2, steps=60, images=True)
    assert ranks.wait() == [0, 0]
    sent = [ranks.frames_sent(rank) for rank in range(2)]
    assert min(sent) > 0
    wait_until(lambda: ranks.run()["frames"] == sum(sent), PATIENCE, "the server has them all")


def test_who_the_others_wait_for_is_said_though_every_step_takes_as_long(
    server: Server, tmp_path: Path
) -> None:
    ranks = Ranks(tmp_path / "ranks", server, 2, slow={"1": 0.04})
    ranks.wait_until_steerable()

    def said() -> bool:
        return any("wait for rank 1" in remark for remark in ranks.run()["remarks"])

    def in_step() -> (
        bool
    ):  # once both have told of the same steps: each reports when it comes to it
        first, second = ranks.run()["ranks"]
        alike = first["step_ms"] == pytest.approx(second["step_ms"], rel=0.3)
        return alike and bool(second["own_ms"] > 40 > first["own_ms"])

    wait_until(said, PATIENCE, "the straggler is named")
    wait_until(in_step, PATIENCE, "every step takes as long on both, and rank 1 is what takes it")
    ranks.do("stop")
    assert ranks.wait() == [0, 0]


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
def test_a_rank_that_dies_leaves_nobody_waiting_for_us(
    server: Server, tmp_path: Path, paused: bool
) -> None:
    ranks = Ranks(tmp_path / "ranks", server, 2)
    ranks.wait_until_steerable()
    if paused:
        assert ranks.do("pause")["state"] == "applied"
    ranks.processes[1].kill()
    died = time.monotonic()
    assert ranks.processes[0].wait(30) == 1, "its own collective failed, as it does without us"
    assert time.monotonic() - died < 10
    assert "remote worker" in ranks.processes[0].stderr, "the error comes through as what it is"
    run = wait_until(
        lambda: (found := ranks.run())["status"] == "failed" and found, PATIENCE, "it is told"
    )
    assert "Error" in run["message"]
    assert run["ranks"][1]["status"] not in ("failed", "finished"), "silence is no crash"


def test_a_rank_that_is_silent_is_said_in_words(server: Server, tmp_path: Path) -> None:
    ranks = Ranks(tmp_path / "ranks", server, 2)
    ranks.wait_until_steerable()
    ranks.do("pause")
    ranks.processes[1].signal(19)  # SIGSTOP: it is there, and says nothing

    def silence_is_said() -> bool:
        return any("Rank 1 has not been heard" in said for said in ranks.run()["remarks"])

    wait_until(silence_is_said, PATIENCE, "the silence is said")
    ranks.processes[1].signal(18)
    wait_until(lambda: not silence_is_said(), PATIENCE, "and that it is over")
    assert ranks.do("resume")["ranks"] == [0, 1]
    ranks.do("stop")
    assert ranks.wait() == [0, 0]


def test_without_sync_nothing_is_offered_and_nothing_happens(
    server: Server, tmp_path: Path
) -> None:
    ranks = Ranks(tmp_path / "ranks", server, 2, sync=False, steps=200)
    ranks.wait_until_here()
    done = ranks.do("stop")
    assert done["state"] == "rejected"
    assert "its loop does not call monitor.sync" in done["message"]
    assert ranks.wait() == [0, 0]
    assert len(ranks.told(0)) == 200


def test_a_rank_whose_optimizer_is_not_attached_is_told_of(server: Server, tmp_path: Path) -> None:
    ranks = Ranks(tmp_path / "ranks", server, 2, attach=[0])
    ranks.wait_until_steerable()
    done = ranks.do("set", {"learning_rate": 0.05})
    assert done["state"] == "rejected"
    assert "rank 1 does not let learning_rate be set" in done["message"]
    ranks.do("stop")
    assert ranks.wait() == [0, 0]
    assert {rate for rank in range(2) for rate in ranks.rates(rank).values()} == {0.1}
    ranks.assert_weights_are_equal()
