"""The world: emulated AWS with the deployed stack, emulators of Ringostat and of CRMs, and the address they call."""

import json
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import quote

from boto3.dynamodb.types import TypeDeserializer

from cards.endpoints import ENDPOINTS
from local import kept, stack, template
from local.crm import Crms
from local.crm.dialect import Event
from local.crm.dialects import CRMS
from local.crm.dialects.monday import BOARD
from local.door import Door
from local.emulator import Emulator
from local.front import Front
from local.logs import Logs
from local.ministack import REGION, MiniStack, NotReady
from local.page.desk import Desk
from mapping.language.loader import API_SUFFIX
from ops.stack import Stack

SOURCE = template.ROOT / "src"
PROJECT, AUTH_KEY, TOKEN = 106, "local-key", "local"
SWEEP_SECONDS = 2  # a minute in template.yaml, which is too long to watch

# Everything that waits waits less than in template.yaml, so that a fault and its repair can be watched.
PARAMETERS = {
    "PostDeadlineSeconds": 3,
    "QuietPeriodSeconds": 1,
    "AssertAfterSeconds": 5,
    "CircuitSeconds": 1,
    "RetryCapSeconds": 2,
    "Lookups": "true",
    "LoopbackApi": "true",
}
VISIBILITY_SECONDS = {"DeliveryQueue": 12, "InboxQueue": 32, "LookupQueue": 62}  # a little more than a run

Json = Any
T = TypeVar("T")


class Answer(NamedTuple):
    """What an HTTP request got."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Json:
        """Return the body's JSON."""
        return json.loads(self.body)


class Ports(NamedTuple):
    """Where what people open listens; 0 takes any free port."""

    bridge: int = 0
    ringostat: int = 0
    crm: int = 0


FREE = Ports()


