"""Emulated AWS under observation: every call of the bridge and of its pollers is seen, and can be made to fail."""

from collections import Counter, defaultdict
from functools import partial

from botocore import xform_name
from botocore.exceptions import EndpointConnectionError

from errors import Unavailable
from local.in_process import CLIENTS, aws


class Aws:
    """Calls are answered by moto, or by `memory` where it can; use it as a context.

    `down` holds services that do not answer; `deaf` operations of which the next one is done, but its answer lost.
    """

    def __init__(self, memory=None):
        self.memory = memory
        self.down: set[str] = set()
        self.deaf: list[str] = []
        self.calls: Counter[str] = Counter()
        self.versions: dict[str, list[tuple[int, str | None]]] = defaultdict(list)  # of each card: revision, hash

    def __enter__(self):
        for client in CLIENTS:
            client.call = partial(self._call, client.service.name, client.call)
        aws("sqs")._make_api_call = partial(self._polled, aws("sqs")._make_api_call)
        return self

    def __exit__(self, *_):
        for client in [*CLIENTS, aws("sqs")]:
            vars(client).pop("call", None)
            vars(client).pop("_make_api_call", None)

    def _call(self, service, original, operation, **params):
        """Do a call of the functions."""
        self.calls[operation] += 1
        if service in self.down:
            raise Unavailable(service)
        answer = self._done(original, operation, params)
        for update in _updates(operation, params):
            self._note(update)
        if operation in self.deaf:
            self.deaf.remove(operation)
            raise Unavailable(service)
        return answer

    def _polled(self, original, operation, params):
        """Do a call of what stands around the functions, in botocore's way."""
        if "sqs" in self.down:
            raise EndpointConnectionError(endpoint_url="sqs")
        return self._done(lambda name, **given: original(name, given), operation, params)

    def _done(self, original, operation, params):
        own = getattr(self.memory, xform_name(operation), None)
        return own(params) if own else original(operation, **params)

    def _note(self, update):
        values = update.get("ExpressionAttributeValues", {})
        if ":set_rev" in values and ":set_fields" in values:
            content = values.get(":set_hash", {}).get("S")
            self.versions[update["Key"]["key"]["S"]].append((int(values[":set_rev"]["N"]), content))


def _updates(operation, params):
    match operation:
        case "UpdateItem":
            return [params]
        case "TransactWriteItems":
            return [item["Update"] for item in params["TransactItems"]]
    return []
