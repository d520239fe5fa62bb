"""The face of the SDK: one object in a training script. It composes; every algorithm is in a module of its own."""

from livetrain._monitor.monitor import Monitor

__all__ = ["Monitor"]