class World:
    """The running system. A context manager; it leaves neither a process nor a file behind, even if killed.

    `enforce_roles` lets each function do only what its role permits. `changed` is a template to deploy in place of
    template.yaml. `copies` is how many functions the account runs at once; 0 takes away the whole door. `keep` is the
    file with what an earlier run left, and for what this one leaves.
    Raise NotReady if something is missing or a port is taken.
    """

    def __init__(  # noqa: PLR0913 - each a switch of the whole world
        self,
        *,
        ports: Ports = FREE,
        enforce_roles: bool = False,
        changed: template.Template | None = None,
        source: Path = SOURCE,
        copies: int = 0,
        keep: Path | None = None,
    ) -> None:
        for name, port in ports._asdict().items():
            _check_free(port, variable(name))
        self._left = kept.read(keep)
        self.connections = {f"demo-{path.stem}": _connection(path.stem) for path in _presets(source)}
        self._directory = Path(tempfile.mkdtemp(prefix="ringostat-bridge-"))
        self._stops: list[Callable[[], None]] = [lambda: shutil.rmtree(self._directory, ignore_errors=True)]
        self.logs = Logs(self._directory)
        try:
            self._start(ports, changed, source, keep, enforce_roles=enforce_roles)
            self.front.door = Door(template.throttle(changed or template.load()), copies) if copies else None
        except BaseException:
            self.stop()
            raise

    def _start(
        self,
        ports: Ports,
        changed: template.Template | None,
        source: Path,
        keep: Path | None,
        *,
        enforce_roles: bool,
    ) -> None:
        self.aws = MiniStack(self._directory, enforce_roles=enforce_roles)
        self._stops.append(self.aws.stop)
        self.ringostat = Emulator(ports.ringostat, keys={PROJECT: AUTH_KEY})
        self._stops.append(self.ringostat.stop)
        self.ringostat_url = self.ringostat.url
        self.crms = Crms(ports.crm)
        self._stops.append(self.crms.stop)
        self.aws.wait()
        parameters = PARAMETERS | {"RingostatUrl": self.ringostat_url}
        self.ids = stack.deploy(self.aws, changed or template.load(), source, parameters)
        self.sqs, self.dynamodb, self._lambda = (self.aws.client(name) for name in ("sqs", "dynamodb", "lambda"))
        self._settle(keep)
        host = f"{self.ids['HttpApi']}.execute-api.127.0.0.1:{self.aws.port}"
        parts = {"endpoint": self.aws.endpoint, "region": REGION, "ids": self.ids}
        self.front = Front(ports.bridge, self.aws.port, host, parts)
        self._stops.append(self.front.stop)
        self.bridge_url = self.front.url
        self.crms.send = self._tell
        self._open_desk(self.front)
        self._warm_up()
        self._sweep_on()

    def _tell(self, crm: str, event: Event) -> tuple[int, str]:
        """Post an event of a CRM to its connection."""
        answer = self.post(f"demo-{crm}", event.body, event.content_type)
        return answer.status, answer.body.decode("utf-8", "replace")

    def _open_desk(self, front: Front) -> None:
        """Let Ringostat's page show the bridge too."""
        there = Stack(self.aws.client, self.ids, f"{front.url}/crm/")
        desk = Desk(self.ringostat, there, self.connections, Logs(self._directory, "messages"))
        front.seen = desk.seen
        self._stops.append(desk.start())

    def _settle(self, keep: Path | None) -> None:
        """Fill the secrets, and all else that is kept; shorten the queues' visibility, which no parameter does."""
        own: dict[str, Mapping[str, Json]] = {
            "ConnectionsSecret": self.connections,
            "AuthKeysSecret": {str(PROJECT): {"auth_key": AUTH_KEY}},
            "ApiKeysSecret": {f"demo-{crm}": self.crms.secret(crm) for crm in CRMS},
        }
        secrets, left = self.aws.client("secretsmanager"), self._left
        for name, entries in own.items():
            value = {**entries, **left["secrets"].get(name, {})}
            secrets.put_secret_value(SecretId=self.ids[name], SecretString=json.dumps(value))
        for name, seconds in VISIBILITY_SECONDS.items():
            self.sqs.set_queue_attributes(QueueUrl=self.ids[name], Attributes={"VisibilityTimeout": str(seconds)})
        kept.put_rows(self.dynamodb, self.ids["CardsTable"], left["rows"])
        self._fill_book(left["book"])
        if keep:
            self._stops.append(lambda: kept.write(keep, self._keep(kept.added(secrets, self.ids, own))))

    def _keep(self, secrets: Json) -> Json:
        """Return what outlives this run; the rows first, because Ringostat has all that they call confirmed."""
        rows = kept.rows(self.dynamodb, self.ids["CardsTable"])
        return {"secrets": secrets, "rows": rows, "book": {name: self.state()[name] for name in ENDPOINTS}}

    def _fill_book(self, book: Mapping[str, Json]) -> None:
        """Post what Ringostat's contact book held."""
        headers = {"auth-key": AUTH_KEY, "x-project-id": str(PROJECT), "Content-Type": "application/json"}
        for name in filter(book.get, ENDPOINTS):
            url, body = self.ringostat_url + ENDPOINTS[name].path, json.dumps({name: book[name]}).encode()
            if request("POST", url, body, headers).status != HTTPStatus.OK:
                raise NotReady(f"The kept {name} are not what Ringostat takes: delete the file of KEEP.")

    def _warm_up(self) -> None:
        """Start the processes on the way of a contact, so that the first one does not wait for them."""
        with ThreadPoolExecutor() as pool:
            pool.submit(self.get, "/healthz")
            for function in ("DeliverFunction", "LookupFunction"):
                pool.submit(self.invoke, function, {"Records": []})

    def _sweep_on(self) -> None:
        """Invoke `sweep` at the local pace, until the world stops."""
        stopped = threading.Event()

        def sweep() -> None:
            while not stopped.wait(SWEEP_SECONDS):
                self.invoke("SweepFunction", {})

        thread = threading.Thread(target=sweep)
        thread.start()
        self._stops += [thread.join, stopped.set]

    def stop(self) -> None:
        """End everything, last started first, whatever one end may raise."""
        try:
            while self._stops:
                self._stops.pop()()
        finally:
            if self._stops:
                self.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    def post(
        self,
        connection: str,
        body: bytes | str | Json,
        content_type: str = "application/json",
        *,
        token: str = TOKEN,
        query: str = "",
    ) -> Answer:
        """POST an event as a CRM would; a body that is neither text nor bytes is sent as JSON."""
        path = f"/crm/{quote(connection, safe='')}" + (f"/{quote(token, safe='')}" if token else "")
        data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        url = f"{self.bridge_url}{path}" + (f"?{query}" if query else "")
        return request("POST", url, data, {"Content-Type": content_type})

    def get(self, path: str) -> Answer:
        """GET a path of the bridge."""
        return request("GET", self.bridge_url + path)

    def state(self) -> Json:
        """Return what Ringostat knows: {"contacts": […], "organizations": […], "calls": […], "requests": n}."""
        return self.ringostat.state()

    def queue_url(self, name: str) -> str:
        """Return the URL of the queue `inbox`, `rejected`, `delivery` or `dead-delivery`."""
        return self.ids[f"{name.title().replace('-', '')}Queue"]

    def depth(self, name: str) -> int:
        """Return how many messages a queue holds, those in work included."""
        wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue_url(name), AttributeNames=wanted)["Attributes"]
        return sum(int(found[attribute]) for attribute in wanted)

    def rows(self) -> dict[str, Json]:
        """Return every row of the cards table by its key."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.ids["CardsTable"], ConsistentRead=True)
        read = TypeDeserializer().deserialize
        rows = [{name: read(value) for name, value in item.items()} for page in pages for item in page["Items"]]
        return {row["key"]: row for row in rows}

    def invoke(self, function: str, event: Json) -> Json:
        """Invoke a function by its logical id and return its answer."""
        answer = self._lambda.invoke(FunctionName=self.ids[function], Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read())

    def kill(self, function: str) -> Sequence[int]:
        """Kill (SIGKILL) the processes that run `api`, `inbox`, `deliver` or `sweep`; return their ids."""
        pids = self.logs.processes(f"{function}.")
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return pids


def wait_for(probe: Callable[[], T], seconds: float = 10, what: str = "") -> T:
    """Ask until the answer is true and return it; raise TimeoutError with what it was at last."""
    until = time.monotonic() + seconds
    while not (found := probe()):
        if time.monotonic() > until:
            raise TimeoutError(f"{what or 'It'} did not come within {seconds} s; at last: {found!r}")
        time.sleep(0.05)
    return found


def request(method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """Send one HTTP request and return its answer, whatever its status."""
    sent = urllib.request.Request(url, body, dict(headers or {}), method=method)
    try:
        with urllib.request.urlopen(sent, timeout=40) as reply:
            return Answer(reply.status, dict(reply.headers), reply.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, dict(error.headers), error.read())


def variable(port: str) -> str:
    """Return the variable of the environment that names a port."""
    return f"{port.upper()}_PORT"


def _presets(source: Path) -> list[Path]:
    found = (source / "mapping" / "presets").glob("*.toml")
    return sorted(path for path in found if not path.stem.endswith(API_SUFFIX))


def _connection(preset: str) -> dict[str, Json]:
    return {
        "mapping": preset,
        "project": PROJECT,
        "country": "UA",
        "time_zone": "Europe/Kyiv",
        "crm_url": "https://demo.example.com",
        "board_id": str(BOARD),
        "lookups": preset in CRMS,
        "verify": {"scheme": "path-token", "token": TOKEN},
    }


def _check_free(port: int, variable: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise NotReady(f"Port {port} is taken by another program: choose another with {variable}=…") from error
