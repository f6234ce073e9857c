"""A Ringostat of our own: what its help page documents, refused where it is not met, with faults on demand."""

from local.emulator.emulator import Emulator

__all__ = ["Emulator"]
