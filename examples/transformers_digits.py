"""A vision transformer of Hugging Face on scikit-learn's handwritten digits, with one callback and no other change.

Start `livetrain-server`, open the address that it prints, and run this file. The model is made here: nothing is downloaded.
"""

from __future__ import annotations

import argparse
import tempfile

import torch
from sklearn.datasets import load_digits
from transformers import (
    EvalPrediction,
    Trainer,
    TrainingArguments,
    ViTConfig,
    ViTForImageClassification,
    set_seed,
)

from livetrain.transformers import LiveTrainCallback


def load() -> list[dict[str, torch.Tensor | int]]:
    digits = load_digits()
    images = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)
    return [
        {"pixel_values": image, "labels": int(label)}
        for image, label in zip(images, digits.target, strict=True)
    ]


def accuracy(prediction: EvalPrediction) -> dict[str, float]:
    return {"accuracy": float((prediction.predictions.argmax(1) == prediction.label_ids).mean())}


def main(epochs: int) -> None:
    set_seed(0)
    samples = load()
    split = len(samples) * 4 // 5
    model = ViTForImageClassification(
        ViTConfig(
            image_size=8,
            patch_size=2,
            num_channels=1,
            hidden_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=96,
            id2label={digit: str(digit) for digit in range(10)},
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=folder,
                run_name="digits-transformers",
                num_train_epochs=epochs,
                per_device_train_batch_size=32,
                learning_rate=3e-3,
                eval_strategy="epoch",
                save_strategy="no",
                report_to=[],
                use_cpu=True,
                dataloader_pin_memory=False,
            ),
            train_dataset=samples[:split],
            eval_dataset=samples[split:],
            compute_metrics=accuracy,
            callbacks=[LiveTrainCallback()],
        )
        trainer.train()
        print(f"test accuracy {trainer.evaluate()['eval_accuracy']:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    main(parser.parse_args().epochs)
