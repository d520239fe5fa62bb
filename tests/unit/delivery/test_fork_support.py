"""gRPC's support of forks is off, unless somebody wants it or has imported gRPC before."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os
before = dict(os.environ)
{first}
from livetrain._delivery import GRPC_SURVIVES_FORKS
assert dict(os.environ) == before, "the training's environment stays as it was"
print(GRPC_SURVIVES_FORKS)
"""


@pytest.mark.parametrize(
    ("switch", "first", "survives"),
    [
        (None, "", False),
        (None, "import grpc", True),
        ("1", "", True),
        ("0", "", False),
        ("false", "import grpc", False),
    ],
)
def test_who_says_what_becomes_of_it(switch: str | None, first: str, survives: bool) -> None:
    environ = {k: v for k, v in os.environ.items() if k != "GRPC_ENABLE_FORK_SUPPORT"}
    if switch is not None:
        environ["GRPC_ENABLE_FORK_SUPPORT"] = switch
    said = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(first=first)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert said.stdout.strip() == str(survives)
