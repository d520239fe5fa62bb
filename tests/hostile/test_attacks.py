"""A slice of the attacks: nobody beside them is harmed, and the store is whole after all of it.

The bounds are far wider than those of ``nox -s hostile``, which measures on a machine that does nothing else. What they are on is
what the server computes, not how long it takes: other work on this machine is no part of that.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from itertools import groupby

import pytest

from tests.hostile.attack import Attack, Target
from tests.hostile.attacks import all_attacks, attack_called
from tests.hostile.bystanders import Bystanders, server_cpu_seconds
from tests.hostile.harness import Calm, carry_out, endure, integrity, store_folder
from tests.integration.server.processes import ServerProcess, until

SECONDS = 1.2
HEALTH_CPU = 0.5
ACK_CPU = 1.5
"""Of a server whose event loop belongs to whoever has most to say, both are 2 to 20 seconds in these attacks."""

SLICE = sorted((a for a in all_attacks() if a.slice), key=lambda a: (a.before, a.flags))
GROUPS = [list(group) for _, group in groupby(SLICE, key=lambda a: (a.before, a.flags))]


@pytest.fixture(
    scope="module", params=GROUPS, ids=lambda group: " ".join(group[0].before) or "plain"
)
def attacked(
    request: pytest.FixtureRequest,
) -> Iterator[tuple[ServerProcess, Bystanders, list[Attack]]]:
    """One server for all attacks that need no other, and those beside it; when all is over, its store is looked at."""
    group: list[Attack] = request.param
    with store_folder() as folder:
        with ServerProcess(folder / "data", *group[0].flags, before=group[0].before) as server:
            with Bystanders(server) as bystanders:
                yield server, bystanders, group
            assert server.stop() == 0, "it ends in order after all of it"
            assert not any("Traceback" in line for line in server.log), server.log[-20:]
        assert integrity(folder / "data") == "ok"


def test_nobody_beside_an_attack_is_harmed(
    attacked: tuple[ServerProcess, Bystanders, list[Attack]],
) -> None:
    server, bystanders, attacks = attacked
    for attack in attacks:
        row = endure(server, bystanders, attack, seconds=SECONDS, usual=Calm(0.07, 0.01))
        assert row.unharmed, f"{row}; {server.log[-20:]}"
        assert row.health_cpu <= HEALTH_CPU, row
        assert row.ack_cpu <= ACK_CPU, row
        assert row.log_lines <= attack.log_lines + 40, server.log[-row.log_lines :]


def test_sigterm_is_obeyed_in_the_midst_of_an_attack() -> None:
    attack = attack_called("relay: tiny texts, 40 viewers")
    with store_folder() as folder:
        with (
            ServerProcess(folder / "data") as server,
            carry_out(attack, Target(server.grpc, server.http, server.relay, ""), 3.0),
        ):
            cpu = server_cpu_seconds(server.process.pid)
            server.process.send_signal(signal.SIGTERM)
            until(lambda: any("stopping" in line for line in server.log), "the word of it")
            used = server_cpu_seconds(server.process.pid) - cpu
            assert server.process.wait(60) == 0
        assert used <= HEALTH_CPU, "it was told at once"
        assert integrity(folder / "data") == "ok"
