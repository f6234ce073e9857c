"""The golden cases of events/, as `bridge test` finds them."""

from pathlib import Path

from cli.cases import SETTINGS, found, written
from mapping.decode import decode
from ops.samples import TYPES

EVENTS = Path(__file__).parents[2] / "events"
CASES = list(found(EVENTS))


def data_of(case):
    """The decoded body of a case."""
    return decode(case.body.read_bytes(), case.request.get("content_type", TYPES[case.body.suffix]))


__all__ = ["CASES", "EVENTS", "SETTINGS", "data_of", "written"]
