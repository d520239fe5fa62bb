"""Keras 3 on scikit-learn's handwritten digits, with one callback and no other change.

Start `livetrain-server`, open the address that it prints, and run this file.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from livetrain.keras import LiveTrainCallback


def convolutions() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ],
        name="digits-keras",
    )


def main(epochs: int) -> None:
    keras.utils.set_random_seed(0)
    digits = load_digits()
    images = digits.images[..., None] / 16
    x, x_test, y, y_test = train_test_split(images, digits.target, test_size=0.2, random_state=0)
    model = convolutions()
    model.compile(
        keras.optimizers.Adam(3e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(
        x,
        y,
        batch_size=32,
        epochs=epochs,
        validation_data=(x_test, y_test),
        callbacks=[LiveTrainCallback(class_names=list("0123456789"))],
        verbose=2,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    main(parser.parse_args().epochs)
