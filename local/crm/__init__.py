"""CRMs of our own: their APIs as documented, with records to edit, events of what was edited, and faults on demand."""

from local.crm.emulator import KEY, Crms

__all__ = ["KEY", "Crms"]
