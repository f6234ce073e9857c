"""`python -m local`: the local world for people, until Ctrl-C."""

import argparse
import os
import signal
import sys
import time
from itertools import count
from pathlib import Path
from types import FrameType

from local.crm import KEY
from local.kept import FILE
from local.logs import readable
from local.ministack import NotReady
from local.world import AUTH_KEY, PROJECT, TOKEN, Ports, World, variable

PORTS = Ports(bridge=8080, ringostat=8081, crm=8082)
EXAMPLE = "events/pipedrive/person-with-odd-phones.json"
FOLLOW_SECONDS = 0.2
DOOR_ROUNDS = 5  # a burst that the door refuses is one line a second
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def welcome(world: World, keep: Path | None) -> str:
    """Return what is useful to know once the world has started."""
    left = f"keeps cards, secrets and contact book in {keep}" if keep else "leaves nothing behind"
    return f"""
The bridge is running.

  Contact book   {world.ringostat_url}/
  CRMs to edit   {world.crms.url}/  the key of their APIs is {KEY}
  CRMs call      {world.bridge_url}/crm/demo-<preset>/{TOKEN}
  Ringostat      {world.ringostat_url}  project {PROJECT}, auth-key {AUTH_KEY}
  Emulated AWS   {world.aws.endpoint}

Paste this line into another terminal, in this directory:

  curl -sS {world.bridge_url}/crm/demo-pipedrive/{TOKEN} -H 'Content-Type: application/json' --data-binary @{EXAMPLE}

More, of every CRM: the contact book's page, "Try it".

Ctrl-C ends it and {left}. What the functions log:
"""


def follow(world: World) -> None:
    """Print the functions' logs, and what the door refuses, until interrupted."""
    for number in count():
        if number % DOOR_ROUNDS == 0 and world.front.door and (text := world.front.door.told()):
            print(text, flush=True)
        for line in world.logs.fresh():
            if text := readable(line):
                print(text, flush=True)
        time.sleep(FOLLOW_SECONDS)


def port(name: str, default: int) -> int:
    """Return a port from the environment; raise NotReady if it is none."""
    text = os.environ.get(variable(name)) or str(default)
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004 - the last port there is
        raise NotReady(f"{variable(name)} must be the number of a port.")
    return int(text)


def copies() -> int:
    """Return how many functions run at once, from the environment; 0 where it does not say; raise NotReady if wrong."""
    text = os.environ.get("DOOR") or "0"
    if not text.isdecimal():
        raise NotReady("DOOR must be how many copies of functions your account runs at once: 1000, or 10 if it is new.")
    return int(text)


def keep() -> Path | None:
    """Return the file of the environment's KEEP: 1 is the usual one, none where it does not say."""
    text = os.environ.get("KEEP") or "0"
    return {"0": None, "1": FILE}.get(text, Path(text))


def end(_number: int, _frame: FrameType | None) -> None:
    """End in good order; a second Ctrl-C must not cut that short."""
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(0)


def main() -> int:
    """Run the world on the ports of BRIDGE_PORT, RINGOSTAT_PORT and CRM_PORT, behind a DOOR; return an exit code.

    With KEEP it goes on where the last one ended.
    """
    argparse.ArgumentParser(prog="python -m local", description=main.__doc__).parse_args()
    for number in ENDS:
        signal.signal(number, end)
    os.environ.pop("AWS_PROFILE", None)  # boto3 insists that a profile exists, though nothing here uses one
    try:
        with World(ports=Ports(*map(port, Ports._fields, PORTS)), copies=copies(), keep=keep()) as world:
            print(welcome(world, keep()), flush=True)
            follow(world)
    except NotReady as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
