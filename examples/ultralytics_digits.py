"""An Ultralytics classifier on scikit-learn's handwritten digits, with one line more.

Start `livetrain-server`, open the address that it prints, and run this file. The model is made from its description: nothing is
downloaded.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from PIL import Image
from sklearn.datasets import load_digits
from ultralytics import YOLO

from livetrain.ultralytics import LiveTrainCallbacks


def write(folder: Path) -> None:
    """Write the digits as pictures, every fifth one for the validation."""
    digits = load_digits()
    for number, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        place = folder / ("val" if number % 5 == 0 else "train") / str(label)
        place.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray((image * 255 / 16).astype("uint8")).resize((32, 32))
        picture.convert("RGB").save(place / f"{number}.png")


def main(epochs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "digits")
        model = YOLO("yolo11n-cls.yaml")
        LiveTrainCallbacks(run="digits-ultralytics").add_to(model)
        model.train(
            data=f"{folder}/digits",
            epochs=epochs,
            imgsz=32,
            batch=32,
            workers=0,
            lr0=0.02,
            warmup_epochs=0,
            device="cpu",
            project=folder,
            plots=False,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    main(parser.parse_args().epochs)
