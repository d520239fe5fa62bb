"""LiveTrainCallbacks, called as OneTrainer calls its own."""

from __future__ import annotations

import types
import warnings
from typing import Any

import pytest
from PIL import Image

import livetrain.onetrainer
from livetrain._frameworks.onetrainer import status_of
from livetrain.onetrainer import LiveTrainCallbacks, bind
from livetrain.testing import RecordingMonitor

SIX = {
    "on_update_train_progress": ("progress", 10, 2),
    "on_update_status": ("Training ...",),
    "on_sample_default": ("output",),
    "on_update_sample_default_progress": (1, 20),
    "on_sample_custom": ("output",),
    "on_update_sample_custom_progress": (1, 20),
}
OLDER = {"on_update_progress": ("progress", 10, 2), "on_sample": ("picture",)}


def progress(step: int, loss: float | None = None, length: int = 10) -> Any:
    told = types.SimpleNamespace(
        epoch=step // length, epoch_step=step % length, epoch_sample=0, global_step=step
    )
    if loss is not None:
        told.loss, told.smooth_loss = loss, loss / 2
    return told


def callbacks(**more: Any) -> LiveTrainCallbacks:
    return LiveTrainCallbacks(monitor_factory=RecordingMonitor, **more)


def monitor(of: LiveTrainCallbacks) -> RecordingMonitor:
    seen = of.monitor
    assert isinstance(seen, RecordingMonitor)
    return seen


def test_steps_epochs_and_lengths() -> None:
    shown = callbacks()
    for step in range(25):
        shown.on_update_train_progress(progress(step, loss=float(step)), 10, 3)
        shown.on_update_train_progress(progress(step, loss=float(step)), 10, 3)  # as a repetition
    shown.on_update_status("Training completed")  # "training" comes first, as in the design
    shown.on_update_status("completed")
    seen = monitor(shown)
    assert [(b.step, b.epoch, b.loss) for b in seen.batches] == [
        (step, step // 10, float(step)) for step in range(25)
    ]
    assert seen.epochs == [(0, {"loss": 4.5}), (1, {"loss": 14.5}), (2, {"loss": 22.0})]
    assert seen.scalars[3] == (3, {"smooth_loss": 1.5})
    assert [(u["batches_per_epoch"], u["total_epochs"]) for u in seen.updates] == [(10, 3)]
    assert [status for status, _ in seen.statuses] == ["running", "completed"]


def test_an_older_onetrainer_tells_no_loss() -> None:
    shown = callbacks()
    for step in range(12):
        shown.on_update_progress(progress(step), 10, 2)
    seen = monitor(shown)
    assert [batch.loss for batch in seen.batches] == [None] * 12
    assert seen.epochs == [(0, {})]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Starting up", "starting"),
        ("loading the model", "starting"),
        ("loading training data", "starting"),
        ("Training ...", "running"),
        ("paused", "paused"),
        ("Stopping", "stopping"),
        ("Stopped", "stopped"),
        ("An error occurred", "error"),
        ("failed", "error"),
        ("completed", "completed"),
        ("Finished", "completed"),
        ("Training finished", "running"),
        ("creating backup", "running"),
        ("", "running"),
    ],
)
def test_status_texts_mean_the_first_word_that_is_found(text: str, word: str) -> None:
    assert status_of(text) == word


def test_a_text_that_comes_with_every_batch_is_told_once() -> None:
    shown = callbacks()
    for _ in range(100):
        shown.on_update_status("Training ...")
    shown.on_update_status("Stopping")
    shown.on_update_status("stopped")
    shown.on_update_status("stopped")
    assert monitor(shown).statuses == [
        ("running", "Training ..."),
        ("running", "Stopping"),
        ("interrupted", "stopped"),
    ]


def test_what_comes_after_the_end_is_another_run() -> None:
    shown = callbacks()
    shown.on_update_train_progress(progress(0, 1.0), 10, 2)
    shown.on_update_status("finished")
    first = monitor(shown)
    shown.on_update_status("loading the model")
    second = monitor(shown)
    assert first is not second
    assert first.closed
    shown.on_update_train_progress(progress(0, 1.0), 10, 2)
    assert len(second.batches) == 1


@pytest.mark.parametrize("file_type", ["IMAGE", "FileType.IMAGE"])
def test_samples(file_type: str) -> None:
    shown = callbacks()
    picture = Image.new("RGB", (8, 8))
    shown.on_sample_default(types.SimpleNamespace(file_type=file_type, data=picture))
    shown.on_sample_custom(types.SimpleNamespace(file_type=file_type, data=picture))
    shown.on_sample(picture)
    shown.on_sample_default(types.SimpleNamespace(file_type="VIDEO", data=object()))
    shown.on_sample_default(types.SimpleNamespace(file_type="IMAGE", data=None))
    assert [(image, kind) for image, _, kind in monitor(shown).samples] == [
        (picture, "default"),
        (picture, "custom"),
        (picture, "default"),
    ]


