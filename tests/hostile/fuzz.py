"""Coverage-guided fuzzing of one parser: ``python -m tests.hostile.fuzz PARSER RUNS``, or of each: ``all RUNS``, together so many.

What fails lies as a file ``crash-…`` in the folder where it is run, and its bytes are printed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

_MAX_BYTES = 16_384
_SECONDS = 5
_MEMORY_MIB = 1_024


def one(name: str, runs: int) -> None:
    """Fuzz one parser in this process."""
    import atheris

    with atheris.instrument_imports(include=["livetrain", "tests.hostile.parsers"]):
        from tests.hostile.parsers import PARSERS, SEEDS

    with tempfile.TemporaryDirectory() as folder:
        for place, seed in enumerate(SEEDS[name]):
            (Path(folder) / str(place)).write_bytes(seed)
        limits = [
            f"-max_len={_MAX_BYTES}",
            f"-timeout={_SECONDS}",
            f"-rss_limit_mb={_MEMORY_MIB}",
            "-print_final_stats=1",
            "-verbosity=0",
        ]
        atheris.Setup([sys.argv[0], f"-atheris_runs={runs}", *limits, folder], PARSERS[name])
        atheris.Fuzz()


def each(runs: int) -> int:
    """Fuzz every parser, each in a process of its own; return how many failed."""
    from tests.hostile.parsers import PARSERS

    failed = 0
    for name in PARSERS:
        share = runs // len(PARSERS)
        print(f"{name}: {share} runs", flush=True)
        command = [sys.executable, "-m", "tests.hostile.fuzz", name, str(share)]
        failed += subprocess.run(command, check=False).returncode != 0
    return failed


if __name__ == "__main__":
    if sys.argv[1] == "all":
        sys.exit(min(1, each(int(sys.argv[2]))))
    one(sys.argv[1], int(sys.argv[2]))
