"""The server's HTTP interface, as the console commands ask it."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["RunPage", "ServerApi", "ServerApiError"]

TIMEOUT_SECONDS = 5.0


_PAGE = 500
_MOST_BYTES = 64 << 20
"""Of one answer: a server that never ends one is not to fill the memory."""
_FEW_POINTS = 16


class ServerApiError(Exception):
    """The server did not give what was asked for; the message says why and the mend.

    Attributes:
        status: the HTTP status of its answer; None: there was none.
    """

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class RunPage:
    """Runs, and how many there are in all of those that were asked for."""

    runs: list[dict[str, Any]]
    total: int


@dataclass(frozen=True, slots=True)
class ServerApi:
    """A server, by the address of its pages.

    Attributes:
        base: e.g. ``"http://127.0.0.1:8080"``.
    """

    base: str

    def runs(self, limit: int = 100, *, search: str = "", status: str = "") -> RunPage:
        """Return the newest runs, newest first.

        Args:
            limit: how many at most; as many pages are asked for as that takes.
            search: words of their name, project, id or tags; empty: any.
            status: how they stand, separated by commas; empty: any.
        """
        runs: list[dict[str, Any]] = []
        total: int | None = None
        for page in self._pages(limit, search, status):
            runs += page["runs"]
            total = page.get("total", total)
            if len(runs) >= limit:
                break
        runs = runs[:limit]
        return RunPage(runs, len(runs) if total is None else total)

    def _pages(self, limit: int, search: str, status: str) -> Iterator[dict[str, Any]]:
        query: dict[str, Any] = {"limit": min(limit, _PAGE)}
        query |= {name: text for name, text in (("q", search), ("status", status)) if text}
        while True:
            page = self._get(f"/api/runs?{urllib.parse.urlencode(query)}")
            yield page
            if page["next"] is None:
                return
            query["cursor"] = page["next"]

    def run(self, run_id: str) -> dict[str, Any]:
        """Return one run."""
        return self._get(f"/api/runs/{urllib.parse.quote(run_id, safe='')}")

    def find(self, run: str) -> dict[str, Any]:
        """Return the run of that id, else the newest of that name."""
        try:
            return self.run(run)
        except ServerApiError as error:
            if error.status != http.HTTPStatus.NOT_FOUND:
                raise
        for page in self._pages(_PAGE, run if '"' in run else f'"{run}"', ""):
            for row in page["runs"]:
                if row["name"] == run:
                    return dict(row)
        raise ServerApiError(
            f"{self.base} has no run {run!r}; `livetrain runs` lists those that it has.",
            http.HTTPStatus.NOT_FOUND,
        )

    def newest(self, run_id: str, names: tuple[str, ...]) -> dict[str, float]:
        """Return the newest value of each curve as it was logged, NaN and infinities too; a curve without points is left out."""
        query = urllib.parse.urlencode({"names": ",".join(names), "points": _FEW_POINTS})
        answer = self._get(f"/api/runs/{urllib.parse.quote(run_id, safe='')}/metrics?{query}")
        return {
            name: _last_value(curve) for name, curve in answer["metrics"].items() if curve["steps"]
        }

    def command(self, run_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """Give a command and return it as it stands."""
        return self._ask(f"/api/runs/{urllib.parse.quote(run_id, safe='')}/commands", body)

    def commands(self, run_id: str) -> list[dict[str, Any]]:
        """Return the newest commands of a run, newest first."""
        path = f"/api/runs/{urllib.parse.quote(run_id, safe='')}/commands?limit=1000"
        commands: list[dict[str, Any]] = self._get(path)["commands"]
        return commands

    def health(self) -> dict[str, Any]:
        """Return what the server says of itself."""
        return self._get("/healthz")

    def _get(self, path: str) -> dict[str, Any]:
        return self._ask(path, None)

    def _ask(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        """GET, or POST where there is a body."""
        url = self.base.rstrip("/") + path
        request: urllib.request.Request | str = url
        if body is not None:
            data = json.dumps(body).encode()
            request = urllib.request.Request(
                url, data, headers={"Content-Type": "application/json"}
            )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                said = answer.read(_MOST_BYTES + 1)
                if len(said) > _MOST_BYTES:
                    raise ServerApiError(f"{url} answered with more than {_MOST_BYTES >> 20} MiB.")
                content: dict[str, Any] = json.loads(said)
                if not isinstance(content, dict):
                    raise ValueError("not an object")
                return content
        except urllib.error.HTTPError as error:
            with error:
                refusal = _detail(error)
                raise ServerApiError(
                    refusal or f"{url} answered {error.code} {error.reason}.", error.code
                ) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise ServerApiError(
                f"No server at {self.base} ({reason}); start one with `livetrain-server`, "
                "or say where it is with --http or LIVETRAIN_HTTP."
            ) from None
        except (ValueError, RecursionError):  # a bad URL, or an answer that is no JSON object
            raise ServerApiError(
                f"{self.base} is not a livetrain server; give an address such as http://127.0.0.1:8080."
            ) from None


def _detail(error: urllib.error.HTTPError) -> str:
    """Return the sentence with which a server refuses; empty: it has none."""
    try:
        detail = json.loads(error.read(64 * 1024)).get("detail")
    except (OSError, ValueError, AttributeError, RecursionError, http.client.HTTPException):
        return ""
    return detail if isinstance(detail, str) else ""


def _last_value(curve: Mapping[str, Any]) -> float:
    """Return the last value of a curve; one that JSON cannot say is named beside it."""
    value, step = curve["values"][-1], curve["steps"][-1]
    if value is not None:
        return float(value)
    kinds = [odd["kind"] for odd in curve.get("nonfinite", ()) if odd["step"] == step]
    return float(kinds[-1] if kinds else "nan")
