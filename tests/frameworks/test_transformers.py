"""The callback of the Hugging Face Trainer."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import nn
from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification

import livetrain
from livetrain._console.server_process import ServerProcess
from livetrain.testing import RecordingMonitor
from livetrain.transformers import LiveTrainCallback
from tests.frameworks.world import (
    CLASSES,
    Made,
    Stopping,
    digits,
    get,
    only_run,
    same,
    series,
    warnings_of,
)

SAMPLES, BATCH, EPOCHS = 96, 16, 2
STEPS = SAMPLES // BATCH


def vit(named: bool = True) -> ViTForImageClassification:
    names = {"id2label": dict(enumerate(CLASSES))} if named else {"num_labels": 10}
    config = ViTConfig(
        image_size=8,
        patch_size=4,
        num_channels=1,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        hidden_dropout_prob=0.1,
        **names,
    )
    return ViTForImageClassification(config)


def samples(count: int = SAMPLES) -> list[dict[str, Any]]:
    images, labels = digits(count)
    return [{"pixel_values": i, "labels": int(n)} for i, n in zip(images, labels, strict=True)]


def arguments(folder: Path, **options: Any) -> TrainingArguments:
    settings: dict[str, Any] = {
        "output_dir": str(folder),
        "num_train_epochs": EPOCHS,
        "per_device_train_batch_size": BATCH,
        "report_to": [],
        "save_strategy": "no",
        "use_cpu": True,
        "disable_tqdm": True,
        "logging_steps": 2,
        "seed": 5,
        "dataloader_pin_memory": False,
    }
    return TrainingArguments(**{**settings, **options})


def train(
    folder: Path,
    *callbacks: Any,
    model: Any = None,
    data: Any = None,
    resume: Any = None,
    **options: Any,
) -> Trainer:
    transformers.set_seed(5)
    data = samples() if data is None else data
    trainer = Trainer(
        model=vit() if model is None else model,
        args=arguments(folder, **options),
        train_dataset=data,
        eval_dataset=data[:32],
        callbacks=list(callbacks),
    )
    trainer.train(resume_from_checkpoint=resume)
    return trainer


@pytest.fixture
def made() -> Made:
    return Made()


def test_every_step_is_shown_with_what_the_model_made_of_it(tmp_path: Path, made: Made) -> None:
    train(tmp_path, LiveTrainCallback(monitor_factory=made), eval_strategy="epoch")
    monitor = made.only
    assert [b.step for b in monitor.batches] == list(range(EPOCHS * STEPS))
    assert [b.epoch for b in monitor.batches] == [0] * STEPS + [1] * STEPS
    for batch in monitor.batches:
        assert batch.images.shape == (BATCH, 1, 8, 8)
        loss = nn.functional.cross_entropy(batch.preds, batch.targets)
        assert float(batch.loss) == pytest.approx(float(loss), rel=1e-5)
        assert not batch.preds.requires_grad
        assert isinstance(batch.loss, float)  # nothing holds the graph
    assert series(monitor, "learning_rate")[0] == (0, 5e-5)
    assert len(series(monitor, "learning_rate")) == EPOCHS * STEPS
    assert [step for step, _ in series(monitor, "grad_norm")] == [1, 3, 5, 7, 9, 11]
    assert [number for number, _ in monitor.epochs] == [0, 1]
    assert monitor.epochs[0][1]["loss"] == pytest.approx(
        sum(float(b.loss) for b in monitor.batches[:STEPS]) / STEPS
    )
    assert [number for number, _ in monitor.validations] == [0, 1]
    assert set(monitor.validations[0][1]) == {"loss"}
    assert (monitor.closed, monitor.ended_by) == (True, None)


def test_what_the_trainer_knows_goes_with_the_run(tmp_path: Path, made: Made) -> None:
    train(tmp_path, LiveTrainCallback(monitor_factory=made, project="p"), learning_rate=1e-3)
    options = made.only.options
    assert options["run"] == "ViTForImageClassification"
    assert options["project"] == "p"
    assert options["class_names"] == CLASSES
    assert (options["total_epochs"], options["batches_per_epoch"], options["batch_size"]) == (
        2,
        6,
        16,
    )
    assert options["config"]["arguments"]["learning_rate"] == 1e-3
    assert options["config"]["model"]["hidden_size"] == 16
    assert "images" not in options


def test_classes_that_nobody_named_are_numbers_and_max_steps_is_known(
    tmp_path: Path, made: Made
) -> None:
    train(tmp_path, LiveTrainCallback(monitor_factory=made), model=vit(named=False), max_steps=4)
    assert "class_names" not in made.only.options
    assert made.only.options["total_epochs"] * made.only.options["batches_per_epoch"] >= 4
    assert len(made.only.batches) == 4


class Plain(nn.Module):
    """A model that knows nothing of the Trainer's ways: its loss is the mean of its batch."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, pixel_values: torch.Tensor, labels: torch.Tensor) -> Any:
        logits = self.layer(pixel_values.flatten(1))
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


