"""The callback of Keras 3, on its PyTorch back end."""

from __future__ import annotations

import copy
import logging
import pickle
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from torch import nn

import livetrain
from livetrain._console.server_process import ServerProcess
from livetrain._steering.command import Command
from livetrain.keras import LiveTrainCallback
from livetrain.proto import telemetry_pb2 as pb
from tests.frameworks.world import (
    CLASSES,
    Made,
    Stopping,
    digits,
    only_run,
    same,
    series,
    warnings_of,
)

SAMPLES, BATCH, EPOCHS = 96, 16, 2
STEPS = SAMPLES // BATCH


def data() -> tuple[np.ndarray, np.ndarray]:
    images, labels = digits(SAMPLES)
    return images.permute(0, 2, 3, 1).numpy(), labels.numpy()


def network(**options: Any) -> keras.Model:
    keras.utils.set_random_seed(3)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ],
        name="digits",
    )
    settings: dict[str, Any] = {
        "optimizer": keras.optimizers.SGD(0.1),
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy", "sparse_top_k_categorical_accuracy"],
    }
    model.compile(**{**settings, **options})
    return model


def fit(model: keras.Model, *callbacks: Any, **options: Any) -> keras.Model:
    x, y = data()
    settings: dict[str, Any] = {"batch_size": BATCH, "epochs": EPOCHS, "verbose": 0}
    model.fit(x, y, callbacks=list(callbacks), **{**settings, **options})
    return model


@pytest.fixture
def made() -> Made:
    return Made()


def test_every_batch_is_shown_with_what_the_model_made_of_it(made: Made) -> None:
    x, y = data()
    fit(network(), LiveTrainCallback(monitor_factory=made), shuffle=False, validation_data=(x, y))
    monitor = made.only
    assert [b.step for b in monitor.batches] == list(range(EPOCHS * STEPS))
    assert [b.epoch for b in monitor.batches] == [0] * STEPS + [1] * STEPS
    shown = torch.cat([b.images for b in monitor.batches[:STEPS]])
    assert torch.equal(shown.cpu(), torch.tensor(x))
    for batch in monitor.batches:
        # Softmax is a part of the model here: these are the very probabilities of this step, dropout and all.
        loss = nn.functional.nll_loss(batch.preds.log(), batch.targets.long())
        assert float(batch.loss) == pytest.approx(float(loss), rel=1e-4)
        right = (batch.preds.argmax(1) == batch.targets).float().mean()
        assert float(batch.accuracy) == float(right)
        assert not batch.preds.requires_grad
        assert isinstance(batch.loss, float)  # nothing holds the graph
    rates = series(monitor, "learning_rate")
    assert rates == [(step, pytest.approx(0.1)) for step in range(EPOCHS * STEPS)]
    assert len(series(monitor, "sparse_top_k_categorical_accuracy")) == EPOCHS * STEPS
    assert [number for number, _ in monitor.epochs] == [0, 1]
    assert monitor.epochs[0][1]["loss"] == pytest.approx(
        sum(float(b.loss) for b in monitor.batches[:STEPS]) / STEPS, rel=1e-4
    )
    assert [sorted(values) for _, values in monitor.validations] == [
        ["accuracy", "loss", "sparse_top_k_categorical_accuracy"]
    ] * 2
    assert (monitor.closed, monitor.ended_by) == (True, None)


def test_what_keras_knows_goes_with_the_run(made: Made) -> None:
    fit(network(), LiveTrainCallback(monitor_factory=made, project="p"))
    options = made.only.options
    assert (options["run"], options["project"]) == ("digits", "p")
    assert (options["total_epochs"], options["batches_per_epoch"]) == (EPOCHS, STEPS)
    assert options["config"]["model"] == {
        "class": "Sequential",
        "parameters": 64 * 16 + 16 + 16 * 10 + 10,
        "optimizer": "SGD",
    }


@pytest.mark.parametrize("there", [True, False])
def test_the_weights_are_the_same_bit_for_bit_with_and_without(
    there: bool, request: pytest.FixtureRequest
) -> None:
    def weights(*callbacks: Any) -> list[torch.Tensor]:
        model = fit(network(), *callbacks, validation_data=data())
        return [torch.tensor(weight) for weight in model.get_weights()]

    request.getfixturevalue("server" if there else "no_server")
    alone, again = weights(), weights()
    assert same(alone, again)
    callback = LiveTrainCallback()
    assert same(alone, weights(callback))
    assert callback.monitor is not None
    assert callback.monitor.stats().steps == EPOCHS * STEPS
    assert (callback.monitor.stats().frames_sent > 0) is there


