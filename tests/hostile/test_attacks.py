"""A slice of the attacks: nobody beside them is harmed, and the store is whole after all of it.

The bounds are far wider than those of ``nox -s hostile``, which measures on a machine that does nothing else. What they are on is
what the server computes, not how long it takes: other work on this machine is no part of that.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import pytest

from tests.hostile.attack import Attack
from tests.hostile.attacks import all_attacks
from tests.hostile.bystanders import Bystanders
from tests.hostile.harness import Calm, endure, integrity, store_folder
from tests.integration.server.processes import ServerProcess

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
