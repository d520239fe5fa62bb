"""Batches that came as columns, one by one as older viewers take them. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.columns import Column, column_named

__all__ = ["batches_of"]


def batches_of(columns: pb.PointColumns, *, most: int) -> tuple[list[pb.TelemetryRequest], int]:
    """Return records of single batches, and how many were left out.

    Args:
        columns: rows of batches, or numbers; of those each loss stands for a batch.
        most: at most so many batches, evenly drawn; the last is one of them, and so is the first if there are two.
    """
    loss, accuracy = column_named(columns, "loss"), column_named(columns, "accuracy")
    rows = columns.batches if columns.HasField("batches") else None
    lead = loss
    if lead is None and rows is not None and columns.columns:
        lead = accuracy or column_named(columns, columns.columns[0].name)
    if lead is None:
        return [], 0
    count = len(lead.steps)
    chosen = np.unique(np.linspace(count - 1, 0, min(count, most)).astype(np.intp))
    accuracies = _beside(lead, accuracy, chosen) if accuracy is not None else {}
    found = []
    for row in chosen.tolist():
        step = int(lead.steps[row])
        batch = pb.BatchData(
            step=step, epoch=columns.epoch, logged_us=max(0, int(lead.times_us[row]))
        )
        batch.batch_idx = step & 0xFFFFFFFF if rows is None else rows.first_batch_idx + row
        if rows is not None:
            batch.batch_size = rows.batch_size
        if loss is not None:
            batch.batch_loss = batch.exact_loss = float(loss.values[row])
        if row in accuracies:
            batch.batch_accuracy = batch.exact_accuracy = accuracies[row]
        found.append(pb.TelemetryRequest(timestamp_ms=batch.logged_us // 1000, batch_data=batch))
    return found, count - len(chosen)


def _beside(lead: Column, other: Column, rows: npt.NDArray[np.intp]) -> dict[int, float]:
    """Return the values of another column at the steps of some rows of this one, by the row."""
    if np.array_equal(lead.steps, other.steps):
        return {row: float(other.values[row]) for row in rows.tolist()}
    found = {}
    for row in rows.tolist():
        at = np.flatnonzero(other.steps == lead.steps[row])
        if len(at):
            found[row] = float(other.values[at[-1]])
    return found
