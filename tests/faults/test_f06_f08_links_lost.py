"""F06 to F08: packets vanish both ways or one way, connections are reset in storms."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conditions import wait_until
from tests.faults.conftest import Measure
from tests.faults.ledger import read_store
from tests.faults.netns import Network
from tests.faults.processes import Server, Trainer, Viewer
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
        (stream,) = read_store(server.data_dir)
        viewer = Viewer(folder, server, stream.run_id, prefix=network.prefix)
        wait_until(lambda: contacts(viewer), 20, "the viewer sees the run")
        network.lose(server.grpc_port, up=up)
        lost = time.monotonic()
        if seconds > 6:
            wait_until(lambda: trainer.last()["state"] != CONNECTED, 20, "the loss is noticed")
        noticed = time.monotonic() - lost
        wait_until(lambda: time.monotonic() - lost >= seconds, seconds + 1, "the outage is over")
        acknowledged = trainer.acknowledged
        network.heal()
        back = trainer.wait_for_acknowledged(acknowledged + 1, 20)
        wait_until(lambda: contacts(viewer)[-1][1] == "alive", 10, "the run is alive again")
        trainer.finish()
        summary = assert_undisturbed(trainer, measure)
        assert summary["flushed"]
        assert_delivered(trainer, server, measure)
        if up:
            assert_words(contacts(viewer), lost, seconds)
        return noticed, back


def contacts(viewer: Viewer) -> list[tuple[float, str]]:
    """Return what the viewer was told of the trainer's contact, and when."""
    return [(e["time"], e["contact"]) for e in viewer.entries() if e["kind"] == "state"]


def assert_words(told: list[tuple[float, str]], lost: float, seconds: float) -> None:
    """Assert that silence was called stale after 5 seconds and lost after 30, and never anything worse."""
    during = {word: at - lost for at, word in reversed(told) if lost <= at < lost + seconds}
    assert set(during) <= {"alive", "stale", "lost"}
    if seconds > 6:
        assert 4.0 <= during["stale"] <= 7.0  # `lost` was taken some subprocesses after the packets
    if seconds > 32:
        assert 29.5 <= during["lost"] <= 31.5
    else:
        assert "lost" not in during


def test_f06_packets_vanish_for_a_while(
    folder: Path, network: Network, seed: int, measure: Measure
) -> None:
    noticed, back = outage(folder, network, seed, measure, 8.0)
    measure("half_open_sending_s", noticed)
    measure("back_after_5s", back)
    # The report's bound is 6 s: of those 5 are the kernel's, and a busy machine may take more than the rest.
    assert noticed <= 7.0
    assert back <= 3.0


@pytest.mark.faults_full
@pytest.mark.timeout(700)
@pytest.mark.parametrize(
    ("seconds", "figure", "bound"),
    [
        (5, "back_after_5s", 3.0),
        (30, "back_after_30s", 5.0),
        (60, "", 6.0),
        (300, "back_after_5min", 6.0),
        (600, "", 6.0),
    ],
)
def test_f06_packets_vanish_for_long(
    folder: Path,
    network: Network,
    seed: int,
    measure: Measure,
    seconds: int,
    figure: str,
    bound: float,
) -> None:
    _, back = outage(folder, network, seed, measure, seconds)
    if figure:
        measure(figure, back)
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


@pytest.mark.faults_full
def test_f07_only_acknowledgements_vanish_for_long(
    folder: Path, network: Network, seed: int, measure: Measure
) -> None:
    outage(folder, network, seed, measure, 20.0, up=False)


def test_f08_resets_in_storms(
    folder: Path, server: Server, chance: random.Random, measure: Measure
) -> None:
    with Proxy(server.grpc_port) as proxy:
        trainer = Trainer(folder, proxy.address, steps=0, flush=15.0)
        trainer.wait_for_acknowledged(1, 20)
        for _ in range(15):
            trainer.wait_for_steps(trainer.steps + chance.randint(1, 15), 20)
            proxy.reset_all()
        for _ in range(5):  # these meet an open stream, whatever the storm met
            trainer.wait_for_acknowledged(trainer.acknowledged + 1, 20)
            before = proxy.accepted
            proxy.reset_all()
            wait_until(lambda n=before: proxy.accepted > n, 20, "it comes back")
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
