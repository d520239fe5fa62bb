from __future__ import annotations

from types import SimpleNamespace

import torch

from livetrain._frameworks.figures import EpochMean, learning_rates


def parameter() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.zeros(1))


def test_an_epoch_mean_weighs_batches_by_their_size() -> None:
    mean = EpochMean()
    mean.add(torch.tensor(1.0), 3)
    mean.add(torch.tensor(5.0), 1)
    mean.add(None, 8)
    assert float(mean.take()) == 2.0
    assert mean.take() is None


def test_a_single_learning_rate_has_a_plain_name() -> None:
    assert learning_rates([torch.optim.SGD([parameter()], lr=0.5)]) == {"learning_rate": 0.5}


def test_what_has_no_rate_is_passed_over() -> None:
    without = torch.optim.SGD([parameter()], lr=0.5)
    del without.param_groups[0]["lr"]
    nothing = SimpleNamespace(param_groups=[])
    assert learning_rates([without, nothing, SimpleNamespace()]) == {}
    assert learning_rates([nothing, torch.optim.SGD([parameter()], lr=0.5)]) == {
        "learning_rate/SGD": 0.5
    }


def test_several_learning_rates_are_told_apart() -> None:
    groups = [{"params": [parameter()], "lr": 0.5}, {"params": [parameter()], "lr": 0.25}]
    rates = learning_rates(
        [torch.optim.SGD(groups), torch.optim.Adam([parameter()], lr=1.0), torch.optim.SGD(groups)]
    )
    assert rates == {
        "learning_rate/SGD/0": 0.5,
        "learning_rate/SGD/1": 0.25,
        "learning_rate/Adam": 1.0,
        "learning_rate/SGD-1/0": 0.5,
        "learning_rate/SGD-1/1": 0.25,
    }


def test_a_rate_kept_in_a_tensor_is_read_at_its_time() -> None:
    rate = torch.tensor(0.5)
    rates = learning_rates([torch.optim.Adam([parameter()], lr=rate, capturable=True)])
    rate.fill_(0.25)
    assert float(rates["learning_rate"]) == 0.5
