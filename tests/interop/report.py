"""Run the checks, or those named on the command line, and print a line for each client; exit with 1 if one failed."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.interop.table import Line, all_checks, print_line


def main(names: list[str]) -> int:
    for name in [name for name in os.environ if name.startswith("LIVETRAIN_")]:
        del os.environ[name]
    checks = all_checks()
    unknown = [name for name in names if name not in checks]
    if unknown:
        print(f"There is no check {unknown[0]!r}; there are: {', '.join(checks)}.")
        return 2
    print_line(Line("client", "sent", "seen", "compared"))
    failed = 0
    for name in names or list(checks):
        began = time.monotonic()
        try:
            with tempfile.TemporaryDirectory() as folder:
                # Spools that a developer's own trainings left are nobody's business here.
                os.environ["XDG_STATE_HOME"] = f"{folder}/state"
                lines = checks[name](Path(folder))
        except Exception:
            failed += 1
            traceback.print_exc()
            lines = [Line(name, "", "FAILED", f"after {time.monotonic() - began:.0f} s")]
        for line in lines:
            print_line(line)
    print(f"{len(names or checks) - failed} passed, {failed} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
