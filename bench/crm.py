"""Bitrix24 as the emulator plays it, without its limit of requests, in a separate process.

`python -m bench.crm CONTACTS [DELAY]` prints the address that is its key, and serves until it is killed.
"""

import sys
import threading

from local.crm import Crms
from local.crm.dialects import CRMS

NAME = "bitrix24"

if __name__ == "__main__":
    crms = Crms(contacts=int(sys.argv[1]), crms={NAME: CRMS[NAME]})
    crms.limited(NAME, on=False)
    if sys.argv[2:]:
        crms.faults(NAME, {"delay": float(sys.argv[2]), "times": None})
    sys.stdout.write(crms.secret(NAME)["url"] + "\n")
    sys.stdout.flush()
    threading.Event().wait()
