"""The built dashboard, from an index of the package that is read once at the start: no path of a request touches a disk."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response

__all__ = ["Asset", "Pages", "read_index"]

_TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_MISSING: Final = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>livetrain</title>
<h1>The dashboard is not built</h1>
<p>The server runs; only its pages are missing. In a clone of livetrain, <code>pip install -e .</code> builds them;
an installed livetrain always has them.</p>
<p>What trainers send is at <a href="/api/runs">/api/runs</a>.</p></html>
"""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the dashboard."""

    body: bytes
    media_type: str
    etag: str
    hashed: bool


def read_index(root: Path) -> dict[str, Asset]:
    """Return the files below a directory by their path in a URL; nothing when there is no such directory."""
    index: dict[str, Asset] = {}
    for path in sorted(root.rglob("*")) if root.is_dir() else ():
        if not path.is_file() or path.is_symlink():
            continue
        name = path.relative_to(root).as_posix()
        index["/" + name] = _asset(path.read_bytes(), path.name, hashed=name.startswith("assets/"))
    return index


def _asset(body: bytes, name: str, *, hashed: bool) -> Asset:
    suffix = Path(name).suffix
    media_type = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Asset(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:20]}"', hashed)


class Pages:
    """Serves the dashboard."""

    def __init__(self, index: dict[str, Asset]) -> None:
        self._index = index
        self._page = index.get("/index.html") or _asset(_MISSING, "missing.html", hashed=False)
        self.router = APIRouter(include_in_schema=False)
        # A new view of the page is a new route here, so that a mistyped address is said to be one.
        for path in ("/", "/runs", "/runs/{run_id}"):
            self.router.add_api_route(path, self._serve_page, methods=["GET", "HEAD"])
        self.router.add_api_route("/{path:path}", self._serve_file, methods=["GET", "HEAD"])

    async def _serve_page(self, request: Request) -> Response:
        return self._respond(request, self._page)

    async def _serve_file(self, request: Request) -> Response:
        asset = self._index.get(request.url.path)
        if asset is None and "text/html" in request.headers.get("accept", ""):
            # A person: the page says it, and leads back.
            return Response(
                self._page.body, 404, {"cache-control": "no-cache"}, self._page.media_type
            )
        if asset is None:
            return Response(
                '{"detail":"There is nothing at this address."}', 404, media_type="application/json"
            )
        return self._respond(request, asset)

    @staticmethod
    def _respond(request: Request, asset: Asset) -> Response:
        caching = "public, max-age=31536000, immutable" if asset.hashed else "no-cache"
        headers = {"cache-control": caching, "etag": asset.etag}
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=headers)
        return Response(asset.body, media_type=asset.media_type, headers=headers)
