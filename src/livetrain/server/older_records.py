"""What an older client says, as one of today would say it. Pure."""

from __future__ import annotations

from dataclasses import replace

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.older_schema import OlderReader
from livetrain.server.records import BATCH, EPOCH, PERFORMANCE, Record

__all__ = ["adopt"]


def adopt(record: Record, *, step: int, reader: OlderReader | None = None) -> Record:
    """Return an older client's record as one of ours says the same.

    Such a client has no global step, and no presence: a number that it leaves out is 0, or was not told.

    Args:
        record: as it was read.
        step: how many batches the stream had before.
        reader: knows which numbers the client told before; None: none.
    """
    message = record.message
    frame = record.frame
    if record.kind == BATCH:
        message.batch_data.step = step
        if frame is not None:
            # Appended bytes are merged into the batch by whoever parses them.
            more = pb.TelemetryRequest(batch_data=pb.BatchData(step=step))
            frame = (*frame, more.SerializeToString())
    elif record.kind == EPOCH:
        reader = reader or OlderReader()
        epoch = message.epoch_data
        epoch.step = max(0, step - 1)
        epoch.has_loss = reader.is_told("epoch/loss", epoch.average_loss)
        epoch.has_accuracy = reader.is_told("epoch/accuracy", epoch.average_accuracy)
        epoch.has_learning_rate = reader.is_told("learning_rate", epoch.learning_rate)
    elif record.kind == PERFORMANCE:
        message.performance_data.step = max(0, step - 1)
    data = message.SerializeToString()
    return replace(record, seq=0, message=message, data=data, frame=frame)
