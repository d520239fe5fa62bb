"""F09 to F11: a link of 256 kbit, delays with stalls, lost packets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.conditions import wait_until
from tests.faults.conftest import Measure
from tests.faults.netns import Network
from tests.faults.processes import Server, Trainer
from tests.faults.proxy import Proxy
from tests.faults.verdict import assert_delivered, assert_undisturbed


def test_f09_a_narrow_link(folder: Path, server: Server, seed: int, measure: Measure) -> None:
    with Proxy(server.grpc_port) as proxy:
        proxy.up.rate = proxy.down.rate = 256_000 / 8
        trainer = Trainer(folder, proxy.address, steps=200, seed=seed, flush=25.0)
        summary = assert_undisturbed(trainer, measure)
        assert summary["flushed"]
        assert summary["stripped"], "all images went through a link that is too narrow for them"
        assert_delivered(trainer, server, measure)


def delayed(folder: Path, server: Server, seed: int, measure: Measure, stall: float) -> None:
    with Proxy(server.grpc_port, seed) as proxy:
        for way in (proxy.up, proxy.down):
            way.delay = way.jitter = 0.5
        trainer = Trainer(folder, proxy.address, steps=0, seed=seed, flush=30.0)
        trainer.wait_for_acknowledged(5, 40)
        proxy.up.stalled = proxy.down.stalled = True
        trainer.wait_for_steps(trainer.steps + int(stall / trainer.plan.step_seconds), stall + 20)
        proxy.up.stalled = proxy.down.stalled = False
        trainer.wait_for_acknowledged(trainer.acknowledged + 1, 40)
        trainer.finish()
        summary = assert_undisturbed(trainer, measure)
        assert summary["flushed"]
        assert_delivered(trainer, server, measure)


def test_f10_delays_with_a_stall(folder: Path, server: Server, seed: int, measure: Measure) -> None:
    delayed(folder, server, seed, measure, 2.0)


@pytest.mark.faults_full
@pytest.mark.timeout(240)
def test_f10_delays_with_a_long_stall(
    folder: Path, server: Server, seed: int, measure: Measure
) -> None:
    delayed(folder, server, seed, measure, 30.0)


def test_f11_lost_packets(folder: Path, seed: int, measure: Measure) -> None:
    with Network() as network, Server(folder, prefix=network.prefix) as server:
        network.lose(server.grpc_port, share=0.05)
        trainer = Trainer(
            folder, server.grpc, prefix=network.prefix, steps=200, seed=seed, flush=20.0
        )
        summary = assert_undisturbed(trainer, measure)
        assert summary["flushed"]
        assert_delivered(trainer, server, measure)


def test_f10_a_server_that_stalls_swallows_no_more_than_its_credit(
    folder: Path, server: Server, seed: int, measure: Measure
) -> None:
    with Proxy(server.grpc_port) as proxy:
        trainer = Trainer(folder, proxy.address, steps=0, scalars=20, seed=seed, flush=20.0)
        trainer.wait_for_acknowledged(5, 20)
        proxy.up.stalled = True
        before = trainer.last()["memory"]
        trainer.wait_for_steps(trainer.steps + 100, 20)
        assert trainer.last()["memory"] - before < 16 << 20
        proxy.up.stalled = False
        trainer.finish()
        assert_undisturbed(trainer, measure)
        assert_delivered(trainer, server, measure)


def test_f09_nothing_waits_for_a_link_that_comes_and_goes(
    folder: Path, server: Server, seed: int, measure: Measure
) -> None:
    with Proxy(server.grpc_port) as proxy:
        proxy.refusing = True
        trainer = Trainer(folder, proxy.address, steps=0, seed=seed, flush=15.0)
        wait_until(lambda: proxy.accepted >= 2, 30, "the trainer tries")
        proxy.refusing = False
        trainer.wait_for_acknowledged(1, 20)
        trainer.finish()
        assert_undisturbed(trainer, measure)
        assert_delivered(trainer, server, measure)
