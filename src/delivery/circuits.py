"""Circuit breakers towards Ringostat: Powertools' own, one per project and class of failure, in the cards table."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from aws_lambda_powertools.utilities.circuit_breaker import (
    CircuitBreakerConfig,
    CircuitBreakerOpenError,
    CircuitState,
    CircuitTransition,
    circuit_breaker,
)
from aws_lambda_powertools.utilities.circuit_breaker.persistence import CircuitBreakerDynamoDBPersistence

from delivery.classify import Judgement
from telemetry import logger

Gate = Literal["closed", "probe", "open"]
Post = Callable[[], Judgement]

FAILURES_IN_A_ROW = 5
PROBE = 10  # cards of the one POST that tries whether Ringostat is back: some may have to wait for themselves
CACHE_SECONDS = 10  # a state changes rarely, and three rows a project are read for it


class Failure(Exception):
    """A POST that counts against a circuit."""

    def __init__(self, judgement: Judgement) -> None:
        super().__init__(judgement.answer_class)
        self.judgement = judgement


class TransportFailure(Failure):
    """Ringostat, or the way to it, is down or overloaded."""


class ContractFailure(Failure):
    """Ringostat speaks otherwise than we expect: a human must look."""


class AuthFailure(Failure):
    """Ringostat does not take the project's key: a human must mend it."""


class Circuit(NamedTuple):
    """One class of failure, and after how many recovery times one POST may try again."""

    failure: type[Failure]
    patience: int


CIRCUITS = {
    "transport": Circuit(TransportFailure, 1),
    "contract": Circuit(ContractFailure, 10),
    "auth": Circuit(AuthFailure, 10),
}


class Circuits:
    """The breakers of all projects. Reading fails open: a breaker must not become the outage that it is to prevent."""

    def __init__(self, client: Any, table: str, recovery_seconds: int) -> None:
        self._recovery_seconds = recovery_seconds
        self._store = CircuitBreakerDynamoDBPersistence(
            table, key_attr="key", expiry_attr="expires_at", boto3_client=client
        )
        self._guards: dict[int, Callable[[Post], Judgement]] = {}

    def gate(self, project: int, now: int) -> Gate:
        """Say whether cards of a project may be claimed at `now` (ms): all, one as a probe, or none."""
        gates = [self._gate(project, name, circuit, now) for name, circuit in CIRCUITS.items()]
        return next((gate for gate in ("open", "probe") if gate in gates), "closed")

    def _gate(self, project: int, name: str, circuit: Circuit, now: int) -> Gate:
        record = self._store.get_state(_name(project, name))
        if record.state == CircuitState.CLOSED:
            return "closed"
        if record.state == CircuitState.HALF_OPEN:  # another worker probes, or died in doing so
            return "probe" if now // 1000 >= (record.probe_lease_expiry or 0) else "open"
        recovery = self._recovery_seconds * circuit.patience
        waits = record.state == CircuitState.OPEN and now // 1000 < (record.opened_at or 0) + recovery
        return "open" if waits else "probe"

    def post(self, project: int, post: Post) -> Judgement:
        """Do a POST if the circuits let it through, and let its judgement move them."""
        if project not in self._guards:
            self._guards[project] = self._guarded(project)
        try:
            return self._guards[project](post)
        except Failure as failure:
            return failure.judgement
        except CircuitBreakerOpenError:
            return Judgement("unposted", "circuit-open")

    def _guarded(self, project: int) -> Callable[[Post], Judgement]:
        guarded = _attempt
        for name, circuit in CIRCUITS.items():
            # One success closes a circuit, because the sweep brings the backlog back by and by.
            config = CircuitBreakerConfig(
                failure_threshold=FAILURES_IN_A_ROW,
                recovery_timeout=self._recovery_seconds * circuit.patience,
                success_threshold=1,
                handled_exceptions=circuit.failure,
                local_cache_max_age=CACHE_SECONDS,
            )
            guarded = circuit_breaker(
                name=_name(project, name), persistence_store=self._store, config=config, on_transition=_told
            )(guarded)
        return guarded


def _told(transition: CircuitTransition) -> None:
    logger.warning("circuit", circuit=transition.circuit_name, state=str(transition.to_state))


def _attempt(post: Post) -> Judgement:
    judgement = post()
    if judgement.circuit:
        raise CIRCUITS[judgement.circuit].failure(judgement)
    return judgement


def _name(project: int, circuit: str) -> str:
    return f"{project}#circuit#{circuit}"
