"""The environment of the functions, and their secrets: imported before any of them is."""

import json
from pathlib import Path

from local import environment

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
VARIABLES = {**environment.VARIABLES, "POST_DEADLINE_SECONDS": "10"}  # template.yaml's; for the functions' processes
TABLE = VARIABLES["CARDS_TABLE"]
QUEUES = {name: VARIABLES[f"{name.upper()}_QUEUE_URL"] for name in ("inbox", "rejected", "delivery", "lookup")}
CONNECTION = {
    "project": 106,
    "country": "UA",
    "time_zone": "Europe/Kyiv",
    "crm_url": "https://acme.example.com",
    "verify": {"scheme": "path-token", "token": "local"},
}
CONNECTIONS = {name: {"mapping": name, **CONNECTION} for name in ("pipedrive", "kommo", "direct")}
CONNECTIONS["bitrix24"] = {"mapping": "bitrix24", **CONNECTION, "lookups": True}  # whose events hold only ids
SECRETS = {
    "connections": json.dumps(CONNECTIONS),
    "auth-keys": json.dumps({"106": {"auth_key": "local-key"}}),
}
