"""What can go wrong with any CRM, by name; each has its own words for `limit`, `key`, `rights` and `gone` besides."""

from collections.abc import Mapping
from typing import Any

from local.crm.dialect import Crm

ALWAYS: Mapping[str, Mapping[str, Any]] = {
    "down": {"status": 503, "body": "Service Unavailable"},
    "HTML error page": {"status": 502, "body": "<!DOCTYPE html><title>502 Bad Gateway</title>"},
    "answer cut": {"truncate": "body"},
    "answer of 3 MiB": {"pad": 3 * 1024 * 1024},
    "redirect to the metadata address": {"redirect": "http://169.254.169.254/latest/meta-data/"},
    "slow": {"delay": 25},
    "hangs up": {"drop": "before"},
}


def faults_of(crm: Crm) -> dict[str, Mapping[str, Any]]:
    """Return all faults of a CRM by name."""
    limit = crm.faults["limit"]
    patient = {"limit with Retry-After: 30": {**limit, "headers": {**limit.get("headers", {}), "Retry-After": "30"}}}
    return {**crm.faults, **patient, **ALWAYS}