def test_how_far_a_sample_is_is_a_line_of_the_log_now_and_then() -> None:
    shown = callbacks()
    shown.on_update_status("Training ...")
    for step in range(1, 201):
        shown.on_update_sample_default_progress(step, 200)
    assert monitor(shown).messages == [("debug", "Sampling, step 1 of 200.")]
    assert monitor(shown).statuses == [("running", "Training ...")], "and no status"


def test_each_text_is_told_and_of_a_flood_the_newest() -> None:
    shown = callbacks()
    texts = ["Training ...", "Sampling ...", "Saving ...", "Training ..."]
    for text in texts:
        for _ in range(20):
            shown.on_update_status(text)
    assert monitor(shown).statuses == [("running", text) for text in texts]
    for step in range(200):
        shown.on_update_status(f"Training, step {step}")
    assert len(monitor(shown).statuses) <= 8
    shown.on_update_status("completed")
    assert monitor(shown).statuses[-2:] == [
        ("running", "Training, step 199"),
        ("completed", "completed"),
    ]


def test_a_step_within_an_epoch_is_the_one_that_was_told() -> None:
    within = []

    class Places(RecordingMonitor):
        def log_batch(self, *args: Any, **more: Any) -> None:
            within.append(self._place.batch)
            super().log_batch(*args, **more)

    shown = LiveTrainCallbacks(monitor_factory=Places)
    told = [(0, 1, 1), (0, 2, 2), (1, 1, 3), (1, 2, 4), (4, 7, 90)]
    for epoch, step, whole in told:
        at = types.SimpleNamespace(epoch=epoch, epoch_step=step, global_step=whole)
        shown.on_update_train_progress(at, 2, 5)
        over = types.SimpleNamespace(epoch=epoch + 1, epoch_step=0, global_step=whole)
        shown.on_update_train_progress(over, 2, 5)  # as at the end of an epoch
    assert within == [step for _, step, _ in told]


def test_what_sounds_like_an_end_is_none_if_the_next_step_comes() -> None:
    shown = callbacks()
    shown.on_update_train_progress(progress(4, 1.0), 10, 2)
    shown.on_update_status("Error saving a sample")
    first = monitor(shown)
    shown.on_update_train_progress(progress(5, 1.0), 10, 2)
    shown.on_update_status("Training ...")
    assert monitor(shown) is first
    assert [status for status, _ in first.statuses] == ["failed", "running"]


def test_a_loss_that_is_no_number_costs_itself_and_is_told_once() -> None:
    shown = callbacks()
    for step in range(3):
        odd = progress(step)
        odd.loss, odd.smooth_loss = object(), "0.5"
        shown.on_update_train_progress(odd, 10, 2)
    seen = monitor(shown)
    assert [batch.loss for batch in seen.batches] == [None] * 3
    assert [values for _, values in seen.scalars] == [{"smooth_loss": 0.5}] * 3
    assert [level for level, _ in seen.messages] == ["warning"]
    assert "loss" in seen.messages[0][1]


@pytest.mark.parametrize(
    ("name", "by_name"),
    [
        ("on_update_train_progress", {"train_progress": progress(3), "max_step": 10}),
        ("on_update_train_progress", {"train_progress": progress(3), "max_sample": 10}),
        ("on_update_status", {"status": "Training ..."}),
        ("on_sample_default", {"sampler_output": Image.new("RGB", (8, 8))}),
        ("on_sample_custom", {"sampler_output": Image.new("RGB", (8, 8))}),
        ("on_sample_default", {"output": Image.new("RGB", (8, 8))}),
        ("on_update_sample_default_progress", {"step": 1, "max_step": 20}),
        ("on_update_sample_custom_progress", {"progress": 1, "max_progress": 20}),
    ],
)
def test_arguments_by_the_names_of_any_release(name: str, by_name: dict[str, Any]) -> None:
    heard: list[dict[str, Any]] = []
    shown = callbacks()
    getattr(shown, f"set_{name}")(**{name: lambda **given: heard.append(given)})
    if "train_progress" in by_name:
        by_name["max_epoch"] = 2
    assert getattr(shown, name)(**by_name) is None
    seen = monitor(shown)
    assert len(seen.batches) + len(seen.statuses) + len(seen.samples) + len(seen.messages) == 1
    assert heard == [by_name]


