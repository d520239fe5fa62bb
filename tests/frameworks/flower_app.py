"""A federated training of the example's, as a script: FOLDER and a word, "alone" or "watched"."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import torch
from flwr.app import ArrayRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation

from livetrain.flower import LiveTrainStrategy

EXAMPLE = Path(__file__).parents[2] / "examples/flower_digits.py"
ROUNDS, CLIENTS = 3, 4


class InOrder(FedAvg):
    """Adds the clients up in one order, whichever of them answers first: floating point sums depend on it."""

    def aggregate_train(self, server_round: int, replies: Any) -> Any:
        return super().aggregate_train(server_round, sorted(replies, key=_loss))


def _loss(reply: Any) -> float:
    return float(reply.content["metrics"]["loss"])


if __name__ == "__main__":
    folder, word = Path(sys.argv[1]), sys.argv[2]
    example = runpy.run_path(str(EXAMPLE))
    app = ServerApp()

    @app.main()
    def serve(grid: Grid, context: Context) -> None:
        torch.manual_seed(0)
        strategy: Any = InOrder(min_available_nodes=CLIENTS)
        if word == "watched":
            strategy = LiveTrainStrategy(strategy, run="federated")
        arrays = ArrayRecord(example["network"]().state_dict())
        result = strategy.start(grid, arrays, num_rounds=ROUNDS)
        torch.save(result.arrays.to_torch_state_dict(), folder / f"{word}.pt")

    run_simulation(app, example["client_app"], num_supernodes=CLIENTS)
