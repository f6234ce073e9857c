"""A client of one AWS service: JSON over HTTP, signed, sent over a pool of urllib3.

DynamoDB, SQS and Secrets Manager speak one protocol, and the bridge calls ten operations of them. Through botocore's
own clients a warm call takes twice the CPU, and making the clients is most of a cold start.
https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
"""

import hashlib
import hmac
import json
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import urllib3
from botocore.credentials import ContainerProvider, CredentialResolver, EnvProvider
from urllib3.exceptions import HTTPError

from aws.pauses import pause
from errors import Unavailable

OK = 200

# A frozen Lambda does not notice that the other end has closed a connection, and a NAT forgets it without a word:
# https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html ("keep-alive directive")
IDLE_SECONDS = 20.0

# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
PASSING_STATUSES = frozenset({500, 502, 503, 504})
PASSING_CODES = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
RETRY_SECONDS = 0.2  # the longest random pause after an error that may pass
# A connection that the other end has forgotten is reset while it is idle, not under the next request.
KEEP_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *([(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5)] if hasattr(socket, "TCP_KEEPIDLE") else []),
]

ALGORITHM = "AWS4-HMAC-SHA256"

_COMPACT = json.JSONEncoder(separators=(",", ":"))


class Service(NamedTuple):
    """How a service is addressed and how its operations are named."""

    name: str  # in the host and in the signature
    target: str  # before the operation in X-Amz-Target
    content_type: str


DYNAMODB = Service("dynamodb", "DynamoDB_20120810", "application/x-amz-json-1.0")
SQS = Service("sqs", "AmazonSQS", "application/x-amz-json-1.0")
SECRETS_MANAGER = Service("secretsmanager", "secretsmanager", "application/x-amz-json-1.1")


class Patience(NamedTuple):
    """How long each attempt of a call may take until it is answered, connecting included."""

    seconds: tuple[float, ...]


class Keys(NamedTuple):
    """The credentials of one moment; `token` is None for those that do not end."""

    access_key: str
    secret_key: str
    token: str | None


class Place(NamedTuple):
    """What a signature is good for."""

    region: str
    service: str


class Failure(Unavailable):
    """AWS answered with an error. `answer` is its body: it may quote what was sent, so it is never logged."""

    def __init__(self, operation: str, aws_code: str, answer: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"AWS answered {aws_code} to {operation}.")
        self.operation = operation
        self.aws_code = aws_code
        self.answer = answer or {}


class ServiceClient(Protocol):
    """What the table, the queues and the secrets need: the functions' own client below, or an operator's boto3."""

    def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Call an operation by its name in AWS's API; raise Failure or Unavailable."""
        ...