def test_losses_that_are_written_elsewhere_are_those_of_the_steps() -> None:
    shown = callbacks()
    shown._recorder.figures(1, {"loss": 0.5})  # before there is a training
    shown.on_update_train_progress(progress(1), 10, 2)
    shown._recorder.figures(1, {"loss": 0.5, "learning_rate": 0.1})
    assert monitor(shown).scalars == [(1, {"loss": 0.5, "learning_rate": 0.1})]
    shown.on_update_train_progress(progress(2, loss=0.25), 10, 2)
    shown._recorder.figures(2, {"loss": 0.25, "learning_rate": 0.1})
    assert monitor(shown).scalars[-1] == (2, {"learning_rate": 0.1}), "the loss was told"


@pytest.mark.filterwarnings("ignore")
def test_the_runs_log_says_once_what_was_not_understood() -> None:
    shown = callbacks()
    shown.on_update_status("Training ...")
    for _ in range(3):
        shown.on_update_train_progress(types.SimpleNamespace(epoch="x"), 10, 2)
        shown.on_sample_default(types.SimpleNamespace(file_type="VIDEO", data=object()))
        shown.on_update_sample_default_progress("x", None)
    told = [text for _, text in monitor(shown).messages]
    assert len(told) == 3
    assert all(text.startswith("Not understood: ") for text in told)
    assert "VIDEO" in told[1]


@pytest.mark.parametrize("name", [*SIX, *OLDER])
@pytest.mark.filterwarnings("ignore")
def test_arguments_that_no_release_has_raise_nothing(name: str) -> None:
    shown = callbacks()
    assert getattr(shown, name)() is None
    assert getattr(shown, name)(*range(9), other=1) is None


@pytest.mark.parametrize("name", [*SIX, *OLDER])
def test_who_else_listens_hears_it_too(name: str) -> None:
    heard: list[tuple[Any, ...]] = []
    original = types.SimpleNamespace(**{name: lambda *a: heard.append(("original", *a))})
    shown = callbacks(callbacks=original)
    getattr(shown, f"set_{name}")(lambda *a: heard.append(("set", *a)))
    arguments = {**SIX, **OLDER}[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert getattr(shown, name)(*arguments) is None
    assert heard == [("set", *arguments), ("original", *arguments)]
    getattr(shown, f"set_{name}")()
    heard.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        getattr(shown, name)(*arguments)
    assert heard == [("original", *arguments)]


@pytest.mark.parametrize("name", [*SIX, *OLDER])
@pytest.mark.parametrize("odd", [None, "x", object(), -1, float("nan")])
@pytest.mark.filterwarnings("ignore")
def test_nothing_raises(name: str, odd: Any) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a listener that fails")

    shown = callbacks()
    getattr(shown, f"set_{name}")(broken)
    arguments = {**SIX, **OLDER}[name]
    assert getattr(shown, name)(*[odd for _ in arguments]) is None


def test_an_argument_that_nobody_knows() -> None:
    with pytest.raises(TypeError, match="no argument 'sevrer'"):
        LiveTrainCallbacks(sevrer="x")


class Commands:
    """As OneTrainer's own: what was asked for is kept until the trainer asks for it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def stop(self) -> None:
        self.asked.append("stop")

    def sample_default(self) -> None:
        self.asked.append("sample_default")

    def sample_custom(self, config: Any) -> None:
        self.asked.append("sample_custom")

    def backup(self) -> None:
        self.asked.append("backup")

    def save(self) -> None:
        self.asked.append("save")


def declared(of: LiveTrainCallbacks) -> dict[str, str]:
    return {one.verb: one.impossible for one in monitor(of)._steering.control.declarations()}


@pytest.mark.parametrize("when", ["before", "after"])
def test_commands_are_offered_and_pause_is_refused(when: str) -> None:
    shown, commands = callbacks(), Commands()
    if when == "before":
        shown.bind(commands)
    shown.on_update_train_progress(progress(0, 1.0), 10, 2)
    if when == "after":
        bind(commands, shown)
    offered = declared(shown)
    assert set(offered) == {"stop", "sample_now", "backup", "save", "pause"}
    assert "cannot pause" in offered["pause"]


def test_bind_finds_the_callbacks_made_last_or_waits_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(livetrain.onetrainer, "_newest", None)
    first, second = Commands(), Commands()
    bind(first)
    shown = callbacks()
    shown.on_update_status("Training ...")
    assert "backup" in declared(shown), "what waited was theirs"
    later = callbacks()
    bind(second)
    later.on_update_status("Training ...")
    assert "backup" in declared(later)


def test_what_the_commands_do_not_have_is_not_offered() -> None:
    shown = callbacks()
    shown.bind(types.SimpleNamespace(save=lambda: None))
    shown.on_update_status("Training ...")
    assert set(declared(shown)) == {"stop", "save", "pause"}
