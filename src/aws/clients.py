"""AWS clients: made once, with time-outs that fit who waits for them.

They are botocore's own, which boto3 would hand out all the same; to import that too takes 6 % of a cold start.
"""

from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore import httpsession
from botocore.config import Config
from botocore.loaders import Loader

MODELS = str(Path(__file__).with_name("models"))
VERSIONS = {"dynamodb": "2012-08-10", "secretsmanager": "2017-10-17", "sqs": "2012-11-05"}


class Models(Loader):
    """botocore's loader, to which the few descriptions that the bridge needs come first (`make models` writes them).

    To search botocore's own hundreds of directories and to read all of them takes a fifth of a cold start. What is not
    in ours is found in botocore's.
    """

    def __init__(self) -> None:
        super().__init__(extra_search_paths=[MODELS])

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """Return a description by its path if the service is one of ours; search for any other."""
        if service_name not in VERSIONS:
            return super().load_service_model(service_name, type_name, api_version)
        return self.load_data(f"{service_name}/{api_version or VERSIONS[service_name]}/{type_name}")

    def is_builtin_path(self, path: str) -> bool:
        """Say that our list of endpoints is botocore's own, which it is: another would overrule endpoint rules."""
        return path.startswith(MODELS) or bool(super().is_builtin_path(path))


def share_tls() -> None:
    """Let all clients have one TLS context, which reads the certificate authorities once.

    botocore makes one for each client, and urllib3 reads them again for each connection: 15 ms of CPU, three times in a
    cold start and again after every pause. All clients verify, and by the same authorities. The name is botocore's own
    business: with one that has it no longer, nothing is shared.
    """
    if not hasattr(httpsession, "create_urllib3_context"):
        return
    context: Any = httpsession.create_urllib3_context()
    context.load_verify_locations = cache(context.load_verify_locations)

    def shared(*_: Any, **__: Any) -> Any:
        return context

    httpsession.create_urllib3_context = shared


share_tls()
SESSION = botocore.session.get_session()
SESSION.register_component("data_loader", Models())

# A CRM waits (Odoo 1 s, Kommo 2 s), so each store gets one short attempt. The longest way, each step just in time but
# the last two (read, enrol, write, keep in the other store), takes four times 0.7 s.
QUICK = Config(connect_timeout=0.4, read_timeout=0.7, retries={"total_max_attempts": 1})

# Nobody waits for a worker, and a record that is not written costs a second POST.
PATIENT = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2, "mode": "standard"})


@cache
def dynamodb(config: Config) -> Any:
    """Return the one client of DynamoDB with these time-outs."""
    return SESSION.create_client("dynamodb", config=config)


@cache
def secretsmanager(config: Config) -> Any:
    """Return the one client of Secrets Manager with these time-outs."""
    return SESSION.create_client("secretsmanager", config=config)


@cache
def sqs(config: Config) -> Any:
    """Return the one client of SQS with these time-outs."""
    return SESSION.create_client("sqs", config=config)
