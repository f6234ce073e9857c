"""The environment of the functions, as template.yaml sets it: to import this makes it so, before any of them."""

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
TABLE = "cards"
QUEUES = {
    name: f"https://sqs.eu-central-1.amazonaws.com/123456789012/{name}" for name in ("inbox", "rejected", "delivery")
}
CONNECTION = {
    "project": 106,
    "country": "UA",
    "time_zone": "Europe/Kyiv",
    "crm_url": "https://acme.example.com",
    "verify": {"scheme": "path-token", "token": "local"},
}
SECRETS = {
    "connections": json.dumps({name: {"mapping": name, **CONNECTION} for name in ("pipedrive", "kommo", "direct")}),
    "auth-keys": json.dumps({"106": {"auth_key": "local-key"}}),
}
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "POWERTOOLS_SERVICE_NAME": "ringostat-bridge",
    "POWERTOOLS_METRICS_NAMESPACE": "RingostatBridge",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "CARDS_TABLE": TABLE,
    "INBOX_QUEUE_URL": QUEUES["inbox"],
    "REJECTED_QUEUE_URL": QUEUES["rejected"],
    "DELIVERY_QUEUE_URL": QUEUES["delivery"],
    "CONNECTIONS_SECRET": "connections",
    "AUTH_KEYS_SECRET": "auth-keys",
    "RINGOSTAT_URL": "http://127.0.0.1:9",
    "BATCH_SIZE": "100",
    "POST_DEADLINE_SECONDS": "10",
    "QUIET_PERIOD_SECONDS": "60",
    "ASSERT_AFTER_SECONDS": "300",
    "RETRY_CAP_SECONDS": "21600",
    "CIRCUIT_SECONDS": "30",
    "SWEEP_MOST": "1000",
    "CARD_RETENTION_DAYS": "0",
}


for name, value in VARIABLES.items():
    os.environ.setdefault(name, value)
os.environ.pop("AWS_ENDPOINT_URL", None)
if str(ROOT / "src") not in sys.path:
    sys.path.insert(0, str(ROOT / "src"))
