"""Run in a fresh process by test_bombs: send `api` the body from standard input, and say what memory it took.

`bomb_child.py CONNECTION CONTENT_TYPE` prints JSON: status, bytes resident before and at most after, seconds.
"""

import json
import re
import sys
import time
from pathlib import Path

from moto import mock_aws

from local.in_process import Bridge
from tests import conftest  # noqa: F401 - sets the environment

PROCESS = Path("/proc/self")


def resident(name):
    """Return VmRSS, what is resident now, or VmHWM, what was resident at most; in bytes."""
    return int(re.search(rf"{name}:\s+(\d+) kB", (PROCESS / "status").read_text())[1]) * 1024


def forget_the_peak():
    """Let VmHWM begin anew: https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html."""
    (PROCESS / "clear_refs").write_text("5")


with mock_aws(), Bridge("http://127.0.0.1:9") as bridge:
    bridge.post(sys.argv[1], "{}")  # what is imported late is no part of the measure
    forget_the_peak()
    before = resident("VmRSS")
    body = sys.stdin.buffer.read().decode()
    began = time.perf_counter()
    answer = bridge.post(sys.argv[1], body, content_type=sys.argv[2])
    seconds = time.perf_counter() - began
    print(  # noqa: T201 - for the test
        json.dumps({"status": answer.status, "before": before, "peak": resident("VmHWM"), "seconds": seconds})
    )
