"""What else viewers of the metrics relay ask for at a training's end: its rounds, and its results as a file."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

from fastapi import APIRouter, Response

from livetrain.server.intake import Intake
from livetrain.server.lookup import find_settled_run
from livetrain.server.report import read_report, report_fields

__all__ = ["ResultRoutes"]

_RUN: Final = "/api/runs/{run_id}"


class ResultRoutes:
    """The routes.

    Args:
        intake: of the runs.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._registry = intake.registry
        self.router = APIRouter()
        route = self.router.add_api_route
        route(
            f"{_RUN}/federated-rounds",
            self.rounds,
            methods=["GET"],
            summary="Rounds of a federated training",
        )
        route(
            f"{_RUN}/server-evaluation",
            self.evaluation,
            methods=["GET"],
            summary="What a federated training's server found in each round",
        )
        route(
            f"{_RUN}/download/{{kind}}",
            self.download,
            methods=["GET"],
            summary="Results as a file",
            response_class=Response,
        )

    async def rounds(self, run_id: str) -> dict[str, Any]:
        """Return the rounds with the metrics of each and of its clients; none for a training that is not federated."""
        run = await find_settled_run(self._intake, run_id)
        return {"run_id": run.run_id, **(await read_report(self._registry, run)).rounds()}

    async def evaluation(self, run_id: str) -> dict[str, Any]:
        """Return the evaluation of each round."""
        run = await find_settled_run(self._intake, run_id)
        return {"run_id": run.run_id, **(await read_report(self._registry, run)).evaluations()}

    async def download(self, run_id: str, kind: Literal["json", "csv", "summary"]) -> Response:
        """Return the results as JSON, the epochs as a table, or the end in a few lines."""
        run = await find_settled_run(self._intake, run_id)
        if kind == "csv":
            text = (await read_report(self._registry, run)).history_csv()
            return _file(text, "text/csv", f"{run.run_id}.csv")
        fields = {"run_id": run.run_id, **await report_fields(self._registry, run)}
        if kind == "json":
            text = json.dumps(fields, allow_nan=False, indent=2)
            return _file(text, "application/json", f"{run.run_id}.json")
        lines = [f"run: {run.name} ({run.run_id})", f"status: {fields['status']}"]
        lines += [f"epochs: {len(fields['training_history'])} of {fields['total_epochs']}"]
        lines += [
            f"{name}: {'not told' if value is None else f'{value:.6g}'}"
            for name, value in fields["final_metrics"].items()
        ]
        return _file("\n".join(lines) + "\n", "text/plain", f"{run.run_id}.txt")


def _file(text: str, kind: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=f"{kind}; charset=utf-8", headers=headers)
