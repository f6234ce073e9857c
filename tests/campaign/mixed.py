"""Two versions of the bridge side by side: each call of a function goes to one of them by chance.

`previous.tar.xz` is the code of the version before: `src` of commit 191cedc (six of its presets) and its
local/in_process.py, so that it needs no history of the repository.
"""

import sys
import tarfile
from collections import Counter
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path

from aws.client import Failure
from errors import Unavailable
from local.in_process import Bridge, aws
from tests.campaign.campaign import Campaign, Wire

ARCHIVE = Path(__file__).with_name("previous.tar.xz")
FUNCTIONS = ("post", "take_inbox", "deliver", "take_lookups", "sweep")


class Previous:
    """The modules of the version before, loaded from a folder beside those of this one."""

    def __init__(self, folder):
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(folder, filter="data")
        self._folder = str(folder)
        self._names = {path.stem for path in folder.iterdir()}
        self._modules = {}
        with self.running():
            self.in_process, self.errors, self.client, self.fetch, self.ringostat = map(
                import_module, ("in_process", "errors", "aws.client", "lookup.fetch", "delivery.ringostat")
            )
        self.in_process.aws = aws  # of the pollers: the campaign watches it

    @contextmanager
    def running(self):
        """Let imports, those inside functions too, find its modules."""
        others = self._taken()
        sys.modules.update(self._modules)
        sys.path.insert(0, self._folder)
        try:
            yield
        finally:
            sys.path.remove(self._folder)
            self._modules = self._taken()
            sys.modules.update(others)

    def _taken(self):
        names = [name for name in sys.modules if name.partition(".")[0] in self._names]
        return {name: sys.modules.pop(name) for name in names}

    def call(self, original, operation, **parameters):
        """Do a call of AWS; its errors are the version's own."""
        try:
            return original(operation, **parameters)
        except Failure as error:
            raise self.client.Failure(operation, error.aws_code, error.answer) from error
        except Unavailable as error:
            raise self.errors.Unavailable(str(error)) from error


class Second(Bridge):
    """A bridge of what another one has created."""

    def _create(self):
        """Nothing is left to create."""


class Mixture:
    """A bridge whose functions are those of either version."""

    def __init__(self, new, old, previous, random):
        self._new, self._old, self._previous, self._random = new, old, previous, random
        self.calls = Counter()
        for name in FUNCTIONS:
            setattr(self, name, partial(self._call, name))

    def __getattr__(self, name):
        return getattr(self._new, name)

    @property
    def _seconds(self):
        return self._new._seconds

    @_seconds.setter
    def _seconds(self, seconds):
        self._new._seconds = self._old._seconds = seconds

    def _call(self, name, *arguments, **more):
        is_new = self._random.random() < 0.5
        self.calls[f"{name} {'of this' if is_new else 'of the previous'} version"] += 1
        if is_new:
            return getattr(self._new, name)(*arguments, **more)
        with self._previous.running():
            try:
                return getattr(self._old, name)(*arguments, **more)
            except self._previous.errors.BridgeError as error:
                raise Unavailable(str(error)) from error


class Mixed(Campaign):
    """A campaign during a deployment, in which each copy of a function may be of either version."""

    def __init__(self, plan, folder):
        super().__init__(plan)
        self._previous = Previous(folder)

    def make_bridge(self, enter):
        """Let the version before create everything, as it did."""
        with self._previous.running():
            self._old = enter(self._previous.in_process.Bridge(self.remote.url, self.clock))
        return enter(Second(self.remote.url, self.clock))

    def _set_up(self, stack):
        super()._set_up(stack)
        old, previous = self._old, self._previous
        for client in previous.in_process.CLIENTS:
            client.call = partial(previous.call, partial(self.aws._call, client.service.name, client.call))
        with previous.running():
            clients = (
                previous.ringostat.Ringostat(self.remote.url, deadline_seconds=self.deadline),
                previous.ringostat.Ringostat("http://127.0.0.1:9"),
            )
            asker = old.reader.asker
            fetcher = previous.fetch.Fetcher(loopback=True, seconds=self.deadline)
            old._forget_connections()
        for client in clients:
            stack.callback(client.close)
        old.worker = old.worker._replace(ringostat=Wire(*clients, self), jitter=self.random.random)
        asking = asker.asking._replace(fetcher=fetcher)
        old.reader = old.reader._replace(asker=asker._replace(asking=asking), jitter=self.random.random)
        self.bridge = Mixture(self.bridge, old, previous, self.random)
