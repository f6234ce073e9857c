"""The walk of one event, traced in this process: how often a call enters another module of `src`.

docs/architecture.md tells the walk hop by hop. `mapping` counts as one module: it is a compiler, and pure.
"""

import inspect
import json
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
SRC = f"{ROOT / 'src'}/"
INLINE = {"<genexpr>", "<listcomp>", "<dictcomp>", "<setcomp>", "<module>"}
PERSON = json.loads((ROOT / "events/pipedrive/person-with-odd-phones.json").read_text("utf-8"))


def module_of(frame):
    path = frame.f_code.co_filename
    if not path.startswith(SRC):
        return None
    module = path.removeprefix(SRC).removesuffix(".py")
    return "mapping" if module.startswith("mapping/") else module


def caller_of(frame):
    """Return the nearest module of ours that a call comes from."""
    while (frame := frame.f_back) is not None:
        if module := module_of(frame):
            return module
    return None


@contextmanager
def walked():
    """Yield the steps: (from, to, function).

    That Lambda enters the handler is none, nor that a generator goes on; a comprehension belongs to its function.
    """
    steps, generators = [], []

    def seen(frame, event, _):
        name = frame.f_code.co_name
        if event != "call" or name in INLINE or frame in generators or not (module := module_of(frame)):
            return
        if frame.f_code.co_flags & inspect.CO_GENERATOR:
            generators.append(frame)
        if (caller := caller_of(frame)) not in (None, module):
            steps.append((caller, module, name))

    sys.setprofile(seen)
    try:
        yield steps
    finally:
        sys.setprofile(None)


def changed(name, day):
    person = {**PERSON["data"], "name": name}
    meta = {**PERSON["meta"], "timestamp": f"2026-05-{day}T10:00:00.000Z"}
    return json.dumps({**PERSON, "data": person, "meta": meta})


def test_the_walk_of_one_event_is_short(bridge, ringostat):
    bridge.post("acme", changed("Olena", 20))
    bridge.deliver()
    bridge.clock.pass_(100)

    with walked() as steps_of_api:
        answer = bridge.post("acme", changed("Olena Koval", 21))
    with walked() as steps_of_deliver:
        bridge.deliver()

    assert answer.body["accepted"] == 1
    assert bridge.due() == []
    assert len(steps_of_api) <= 35, steps_of_api
    assert len(steps_of_deliver) <= 28, steps_of_deliver