class Client:
    """One service in one region. `wall_clock` gives seconds since 1970."""

    def __init__(
        self,
        service: Service,
        region: str,
        patience: Patience,
        *,
        endpoint: str = "",
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.service = service
        self._place = Place(region, service.name)
        self._patience = patience
        self.url = (endpoint or endpoint_of(service.name, region)).rstrip("/") + "/"
        self._host = urlsplit(self.url).netloc
        self._wall_clock = wall_clock
        self._used_at = float("-inf")
        self._pool: urllib3.HTTPConnectionPool | None = None

    def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Call an operation by its name in AWS's API; return its answer.

        Raise Failure for an error that AWS answered, Unavailable without an answer in time.
        """
        body = _COMPACT.encode(parameters).encode()
        for attempt, seconds in enumerate(self._patience.seconds, 1):
            is_last = attempt == len(self._patience.seconds)
            try:
                status, received = self.exchange(operation, body, seconds)
            except (HTTPError, OSError) as error:
                if is_last:
                    raise Unavailable(f"AWS does not answer {operation} ({type(error).__name__}).") from error
                continue  # at once: a caller waits, and a dead connection says nothing of the service
            answer = _read(received)
            if status == OK:
                return answer
            failure = Failure(operation, _code(answer, status), answer)
            if is_last or not _may_pass(status, failure.aws_code):
                raise failure
            pause(RETRY_SECONDS)
        raise AssertionError("a call has at least one attempt")

    def exchange(self, operation: str, body: bytes, seconds: float) -> tuple[int, bytes]:
        """Send one signed request; return status and body. Raise HTTPError or OSError. Tests put another AWS here."""
        headers = self.signed(operation, body)
        # The path alone: a URL here would be sent as it is, and the signature is made over the path.
        response = self._open_pool().urlopen(
            "POST",
            "/",
            body=body,
            headers=headers,
            timeout=urllib3.Timeout(total=seconds),
            retries=False,
            redirect=False,
        )
        return response.status, response.data

    def signed(self, operation: str, body: bytes) -> dict[str, str]:
        """Return the headers of a request, its signature among them."""
        headers = {
            "Host": self._host,
            "Content-Type": self.service.content_type,
            "X-Amz-Target": f"{self.service.target}.{operation}",
        }
        keys = Keys(*credentials().get_frozen_credentials()[:3])
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._wall_clock()))
        return with_signature(headers, body, keys, self._place, moment)

    def _open_pool(self) -> urllib3.HTTPConnectionPool:
        """Return the pool, a new one after a pause in which its connections may have died."""
        now = self._wall_clock()
        if self._pool is None or abs(now - self._used_at) > IDLE_SECONDS:
            if self._pool is not None:
                self._pool.close()
            self._pool = _pool(self.url)
        self._used_at = now
        return self._pool


# botocore's own signer takes six times the CPU, because it signs any request; a test holds this one against it.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
def with_signature(headers: Mapping[str, str], body: bytes, keys: Keys, place: Place, moment: str) -> dict[str, str]:
    """Return the headers of a POST to `/`, `Host` among them, all of them signed; `moment` is `20261128T201500Z`."""
    sent = {**headers, "X-Amz-Date": moment, **({"X-Amz-Security-Token": keys.token} if keys.token else {})}
    lines = sorted(f"{name.lower()}:{value}" for name, value in sent.items())
    names = ";".join(line.partition(":")[0] for line in lines)
    canonical = "\n".join(["POST", "/", "", *lines, "", names, hashlib.sha256(body).hexdigest()])
    scope = "/".join([moment[:8], *place, "aws4_request"])
    text = "\n".join([ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signature = hmac.digest(_key(keys.secret_key, moment[:8], *place), text.encode(), "sha256").hex()
    credential = f"{keys.access_key}/{scope}"
    sent["Authorization"] = f"{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return sent


@lru_cache(maxsize=8)
def _key(secret_key: str, *scope: str) -> bytes:
    """Return the key of a day, a region and a service."""
    key = f"AWS4{secret_key}".encode()
    for part in (*scope, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def endpoint_of(service: str, region: str) -> str:
    """Return the public endpoint of a service: https://docs.aws.amazon.com/general/latest/gr/rande.html."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{service}.{region}.{suffix}"


@cache
def credentials() -> Any:
    """Return the function's own credentials, which renew themselves where they end.

    Lambda gives them by the environment, with SnapStart by an address:
    https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html
    """
    found = CredentialResolver([EnvProvider(), ContainerProvider()]).load_credentials()
    if found is None:
        raise Unavailable("No AWS credentials are in the environment.")
    return found


@cache
def tls() -> ssl.SSLContext:
    """Return the one TLS context: the certificate authorities are read once a process."""
    return ssl.create_default_context()


def _pool(url: str) -> urllib3.HTTPConnectionPool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    options = [*urllib3.connection.HTTPConnection.default_socket_options, *KEEP_ALIVE]
    if parts.scheme == "https":
        return urllib3.HTTPSConnectionPool(host, parts.port, ssl_context=tls(), socket_options=options)
    return urllib3.HTTPConnectionPool(host, parts.port, socket_options=options)


def _read(received: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(received) if received else {}
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _code(answer: Mapping[str, Any], status: int) -> str:
    """Return the name of an error, without the namespace before it and the address behind it."""
    # https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html#operation-error-serialization
    return str(answer.get("__type", "")).rpartition("#")[2].partition(":")[0] or str(status)


def _may_pass(status: int, code: str) -> bool:
    return status in PASSING_STATUSES or code in PASSING_CODES
