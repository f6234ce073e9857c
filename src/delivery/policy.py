"""Every duration and limit of delivery; those of `Policy` are settings, or follow from them. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

EVER_MS = 2**53  # ms since 1970: later than any time
GIVE_UP_DAYS = 14
GIVE_UP_MS = GIVE_UP_DAYS * 86_400_000

# A card that was refused alone is tried again so long after each refusal, then it is refused for good. One refusal
# proves nothing: in a small office nearly every card is alone in its request.
TRIED_AGAIN_AFTER_MS = (60_000, 3_600_000, 86_400_000)

# Waking workers.
REST_MS = 5_000  # after a POST of a card: people edit in bursts, and what they do meanwhile shares the next one
SWEEP_AFTER_MS = 60_000  # the wake-up normally comes first; the sweep looks after it
KEYS_PER_WAKEUP = 100
OLDEST_SHARE = 5  # one card in so many: fresh callers show their names at once, and the backlog drains all the same
LOOKED_AT = 100  # due cards of a project whose age is read; more of them are a backlog, and the first are its oldest
RENAMED_CARDS = 1_000  # contacts that one sweep looks at, at most, to give them new names
SILENT_NAMED = 100  # silent connections that are counted at most, each minute
LEFT_COUNTED = 1_000  # cards left behind of a project that are counted at most, each minute

# One run of a worker.
MAX_ROUNDS = 3  # deliveries of one card in one run, while its content keeps changing
STOP_MARGIN_MS = 3_000  # what recording needs after the last POST
LEASE_GRACE_MS = 5_000  # clocks of workers differ
LONGEST_HIDE_MS = 15 * 60_000
MAX_RECEIVES = 5  # then leave the card to the sweep, which has no receive limit

# Talking to Ringostat.
CONNECT_SECONDS = 2.0
MAX_ANSWER_BYTES = 64 * 1024
SLOW_DOWN_SECONDS = 60.0  # after 429 without Retry-After

# Holding a project back.
FAILURES_IN_A_ROW = 5
PROBE_CARDS = 10  # of the one POST that tries whether Ringostat is back: some may have to wait for themselves
PATIENCE = {"transport": 1, "contract": 10, "auth": 10}  # rests of an open circuit between probes
CACHE_MS = 10_000  # a throttle changes rarely, and is read before each POST
SLOWER_PERCENT = 70  # of the cards a sweep wakes, after a request to slow down
SLOW_GROWTH_PERCENT = 110  # a sweep, after that
QUICK_GROWTH_PERCENT = 200  # a sweep, after an outage


class Policy(NamedTuple):
    """What operators may set, in the units of the code."""

    batch_size: int  # cards of one POST, and of the first sweep after an outage
    sweep_most: int  # cards of a project that one sweep wakes at most
    post_deadline_ms: int
    quiet_ms: int  # after an ambiguous attempt: its request may still land
    short_quiet_ms: int  # after one that was answered in full
    assert_after_ms: int  # from the confirmation that follows it
    retry_base_ms: int  # the first retry's bound; it doubles with each attempt
    retry_cap_ms: int
    repair_ms: int  # while a human repairs the configuration or the key
    circuit_rest_ms: int
    tried_again_after_ms: tuple[int, ...] = TRIED_AGAIN_AFTER_MS

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Policy":
        """Return the policy of the settings, given by name; what they leave open follows from the quiet period."""
        quiet_ms = int(settings["quiet_period_seconds"] * 1000)
        cap_ms = int(settings["retry_cap_seconds"] * 1000)
        return cls(
            batch_size=settings["batch_size"],
            sweep_most=settings["sweep_most"],
            post_deadline_ms=int(settings["post_deadline_seconds"] * 1000),
            quiet_ms=quiet_ms,
            short_quiet_ms=quiet_ms // 2,
            assert_after_ms=int(settings["assert_after_seconds"] * 1000),
            retry_base_ms=quiet_ms // 2,
            retry_cap_ms=cap_ms,
            repair_ms=min(5 * quiet_ms, cap_ms),
            circuit_rest_ms=settings["circuit_seconds"] * 1000,
        )
