"""F06 to F08: packets vanish both ways or one way, connections are reset in storms."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conditions import wait_until
from tests.faults.conftest import Measure
from tests.faults.netns import Network
from tests.faults.processes import Server, Trainer
from tests.faults.proxy import Proxy
from tests.faults.verdict import assert_delivered, assert_undisturbed

CONNECTED = "streaming"


@pytest.fixture
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


def outage(
    folder: Path, network: Network, seed: int, measure: Measure, seconds: float, *, up: bool = True
) -> tuple[float, float]:
    """Let packets vanish for so long; return when it was noticed, and when an acknowledgement came after."""
    with Server(folder, prefix=network.prefix) as server:
        trainer = Trainer(
            folder, server.grpc, prefix=network.prefix, steps=0, seed=seed, flush=15.0
        )
        trainer.wait_for_acknowledged(10, 20)
        network.lose(server.grpc_port, up=up)
        lost = time.monotonic()
        if seconds > 6:
            wait_until(lambda: trainer.last()["state"] != CONNECTED, 20, "the loss is noticed")
        noticed = time.monotonic() - lost
        wait_until(lambda: time.monotonic() - lost >= seconds, seconds + 1, "the outage is over")
        acknowledged = trainer.acknowledged
        network.heal()
        back = trainer.wait_for_acknowledged(acknowledged + 1, 20)
        trainer.finish()
        summary = assert_undisturbed(trainer, measure)
        assert summary["flushed"]
        assert_delivered(trainer, server, measure)
        return noticed, back


def test_f06_packets_vanish_for_a_while(
    folder: Path, network: Network, seed: int, measure: Measure
) -> None:
    noticed, back = outage(folder, network, seed, measure, 8.0)
    measure("half_open_sending_s", noticed)
    measure("back_after_5s", back)
    assert noticed <= 6.0
    assert back <= 3.0


@pytest.mark.faults_full
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("seconds", "bound"), [(5, 3.0), (30, 5.0), (300, 6.0)])
def test_f06_packets_vanish_for_long(
    folder: Path, network: Network, seed: int, measure: Measure, seconds: int, bound: float
) -> None:
    _, back = outage(folder, network, seed, measure, seconds)
    measure({5: "back_after_5s", 30: "back_after_30s", 300: "back_after_5min"}[seconds], back)
    assert back <= bound


@pytest.mark.faults_full
def test_f06_a_half_open_link_is_noticed_when_idle(
    folder: Path, network: Network, seed: int, measure: Measure
) -> None:
    with Server(folder, prefix=network.prefix) as server:
        trainer = Trainer(
            folder, server.grpc, prefix=network.prefix, steps=0, seed=seed, quiet_from=10
        )
        wait_until(lambda: trainer.last().get("quiet", 0) > 50, 30, "the training is quiet")
        network.lose(server.grpc_port)
        lost = time.monotonic()
        wait_until(lambda: trainer.last()["state"] != CONNECTED, 30, "the loss is noticed")
        noticed = time.monotonic() - lost
        measure("half_open_idle_s", noticed)
        network.heal()
        trainer.finish()
        assert_undisturbed(trainer, measure)
        assert noticed <= 15.0


def test_f07_only_acknowledgements_vanish(
    folder: Path, network: Network, seed: int, measure: Measure
) -> None:
    outage(folder, network, seed, measure, 4.0, up=False)


def test_f08_resets_in_storms(
    folder: Path, server: Server, chance: random.Random, measure: Measure
) -> None:
    with Proxy(server.grpc_port) as proxy:
        trainer = Trainer(folder, proxy.address, steps=0, flush=15.0)
        trainer.wait_for_acknowledged(1, 20)
        for _ in range(15):
            trainer.wait_for_steps(trainer.steps + chance.randint(1, 15), 20)
            proxy.reset_all()
        trainer.finish()
        summary = assert_undisturbed(trainer, measure)
        assert summary["flushed"]
        assert summary["reconnects"] >= 5
        assert_delivered(trainer, server, measure)


def test_f08_connections_cut_in_the_middle_of_a_message(
    folder: Path, server: Server, chance: random.Random, measure: Measure
) -> None:
    with Proxy(server.grpc_port) as proxy:
        proxy.cut_after = 30_000  # some frames of this training
        trainer = Trainer(folder, proxy.address, steps=0, flush=15.0)
        wait_until(lambda: proxy.accepted >= 5, 30, "connections are cut")
        proxy.cut_after = 0
        trainer.finish()
        assert_undisturbed(trainer, measure)
        assert_delivered(trainer, server, measure)