@pytest.mark.parametrize("kind", [vit, Plain])
def test_accumulated_batches_are_one_step_with_the_loss_of_all(
    kind: Any, tmp_path: Path, made: Made
) -> None:
    """The Trainer has some models divide by the items of the whole step, and others by those of their batch."""
    means: list[float] = []

    def keep(module: Any, given: Any, named: Any, output: Any) -> None:
        means.append(float(nn.functional.cross_entropy(output["logits"], named["labels"])))

    model = kind()
    model.register_forward_hook(keep, with_kwargs=True)
    train(
        tmp_path,
        LiveTrainCallback(monitor_factory=made),
        model=model,
        gradient_accumulation_steps=3,
        num_train_epochs=1,
    )
    monitor = made.only
    assert [b.step for b in monitor.batches] == [0, 1]
    assert len(means) == 6
    expected = [sum(means[at : at + 3]) / 3 for at in (0, 3)]
    assert [float(b.loss) for b in monitor.batches] == pytest.approx(expected, rel=1e-5)


def test_a_stop_ends_the_training_after_the_step(tmp_path: Path) -> None:
    callback = LiveTrainCallback(monitor_factory=Stopping)
    trainer = train(tmp_path, callback)
    assert trainer.state.global_step == 3
    assert isinstance(callback.monitor, Stopping)
    assert callback.monitor.early_stoppings == []
    assert callback.monitor.closed


def test_the_optimizer_itself_is_attached(tmp_path: Path, made: Made) -> None:
    trainer = train(tmp_path, LiveTrainCallback(monitor_factory=made), max_steps=2)
    (attached,) = made.only.attached
    assert isinstance(attached, torch.optim.AdamW)
    assert attached is trainer.optimizer.optimizer