def test_a_training_arrives_whole(server: ServerProcess) -> None:
    callback = LiveTrainCallback(run="digits", class_names=CLASSES)
    fit(network(), callback, validation_data=data())
    run, curves = only_run(server)
    assert (run["name"], run["status"], run["total_epochs"]) == ("digits", "finished", EPOCHS)
    for name in ("loss", "accuracy", "learning_rate"):
        assert curves[name]["steps"] == list(range(EPOCHS * STEPS)), name
    assert curves["epoch/loss"]["steps"] == curves["val/loss"]["steps"] == [5, 11]
    assert run["frames"] > 0
    assert callback.monitor is not None
    assert callback.monitor.stats().problems == {}


def test_a_stop_ends_the_training_after_the_step() -> None:
    callback = LiveTrainCallback(monitor_factory=Stopping)
    fit(network(), callback)
    assert isinstance(callback.monitor, Stopping)
    assert len(callback.monitor.batches) == 3
    assert callback.monitor.early_stoppings == []
    assert callback.monitor.closed


def test_the_page_sets_the_learning_rate(server: ServerProcess) -> None:
    """Through the real path of commands, at a boundary between two batches."""
    from tests.frameworks.commands import order

    class Asking(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if batch == 2 and callback.monitor is not None:
                order(server, callback.monitor, {"learning_rate": 0.01})

    callback = LiveTrainCallback()
    model = fit(network(), Asking(), callback, epochs=1)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    _, curves = only_run(server)
    assert curves["learning_rate"]["values"] == pytest.approx([0.1] * 3 + [0.01] * 3)


def test_an_early_stop_is_an_event(made: Made) -> None:
    stop = keras.callbacks.EarlyStopping("loss", min_delta=100.0, patience=2)
    fit(network(), stop, LiveTrainCallback(monitor_factory=made), epochs=9)
    (told,) = made.only.early_stoppings
    assert told["epoch"] == 2
    fit(network(), LiveTrainCallback(monitor_factory=made))
    assert made[-1].early_stoppings == []


def test_an_evaluation_belongs_to_the_training_before_it(made: Made) -> None:
    callback = LiveTrainCallback(monitor_factory=made)
    model = fit(network(), callback)
    model.evaluate(*data(), callbacks=[callback], verbose=0)
    first, second = made
    assert second.options["resume"] == first.resume_state()
    ((step, values),) = second.scalars
    assert step == EPOCHS * STEPS - 1
    assert values.keys() == {
        "test/loss",
        "test/accuracy",
        "test/sparse_top_k_categorical_accuracy",
    }
    assert [monitor.closed for monitor in made] == [True, True]


def test_a_batch_that_cannot_be_read_still_has_its_loss_and_one_sentence(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = data()
    callback = LiveTrainCallback(monitor_factory=made)
    model.fit(x.reshape(-1, 64), y[:, None], batch_size=BATCH, callbacks=[callback], verbose=0)
    assert [b.images for b in made.only.batches] == [None] * STEPS
    assert all(float(b.loss) > 0 for b in made.only.batches)
    (said,) = warnings_of(caplog)
    assert "read_batch=" in said


def test_it_is_read_when_told_how(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    inputs = {"pixels": keras.Input((64,), name="pixels"), "hint": keras.Input((1,), name="hint")}
    joined = keras.layers.Concatenate()([inputs["pixels"], inputs["hint"]])
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(joined))
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = data()
    callback = LiveTrainCallback(
        monitor_factory=made,
        read_batch=lambda batch: (batch[0]["pixels"].reshape(-1, 8, 8), batch[1]),
    )
    model.fit(
        {"pixels": x.reshape(-1, 64), "hint": np.zeros((SAMPLES, 1))},
        y,
        batch_size=BATCH,
        callbacks=[callback],
        verbose=0,
    )
    assert {b.images.shape for b in made.only.batches} == {(BATCH, 8, 8)}
    assert all(b.preds.shape == (BATCH, 10) for b in made.only.batches)
    assert warnings_of(caplog) == []


def test_a_step_that_is_compiled_is_measured_and_said_once(
    made: Made, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is compiled is not the point, so it is not: that would take a compiler and a minute.
    monkeypatch.setattr(torch, "compile", lambda function: function)
    with caplog.at_level(logging.WARNING, "livetrain"):
        fit(network(jit_compile=True), LiveTrainCallback(monitor_factory=made))
    assert [b.images for b in made.only.batches] == [None] * EPOCHS * STEPS
    assert all(float(b.loss) > 0 for b in made.only.batches)
    (said,) = warnings_of(caplog)
    assert "run_eagerly=True" in said


def test_copies_of_model_and_callback_are_no_part_of_the_training(
    made: Made, tmp_path: Any
) -> None:
    class Copying(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            twin = copy.deepcopy(self.model)
            twin.compile("sgd", "sparse_categorical_crossentropy")
            twin.train_on_batch(*data())
            self.model.save(tmp_path / "mid.keras")
            assert pickle.loads(pickle.dumps(plain)).monitor is None

    plain = LiveTrainCallback(run="kept")
    model = fit(network(), Copying(), LiveTrainCallback(monitor_factory=made), epochs=1)
    assert [len(b.images) for b in made.only.batches] == [BATCH] * STEPS
    assert "compute_loss" not in vars(model)


def test_a_fault_of_ours_costs_the_view_and_not_the_training(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("ours")

    def steps_of(callback: Any) -> int:
        return int(fit(network(), callback, validation_data=data()).optimizer.iterations)

    assert steps_of(LiveTrainCallback(monitor_factory=broken)) == EPOCHS * STEPS
    for place in (
        "_keras.loss_tap._detached",
        "_keras.session.find_logits",
        "_frameworks.training.accuracy",
        "_frameworks.training.EpochMean.take",
    ):
        with monkeypatch.context() as patch:
            patch.setattr(f"livetrain.{place}", broken)
            assert steps_of(LiveTrainCallback(monitor_factory=made)) == EPOCHS * STEPS
        assert made[-1].closed


def test_misuse_is_said_before_the_first_step() -> None:
    with pytest.raises(TypeError, match="LiveTrainCallback has no argument 'max_fsp'"):
        LiveTrainCallback(max_fsp=3)
    with pytest.raises(livetrain.ConfigurationError, match="not host:port"):
        fit(network(), LiveTrainCallback(server="nowhere"))


def test_a_training_that_an_error_ended_is_closed_by_the_next(made: Made) -> None:
    class Failing(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            raise ValueError("bad weights")

    callback = LiveTrainCallback(monitor_factory=made)
    with pytest.raises(ValueError, match="bad weights"):
        fit(network(), callback, Failing())
    fit(network(), callback)
    assert isinstance(made[0].ended_by, RuntimeError)
    assert made[1].ended_by is None


class Giving(keras.callbacks.Callback):
    """Sets the rate before some steps."""

    def __init__(self, callback: LiveTrainCallback, given: dict[int, str]) -> None:
        super().__init__()
        self.callback, self.given, self.seen, self.answers = callback, given, 0, []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen += 1
        control = self.callback.monitor._steering.control
        control._answer = self.answers.append
        if text := self.given.get(self.seen):
            control.receive(Command(f"c{self.seen}", "set", {"learning_rate": text}))


class Reading(keras.callbacks.Callback):
    """Notes the rate that each batch is learned with."""

    def __init__(self) -> None:
        super().__init__()
        self.used: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.used.append(float(self.model.optimizer.learning_rate))


def test_a_rate_is_scaled_followed_undone_and_held_against_a_scheduler_of_keras(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LIVETRAIN_MODE", "offline")
    monkeypatch.setenv("LIVETRAIN_SPOOL_DIR", str(tmp_path))
    callback = LiveTrainCallback()
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch))
    given = {2: "x0.5", STEPS + 1: "0.03", 2 * STEPS + 1: "undo", 3 * STEPS + 1: "follow"}
    giving, reading = Giving(callback, given), Reading()
    fit(network(), giving, schedule, callback, reading, epochs=4)

    def right(step: int) -> float:
        scheduled = 0.1 / (1 + step // STEPS)
        if step > 3 * STEPS or step < 2:
            return scheduled
        return 0.03 if STEPS < step <= 2 * STEPS else scheduled / 2

    assert reading.used == pytest.approx([right(step) for step in range(4 * STEPS)])
    applied = [answer for answer in giving.answers if answer.state == pb.APPLIED]
    assert [answer.applied_step for answer in applied] == sorted(given)


def test_a_schedule_within_the_optimizer_is_not_offered_to_be_overridden(made: Made) -> None:
    model = network()
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model.compile(
        keras.optimizers.SGD(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,
    )
    fit(model, LiveTrainCallback(monitor_factory=made), epochs=1)
    assert made.only.attached == []
    assert any("LearningRateSchedule" in line for _, line in made.only.messages)
