"""Texts under the Hugging Face Trainer: their tiles show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    Trainer,
    set_seed,
)

from livetrain import ImageOptions
from livetrain._capture.capture import Capture, encode
from livetrain._capture.text import draw_text
from livetrain._console.server_process import ServerProcess
from livetrain.transformers import LiveTrainCallback
from tests.frameworks.test_transformers import arguments, train
from tests.frameworks.world import Made, only_run, same, warnings_of
from tests.unit.capture.world import error, tiles_of

TEXTS = [f"film number {number} is {'fine' if number % 2 else 'dull'}" for number in range(64)]
WORDS = ["[PAD]", "[UNK]", "film", "number", "is", "fine", "dull", *map(str, range(64))]
LENGTH = 8


def tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, "[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]")


def samples(labelled: bool = True) -> list[dict[str, Any]]:
    tokens = tokenizer()(
        TEXTS, padding="max_length", max_length=LENGTH, return_token_type_ids=False
    )
    rows = zip(tokens["input_ids"], tokens["attention_mask"], strict=True)
    return [
        {"input_ids": ids, "attention_mask": mask, "labels": n % 2 if labelled else ids}
        for n, (ids, mask) in enumerate(rows)
    ]


def classifier() -> BertForSequenceClassification:
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=len(WORDS),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=LENGTH,
            id2label={0: "dull", 1: "fine"},
        )
    )


def train_texts(folder: Path, callback: Any, **options: Any) -> Trainer:
    set_seed(5)
    trainer = Trainer(
        model=classifier(),
        args=arguments(folder, **options),
        train_dataset=samples(),
        processing_class=tokenizer(),
        callbacks=[callback] if callback else [],
    )
    trainer.train()
    return trainer


def shown(monitor: Any, batch: Any) -> list[np.ndarray]:
    """The tiles of a batch, as a monitor with these options makes them."""
    capture = Capture(monitor.options["images"], monitor.options.get("class_names"))
    captured = capture.take(
        batch.images, batch.preds, loss=batch.loss, targets=batch.targets, with_images=True
    )
    assert captured.frame is not None
    assert captured.problems == ()
    frame = encode(captured.frame, quality=95, max_size=256, packing="auto")
    names = monitor.options["class_names"]
    assert all(p.label == names[p.index] and p.confidence >= 0.5 for p in frame.predictions)
    return [tile[..., 0] for tile in tiles_of(frame)]


@pytest.fixture
def made() -> Made:
    return Made()


def test_tiles_show_the_text_with_predicted_and_true_label(tmp_path: Path, made: Made) -> None:
    train_texts(tmp_path, LiveTrainCallback(monitor_factory=made))
    monitor = made.only
    assert monitor.options["class_names"] == ["dull", "fine"]
    batch = monitor.batches[0]
    assert batch.images.shape == (16, LENGTH)
    render = monitor.options["images"].render
    texts = [render(row) for row in batch.images.numpy()]
    assert set(texts) <= set(TEXTS)
    assert batch.preds.shape == (16, 2)
    assert [int(text.endswith("fine")) for text in texts] == batch.targets.tolist()
    wanted = [draw_text(text, 256) for text in texts]
    for tile in shown(monitor, batch):
        assert min(error(tile, text) for text in wanted) < 2


def test_a_language_model_shows_its_texts_and_its_loss(
    tmp_path: Path, made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=len(WORDS), n_positions=LENGTH, n_embd=16, n_layer=1, n_head=2)
    )
    callback = LiveTrainCallback(monitor_factory=made)
    train(tmp_path, callback, model=model, data=samples(labelled=False), max_steps=3)
    for batch in made.only.batches:
        assert batch.images.shape == (16, LENGTH)
        assert (batch.preds, batch.targets) == (None, None)
        assert float(batch.loss) > 0
    assert warnings_of(caplog) == []
    # Without a tokenizer the numbers are shown.
    render = made.only.options["images"].render
    assert render(np.array([2, 3, 5])) == "2 3 5"


def test_image_options_of_the_users_own_are_kept(tmp_path: Path, made: Made) -> None:
    mine = ImageOptions(max_size=128)
    train_texts(tmp_path, LiveTrainCallback(monitor_factory=made, images=mine), max_steps=1)
    options = made.only.options["images"]
    assert options.max_size == 128
    assert options.render(np.array([2, 5])) == "film fine"
    own = ImageOptions(render=lambda ids: "secret")
    train_texts(tmp_path, LiveTrainCallback(monitor_factory=made, images=own), max_steps=1)
    assert made[-1].options["images"] is own


def test_the_weights_are_the_same_bit_for_bit_with_and_without(
    tmp_path: Path, server: ServerProcess
) -> None:
    def weights(callback: Any) -> list[torch.Tensor]:
        trainer = train_texts(tmp_path / "out", callback)
        return [weight.detach().clone() for weight in trainer.model.parameters()]

    alone = weights(None)
    assert same(alone, weights(None))
    callback = LiveTrainCallback(run="texts")
    assert same(alone, weights(callback))
    run, curves = only_run(server)
    assert (run["name"], run["status"], run["class_names"]) == (
        "texts",
        "finished",
        ["dull", "fine"],
    )
    assert curves["loss"]["steps"] == curves["accuracy"]["steps"] == list(range(8))
    assert run["frames"] > 0
    assert callback.monitor is not None
    assert callback.monitor.stats().problems == {}
