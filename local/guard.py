"""`python guard.py DIRECTORY PROGRAM`: run a program until standard input ends, then end all of it and its directory.

A process that is killed cannot clean up, but the system closes its pipes, on every system.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
from contextlib import suppress

STOP_SECONDS = 5
LOOK_SECONDS = 0.2


def main(directory: str, *command: str) -> int:
    """Return the program's exit code, if it ends by itself; the directory then stays, because its log says why."""
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    while program.poll() is None:
        if select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
            end(program)
            shutil.rmtree(directory, ignore_errors=True)
            return 0
    return program.returncode


def end(program: subprocess.Popen[bytes]) -> None:
    """End the program, and then whatever it started that goes on."""
    program.terminate()
    with suppress(subprocess.TimeoutExpired):
        program.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
