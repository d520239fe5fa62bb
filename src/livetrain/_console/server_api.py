"""The server's HTTP interface, as the console commands ask it."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

__all__ = ["ServerApi", "ServerApiError"]

TIMEOUT_SECONDS = 5.0


class ServerApiError(Exception):
    """The server did not give what was asked for; the message says why and the mend.

    Attributes:
        status: the HTTP status of its answer; None: there was none.
    """

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class ServerApi:
    """A server, by the address of its pages.

    Attributes:
        base: e.g. ``"http://127.0.0.1:8080"``.
    """

    base: str

    def runs(self) -> list[dict[str, Any]]:
        """Return the newest runs, newest first."""
        runs: list[dict[str, Any]] = self._get("/api/runs")["runs"]
        return runs

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
        for row in self.runs():
            if row["name"] == run:
                return row
        raise ServerApiError(
            f"{self.base} has no run {run!r}; `livetrain runs` lists those that it has.",
            http.HTTPStatus.NOT_FOUND,
        )

    def newest(self, run_id: str, names: tuple[str, ...], first: int) -> dict[str, float]:
        """Return the last finite value of each curve from step `first` on; a curve without one is left out."""
        query = urllib.parse.urlencode({"names": ",".join(names), "from": first})
        answer = self._get(f"/api/runs/{urllib.parse.quote(run_id, safe='')}/metrics?{query}")
        finite = {
            name: [value for value in curve["values"] if value is not None]
            for name, curve in answer["metrics"].items()
        }
        return {name: values[-1] for name, values in finite.items() if values}

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
                content: dict[str, Any] = json.load(answer)
                return content
        except urllib.error.HTTPError as error:
            with error:
                raise ServerApiError(
                    f"{url} answered {error.code} {error.reason}.", error.code
                ) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise ServerApiError(
                f"No server at {self.base} ({reason}); start one with `livetrain-server`, "
                "or say where it is with --http or LIVETRAIN_HTTP."
            ) from None
        except ValueError:  # a bad URL, or an answer that is no JSON
            raise ServerApiError(
                f"{self.base} is not a livetrain server; give an address such as http://127.0.0.1:8080."
            ) from None
