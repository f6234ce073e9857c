"""The emulated AWS: MiniStack as a separate process, in its own virtual environment, on loopback."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local.template import ROOT

REGION, ACCOUNT = "eu-central-1", "000000000000"
PROGRAM = ROOT / ".venv-emulator" / "bin" / "ministack"
GUARD = ROOT / "local" / "guard.py"
AT_ITS_START = ROOT / "local" / "at_start"
START_SECONDS = 30


class NotReady(Exception):
    """The local world cannot start; the text says what to do."""


class MiniStack:
    """One running emulator. `directory` takes everything it writes, and ends with it, however this process ends."""

    def __init__(self, directory: Path, *, enforce_roles: bool = False) -> None:
        if not PROGRAM.exists():
            raise NotReady("The emulator of AWS is not installed: run `make setup`.")
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._log = directory / "ministack.log"
        self._session: Any = boto3.Session("test", "test", region_name=REGION)  # MiniStack's root user
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", GUARD, directory, PROGRAM],
                stdout=log,
                stderr=log,
                stdin=subprocess.PIPE,
                env=self._environment(directory, enforce_roles=enforce_roles),
                start_new_session=True,
            )

    def _environment(self, directory: Path, *, enforce_roles: bool) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AUTH": str(enforce_roles).lower(),
            "TMPDIR": str(directory),
            "LOCAL_LOGS": str(directory),
            "AWS_ENDPOINT_URL": self.endpoint,
            "PYTHONPATH": str(AT_ITS_START),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def wait(self) -> None:
        """Return when it answers; raise NotReady with the end of its log if it does not."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=1):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        tail = self._log.read_text(errors="replace").splitlines()[-5:]
        raise NotReady("\n".join(["The emulator of AWS did not start:", *tail]))

    def client(self, service: str) -> Any:
        """Return a boto3 client of this emulator, as its root user."""
        config = Config(retries={"total_max_attempts": 2}, max_pool_connections=32, read_timeout=60)
        return self._session.client(service, endpoint_url=self.endpoint, config=config)

    def stop(self) -> None:
        """End it with all that it started and its directory, and wait until they are gone."""
        self._process.communicate()


def free_port() -> int:
    """Return a free port of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
