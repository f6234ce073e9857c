"""The environment of the functions where no AWS is: imported before any of them is."""

import os

VARIABLES = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "POWERTOOLS_SERVICE_NAME": "ringostat-bridge",
    "POWERTOOLS_METRICS_NAMESPACE": "RingostatBridge",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "CARDS_TABLE": "cards",
    "INBOX_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/inbox",
    "REJECTED_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/rejected",
    "DELIVERY_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/delivery",
    "LOOKUP_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/lookup",
    "CONNECTIONS_SECRET": "connections",
    "AUTH_KEYS_SECRET": "auth-keys",
    "API_KEYS_SECRET": "api-keys",
    "LOOPBACK_API": "true",
    "RINGOSTAT_URL": "http://127.0.0.1:9",
    "BATCH_SIZE": "100",
    "POST_DEADLINE_SECONDS": "2",
    "QUIET_PERIOD_SECONDS": "60",
    "ASSERT_AFTER_SECONDS": "300",
    "RETRY_CAP_SECONDS": "21600",
    "CIRCUIT_SECONDS": "30",
    "SWEEP_MOST": "1000",
    "SILENT_HOURS": "72",
    "CARD_RETENTION_DAYS": "0",
}
os.environ.update(VARIABLES)
os.environ.pop("AWS_ENDPOINT_URL", None)
