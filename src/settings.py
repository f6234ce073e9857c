"""The environment, read once at cold start; a missing variable stops the function."""

import os
from collections.abc import Mapping
from typing import NamedTuple

LONGEST_POST_SECONDS = 20  # a third of a run of `deliver`; more than its whole run, and nothing is ever posted


class Settings(NamedTuple):
    """One field per environment variable of template.yaml, in capitals there."""

    cards_table: str
    inbox_queue_url: str
    rejected_queue_url: str
    delivery_queue_url: str
    lookup_queue_url: str  # empty where look-ups are switched off
    connections_secret: str  # name or ARN
    auth_keys_secret: str  # name or ARN
    api_keys_secret: str  # name or ARN; empty where look-ups are switched off
    loopback_api: str  # "true" lets the address of a CRM's API be http://127.0.0.1:PORT
    ringostat_url: str  # scheme and host
    batch_size: int  # cards per POST
    post_deadline_seconds: float
    quiet_period_seconds: float  # after an ambiguous answer
    assert_after_seconds: float  # a second confirmation after an ambiguous answer
    retry_cap_seconds: float  # the longest wait between two attempts
    circuit_seconds: int  # how long an open circuit rests before a POST tries again; ten times that if a human must act
    sweep_most: int  # cards of a project that one sweep wakes at most
    silent_hours: int  # after the last event of a connection that names none of its own
    card_retention_days: int  # 0 keeps cards until they are erased

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """Raise KeyError with the name of a missing variable, ValueError for one that cannot work."""
        kinds = cls.__annotations__
        settings = cls(**{name: kinds[name](environment[name.upper()]) for name in cls._fields})
        if not settings.ringostat_url.startswith("https://") and settings.loopback_api != "true":
            raise ValueError("RINGOSTAT_URL needs https; http is for LoopbackApi=true on one machine.")
        if settings.post_deadline_seconds > LONGEST_POST_SECONDS:
            raise ValueError(f"POST_DEADLINE_SECONDS is more than {LONGEST_POST_SECONDS}: no POST would ever start.")
        return settings


class Region(NamedTuple):
    """Where AWS is: the variables that AWS itself defines."""

    region: str
    endpoint_url: str  # of an emulator; empty for AWS

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Region":
        """Raise KeyError where no region is named."""
        region = environment.get("AWS_REGION") or environment["AWS_DEFAULT_REGION"]
        return cls(region, environment.get("AWS_ENDPOINT_URL", ""))


SETTINGS = Settings.of(os.environ)
AWS = Region.of(os.environ)