@pytest.mark.parametrize("there", [True, False])
def test_the_weights_are_the_same_bit_for_bit_with_and_without(
    there: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    def weights(*callbacks: Any) -> list[torch.Tensor]:
        trainer = train(tmp_path / "out", *callbacks, eval_strategy="epoch")
        return [weight.detach().clone() for weight in trainer.model.parameters()]

    request.getfixturevalue("server" if there else "no_server")
    alone, again = weights(), weights()
    assert same(alone, again)
    callback = LiveTrainCallback()
    assert same(alone, weights(callback))
    assert callback.monitor is not None
    assert callback.monitor.stats().steps == EPOCHS * STEPS
    assert (callback.monitor.stats().frames_sent > 0) is there


def test_a_training_arrives_whole(tmp_path: Path, server: ServerProcess) -> None:
    callback = LiveTrainCallback(run="digits")
    train(tmp_path / "out", callback, eval_strategy="epoch")
    run, curves = only_run(server)
    assert (run["name"], run["status"], run["total_epochs"]) == ("digits", "finished", EPOCHS)
    for name in ("loss", "accuracy", "learning_rate"):
        assert curves[name]["steps"] == list(range(EPOCHS * STEPS)), name
    assert curves["epoch/loss"]["steps"] == curves["val/loss"]["steps"] == [5, 11]
    assert run["frames"] > 0
    assert callback.monitor is not None
    assert callback.monitor.stats().problems == {}


def test_a_training_goes_on_in_its_run(tmp_path: Path, server: ServerProcess) -> None:
    class Waiting(transformers.TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            assert first.monitor is not None
            assert first.monitor.flush(20)  # so that the server answered before the checkpoint

    first = LiveTrainCallback()
    options: dict[str, Any] = {"save_strategy": "steps", "save_steps": 4, "max_steps": 5}
    train(tmp_path / "out", first, Waiting(), **options)
    options["max_steps"] = 9
    second = LiveTrainCallback(max_fps=5.0)
    train(tmp_path / "out", second, resume=str(tmp_path / "out/checkpoint-4"), **options)
    run, curves = only_run(server)
    assert (run["status"], run["steps"]) == ("finished", 9)
    assert curves["loss"]["steps"] == list(range(9)), "of the newest attempt where two overlap"


@pytest.mark.parametrize("restore", [True, False])
def test_a_checkpoint_from_before_the_callback_is_no_trouble(
    restore: bool, tmp_path: Path, made: Made
) -> None:
    options: dict[str, Any] = {
        "save_strategy": "steps",
        "save_steps": 2,
        "restore_callback_states_from_checkpoint": restore,
    }
    train(tmp_path, max_steps=2, **options)
    callback = LiveTrainCallback(monitor_factory=made)
    train(tmp_path, callback, resume=str(tmp_path / "checkpoint-2"), max_steps=6, **options)
    assert [b.step for b in made.only.batches] == [2, 3, 4, 5]
    train(tmp_path, callback, resume=str(tmp_path / "checkpoint-4"), max_steps=6, **options)
    assert made[-1].options["resume"]["step"] == 4
    train(
        tmp_path, max_steps=6, resume=str(tmp_path / "checkpoint-4"), **options
    )  # without it again


def test_a_checkpoint_keeps_no_secret_where_the_user_does_not_want_it(
    tmp_path: Path, made: Made
) -> None:
    options: dict[str, Any] = {"save_strategy": "steps", "save_steps": 2, "max_steps": 2}
    train(tmp_path, LiveTrainCallback(monitor_factory=made, resume=False), **options)
    state = (tmp_path / "checkpoint-2/trainer_state.json").read_text()
    assert "recorded" not in state  # what such a monitor calls its token
    train(tmp_path, LiveTrainCallback(monitor_factory=made), **options)
    assert "recorded" in (tmp_path / "checkpoint-2/trainer_state.json").read_text()


def test_checkpoints_and_an_early_stop_are_events(tmp_path: Path, made: Made) -> None:
    train(
        tmp_path,
        LiveTrainCallback(monitor_factory=made),
        transformers.EarlyStoppingCallback(1, early_stopping_threshold=100.0),
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="loss",
        num_train_epochs=9,
    )
    monitor = made.only
    saved = [(message, fields["path"]) for kind, message, fields in monitor.events]
    assert saved[0] == ("best so far", f"{tmp_path}/checkpoint-6")
    (stopped,) = monitor.early_stoppings
    assert stopped["metric"] == "loss"
    assert len(monitor.batches) < 9 * STEPS


def test_an_evaluation_belongs_to_the_training_before_it(tmp_path: Path, made: Made) -> None:
    trainer = train(tmp_path, LiveTrainCallback(monitor_factory=made), num_train_epochs=1)
    trainer.evaluate()
    trainer.predict(samples(32))
    first, second, third = made
    assert second.options["resume"] == first.resume_state()
    assert third.options["resume"] == second.resume_state()
    assert [sorted(values) for _, values in second.validations] == [["loss"]]
    assert third.scalars[0][1].keys() == {"test/loss"}
    assert [m.closed for m in made] == [True] * 3


def test_an_evaluation_alone_is_a_run_of_its_own(tmp_path: Path, made: Made) -> None:
    Trainer(
        model=vit(),
        args=arguments(tmp_path),
        eval_dataset=samples(32),
        callbacks=[LiveTrainCallback(monitor_factory=made)],
    ).evaluate()
    assert made.only.validations
    assert made.only.closed


def test_a_batch_that_cannot_be_read_still_has_its_loss_and_one_sentence(
    tmp_path: Path, made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    class Vectors(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(64, 10)

        def forward(self, vectors: torch.Tensor, digit: torch.Tensor) -> Any:
            scores = self.layer(vectors)
            return {"loss": nn.functional.cross_entropy(scores, digit), "scores": scores}

    data = [{"vectors": s["pixel_values"].flatten(), "digit": s["labels"]} for s in samples()]
    train(
        tmp_path, LiveTrainCallback(monitor_factory=made), model=Vectors(), data=data, max_steps=3
    )
    assert [b.images for b in made.only.batches] == [None] * 3
    assert all(float(b.loss) > 0 for b in made.only.batches)
    (said,) = warnings_of(caplog)
    assert "read_batch=" in said
    assert "vectors, digit" in said


def test_it_is_read_when_told_how(
    tmp_path: Path, made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(64, 10)

        def forward(self, vectors: torch.Tensor, digit: torch.Tensor) -> Any:
            logits = self.layer(vectors)
            return {"loss": nn.functional.cross_entropy(logits, digit), "logits": logits}

    data = [{"vectors": s["pixel_values"].flatten(), "digit": s["labels"]} for s in samples()]
    callback = LiveTrainCallback(
        monitor_factory=made,
        read_batch=lambda batch: (batch["vectors"].reshape(-1, 8, 8), batch["digit"]),
    )
    train(tmp_path, callback, model=Odd(), data=data, max_steps=3)
    assert [b.images.shape for b in made.only.batches] == [(BATCH, 8, 8)] * 3
    assert all(float(b.accuracy) >= 0 for b in made.only.batches)
    assert warnings_of(caplog) == []


def test_a_copy_made_in_mid_training_is_no_part_of_it(tmp_path: Path, made: Made) -> None:
    class Copying(transformers.TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
            twin = copy.deepcopy(model)
            twin(pixel_values=torch.zeros(4, 1, 8, 8), labels=torch.zeros(4, dtype=torch.long))
            torch.save(model, io.BytesIO())
            assert pickle.loads(pickle.dumps(callback)).monitor is None

    callback = LiveTrainCallback(run="kept", server="127.0.0.1:1")
    recording = LiveTrainCallback(monitor_factory=made)
    trainer = train(tmp_path, recording, Copying(), max_steps=3)
    assert [len(b.images) for b in made.only.batches] == [BATCH] * 3
    assert all(not part._forward_hooks for part in trainer.model.modules())


def test_a_fault_of_ours_costs_the_view_and_not_the_training(
    tmp_path: Path, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("ours")

    trainer = train(tmp_path, LiveTrainCallback(monitor_factory=broken), max_steps=3)
    assert trainer.state.global_step == 3
    for place in (
        "_transformers.calls.find_logits",
        "_transformers.session._rates",
        "_frameworks.training.accuracy",
        "_transformers.session._found",
    ):
        with monkeypatch.context() as patch:
            patch.setattr(f"livetrain.{place}", broken)
            callback = LiveTrainCallback(monitor_factory=made)
            trainer = train(tmp_path, callback, max_steps=3, eval_strategy="epoch")
        assert trainer.state.global_step == 3
        assert made[-1].closed


def test_what_cannot_be_attached_costs_its_setting_and_no_training(tmp_path: Path) -> None:
    class Refusing(RecordingMonitor):
        def attach(self, *_: Any, **__: Any) -> None:
            raise livetrain.UsageError("no optimizer")

    callback = LiveTrainCallback(monitor_factory=Refusing)
    trainer = train(tmp_path, callback, max_steps=3)
    assert trainer.state.global_step == 3
    assert isinstance(callback.monitor, Refusing)
    assert (len(callback.monitor.batches), callback.monitor.closed) == (3, True)


def test_misuse_is_said_before_the_first_step(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="LiveTrainCallback has no argument 'max_fsp'"):
        LiveTrainCallback(max_fsp=3)
    with pytest.raises(livetrain.ConfigurationError, match="learning rate here and nothing else"):
        LiveTrainCallback(let_set=("batch_size",))
    with pytest.raises(livetrain.ConfigurationError, match="not host:port"):
        train(tmp_path, LiveTrainCallback(server="nowhere"))


def test_a_training_that_an_error_ended_is_closed_by_the_next(tmp_path: Path, made: Made) -> None:
    class Failing(transformers.TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            raise ValueError("bad weights")

    callback = LiveTrainCallback(monitor_factory=made)
    with pytest.raises(ValueError, match="bad weights"):
        train(tmp_path, callback, Failing())
    train(tmp_path, callback, max_steps=1)
    assert isinstance(made[0].ended_by, RuntimeError)
    assert made[1].ended_by is None


LEFT = "the training was left before its end, by an error or by Ctrl-C"


@pytest.mark.parametrize(
    ("caught", "code", "message"),
    [
        ("", 1, "ValueError: bad weights"),
        ("except ValueError: pass", 0, LEFT),  # the Trainer failed, whatever the script makes of it
        (
            "except KeyError: pass\nfinally: livetrain_callback.monitor.close()",
            1,
            "ValueError: bad weights",
        ),
    ],
)
def test_a_script_that_an_error_ends_leaves_a_failed_run(
    tmp_path: Path, server: ServerProcess, caught: str, code: int, message: str
) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "import tests.frameworks.test_transformers as t\n"
        "class Failing(t.transformers.TrainerCallback):\n"
        "    def on_step_end(self, args, state, control, **_):\n"
        "        if state.global_step == 3: raise ValueError('bad weights')\n"
        "livetrain_callback = t.LiveTrainCallback()\n"
        "try: t.train(Path('out'), livetrain_callback, Failing())\n"
        f"{caught or 'finally: pass'}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).parents[2])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == code, done.stderr
    assert not code or done.stderr.splitlines()[-1] == "ValueError: bad weights"
    run, curves = only_run(server)
    assert (run["status"], run["message"]) == ("failed", message)
    assert curves["loss"]["steps"] == [0, 1, 2]
    assert get(server, "/api/runs")["runs"][0]["steps"] == 3


def test_a_batch_size_that_is_searched_for_is_one_run_with_an_attempt_each(
    tmp_path: Path, server: ServerProcess
) -> None:
    model, steps = vit(), []

    def memory(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        if len(kwargs["pixel_values"]) > 8 and len(steps) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    model.register_forward_pre_hook(memory, with_kwargs=True)
    callback = LiveTrainCallback()

    class Slow(transformers.TrainerCallback):
        def on_step_end(self, *rest: Any, **others: Any) -> None:
            steps.append(callback.monitor.flush(20))  # so that the server knows the run

    train(tmp_path, callback, Slow(), model=model, auto_find_batch_size=True)
    run, curves = only_run(server)
    assert (run["status"], run["steps"]) == ("finished", 2 * SAMPLES // 8)
    assert [attempt["from_step"] for attempt in run["attempts"]] == [0, 0], "those that trained"
    assert curves["loss"]["steps"] == list(range(2 * SAMPLES // 8))
    events = get(server, f"/api/runs/{run['run_id']}/events?notable=true")["events"]
    said = [str(event["record"]) for event in events]
    tried = [text for text in said if "out of memory with batches of" in text]
    assert "of 16: the Trainer begins again with" in tried[0]
    assert "begins again with 8," in tried[-1]
