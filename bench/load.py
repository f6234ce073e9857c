"""Clients that POST events: as fast as they are answered, or so many a second."""

import http.client
import math
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import urlsplit

JSON = {"Content-Type": "application/json", "User-Agent": "CRM"}
TIMEOUT_SECONDS = 60
MOST_AT_ONCE = 128


class Answer(NamedTuple):
    """What a client was answered, and after how many seconds."""

    status: int
    seconds: float

    @property
    def is_success(self) -> bool:
        """Return whether it may forget the event."""
        return self.status // 100 == 2  # noqa: PLR2004


class Client:
    """One kept connection to an address."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._path = parts.path
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)

    def post(self, body: bytes) -> Answer:
        """POST once; a connection that breaks is a 502."""
        started = time.perf_counter()
        try:
            self._connection.request("POST", self._path, body, JSON)
            answer = self._connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            self._connection.close()
            status = 502
        return Answer(status, time.perf_counter() - started)


def posted(url: str, bodies: Iterable[bytes], clients: int) -> Sequence[Answer]:
    """Let so many clients share the bodies, each sending its next when it has its answer."""
    waiting, answers = deque(bodies), deque[Answer]()

    def work() -> None:
        client = Client(url)
        while True:
            try:
                body = waiting.popleft()
            except IndexError:
                return
            answers.append(client.post(body))

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(answers)


def timed(url: str, bodies: Iterable[tuple[float, bytes]]) -> Sequence[Answer]:
    """POST each body so many seconds after the start, whether or not those before it are answered."""
    own = threading.local()

    def post(body: bytes) -> Answer:
        client: Client = getattr(own, "client", None) or Client(url)
        own.client = client
        return client.post(body)

    started = time.monotonic()
    futures: list[Future[Answer]] = []
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        for at, body in bodies:
            time.sleep(max(0.0, started + at - time.monotonic()))
            futures.append(pool.submit(post, body))
    return [future.result() for future in futures]


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that so many per cent do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(percent / 100 * len(values)) - 1)]
