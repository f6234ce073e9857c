"""The Ringostat emulator as a process: `python -m local.emulator --port 8081 --project 106=local-key`."""

import argparse
import signal
import sys
import threading

from local.emulator import Emulator


def main(arguments: list[str]) -> int:
    """Serve until SIGINT or SIGTERM; return 1 if the port is taken."""
    options = _options(arguments)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        emulator = Emulator(options.port, keys=dict(options.project))
    except OSError:
        print(f"Port {options.port} is taken: choose another with --port.", file=sys.stderr)
        return 1
    with emulator:
        print(f"The Ringostat emulator listens at {emulator.url}", flush=True)
        ended.wait()
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.emulator", description="Ringostat's contact book, emulated.")
    parser.add_argument("--port", type=int, default=8081, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--project", type=_project, action="append", required=True, metavar="ID=KEY")
    return parser.parse_args(arguments)


def _project(text: str) -> tuple[int, str]:
    number, _, key = text.partition("=")
    if not number.isdecimal() or not key:
        raise argparse.ArgumentTypeError("must be a project's number, an equals sign and its auth key")
    return int(number), key


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
