"""What AWS does around the functions, in a separate process: its stores over HTTP, a queue's poller, the schedule.

`python -m bench.lambda_service` prints the address of the stores. Then it reads one line of JSON from standard input,
`{"polls": {"queue", "url", "visibility", "receives"}, "every_minute": url}`, and invokes those functions until it is
killed: the first with up to ten messages at a time, as in template.yaml, and one batch after the other.
"""

import gc
import json
import sys
import threading
import time

import urllib3

from bench.aws_server import AwsServer
from bench.environment import QUEUES, SECRETS
from bench.stand_in import Aws
from local.in_process import record_of
from local.memory import Memory

BATCH = 10
EVERY_SECONDS = 60
PAUSE_SECONDS = 0.005  # of a poller that found nothing
POOL = urllib3.PoolManager(timeout=600)


def main() -> None:
    """Serve and invoke."""
    gc.disable()  # a pause of this process would be counted as an answer's time
    aws = Aws(_now)
    aws.secrets |= SECRETS
    sys.stdout.write(AwsServer(aws).url + "\n")
    sys.stdout.flush()
    order = json.loads(sys.stdin.readline())
    if polls := order.get("polls"):
        aws.memory = Memory(_now, polls["receives"])
        threading.Thread(target=_poll, args=(aws, polls["queue"], polls["url"], polls["visibility"])).start()
    while url := order.get("every_minute"):
        time.sleep(EVERY_SECONDS)
        POOL.request("POST", url, json={})
    threading.Event().wait()


def _now() -> int:
    return time.time_ns() // 1_000_000


def _poll(aws: Aws, queue: str, url: str, visibility: int) -> None:
    asked = {"QueueUrl": QUEUES[queue], "MaxNumberOfMessages": BATCH, "VisibilityTimeout": visibility}
    while True:
        records = [record_of(message) for message in aws.call("ReceiveMessage", **asked)["Messages"]]
        if not records:
            time.sleep(PAUSE_SECONDS)
            continue
        answer = POOL.request("POST", url, json={"Records": records})
        if answer.status == 200:  # noqa: PLR2004
            failed = {failure["itemIdentifier"] for failure in answer.json()["batchItemFailures"]}
            for record in records:
                if record["messageId"] not in failed:
                    aws.call("DeleteMessage", QueueUrl=QUEUES[queue], ReceiptHandle=record["receiptHandle"])


if __name__ == "__main__":
    main()
