"""Federated learning with Flower: four clients share scikit-learn's handwritten digits; the strategy is wrapped, nothing else.

Start `livetrain-server`, open the address that it prints, and run this file.
"""

from __future__ import annotations

import argparse

import torch
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from livetrain.flower import LiveTrainStrategy

CLIENTS = 4


def network() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def digits_of(client: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return every fourth digit, starting with one of the first four."""
    digits = load_digits()
    images = torch.tensor(digits.images / 16, dtype=torch.float32)
    return images[client::CLIENTS], torch.tensor(digits.target)[client::CLIENTS]


client_app = ClientApp()


@client_app.train()
def train(message: Message, context: Context) -> Message:
    torch.manual_seed(0)
    model = network()
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    images, labels = digits_of(int(context.node_config["partition-id"]))
    loader = DataLoader(TensorDataset(images, labels), batch_size=32, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    total = 0.0
    for batch, target in loader:
        loss = nn.functional.cross_entropy(model(batch), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
    metrics = MetricRecord({"loss": total, "num-examples": len(images)})
    content = RecordDict({"arrays": ArrayRecord(model.state_dict()), "metrics": metrics})
    return Message(content=content, reply_to=message)


@client_app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    model = network()
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    images, labels = digits_of(int(context.node_config["partition-id"]))
    with torch.no_grad():
        logits = model(images)
    metrics = MetricRecord(
        {
            "loss": nn.functional.cross_entropy(logits, labels).item(),
            "accuracy": (logits.argmax(1) == labels).float().mean().item(),
            "num-examples": len(images),
        }
    )
    return Message(content=RecordDict({"metrics": metrics}), reply_to=message)


def main(rounds: int) -> None:
    server_app = ServerApp()

    @server_app.main()
    def serve(grid: Grid, context: Context) -> None:
        torch.manual_seed(0)
        strategy = LiveTrainStrategy(FedAvg(min_available_nodes=CLIENTS), run="digits-flower")
        strategy.start(grid, ArrayRecord(network().state_dict()), num_rounds=rounds)

    run_simulation(server_app, client_app, num_supernodes=CLIENTS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    main(parser.parse_args().rounds)
