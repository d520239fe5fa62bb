"""A Hugging Face text classifier: which part of Python's own library does a docstring come from?

The page shows the texts, with what the model takes each for. Start `livetrain-server`, open the address that it prints, and run
this file. Model and tokenizer are made here: nothing is downloaded.
"""

from __future__ import annotations

import argparse
import ast
import sysconfig
import tempfile
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DataCollatorWithPadding,
    EvalPrediction,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)

from livetrain.transformers import LiveTrainCallback

PACKAGES = ["asyncio", "email", "logging", "unittest", "xml"]


def docstrings(package: str) -> list[str]:
    """Return the first paragraphs of a package's docstrings."""
    found = set()
    for path in sorted((Path(sysconfig.get_path("stdlib")) / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                text = (ast.get_docstring(node) or "").split("\n\n")[0]
                if len(text.split()) >= 4:
                    found.add(" ".join(text.split()))
    return sorted(found)


def load() -> tuple[list[str], list[int]]:
    texts, labels = [], []
    for label, package in enumerate(PACKAGES):
        found = docstrings(package)
        texts.extend(found)
        labels.extend([label] * len(found))
    order = np.random.default_rng(0).permutation(len(texts))
    return [texts[i] for i in order], [labels[i] for i in order]


def tokenizer_of(texts: list[str]) -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    words.normalizer = normalizers.Lowercase()
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.train_from_iterator(
        texts, trainers.WordLevelTrainer(vocab_size=3000, special_tokens=["[PAD]", "[UNK]"])
    )
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]")


def accuracy(prediction: EvalPrediction) -> dict[str, float]:
    return {"accuracy": float((prediction.predictions.argmax(1) == prediction.label_ids).mean())}


def main(epochs: int) -> None:
    set_seed(0)
    texts, labels = load()
    tokenizer = tokenizer_of(texts)
    tokens = tokenizer(texts, truncation=True, max_length=48, return_token_type_ids=False)
    samples = [
        {"input_ids": ids, "attention_mask": mask, "labels": label}
        for ids, mask, label in zip(
            tokens["input_ids"], tokens["attention_mask"], labels, strict=True
        )
    ]
    split = len(samples) * 4 // 5
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            num_hidden_layers=1,
            num_attention_heads=4,
            intermediate_size=128,
            max_position_embeddings=64,
            id2label=dict(enumerate(PACKAGES)),
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=folder,
                run_name="docstrings",
                num_train_epochs=epochs,
                per_device_train_batch_size=32,
                learning_rate=2e-3,
                eval_strategy="epoch",
                save_strategy="no",
                report_to=[],
                use_cpu=True,
                dataloader_pin_memory=False,
            ),
            train_dataset=samples[:split],
            eval_dataset=samples[split:],
            data_collator=DataCollatorWithPadding(tokenizer),
            processing_class=tokenizer,
            compute_metrics=accuracy,
            callbacks=[LiveTrainCallback()],
        )
        trainer.train()
        print(f"test accuracy {trainer.evaluate()['eval_accuracy']:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    main(parser.parse_args().epochs)
