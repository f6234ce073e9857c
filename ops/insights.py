"""Links to CloudWatch Logs Insights with a saved query of the stack, so that a page needs no log reading of its own."""

import re
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from ops.stack import Stack

DAYS = 14
# https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


def story_link(stack: Stack, key: str) -> str:
    """Return the address of a card's story of the last days; empty where there is no saved query or no console."""
    identity, client = stack.ids.get("CardStoryQuery"), stack.client("logs")
    domain = CONSOLES.get(client.meta.partition)
    if not identity or not domain or urlsplit(client.meta.endpoint_url).hostname in ("127.0.0.1", "localhost"):
        return ""
    try:
        saved = client.describe_query_definitions(maxResults=1000)["queryDefinitions"]
    except (ClientError, BotoCoreError):
        return ""
    found = next((one for one in saved if one["queryDefinitionId"] == identity), None)
    return _link(domain, client.meta.region_name, found, key) if found else ""


# The console's own format, which AWS does not document: https://stackoverflow.com/questions/60796991
def _link(domain: str, region: str, saved: dict[str, Any], key: str) -> str:
    text = saved["queryString"].replace("{{card}}", key)
    groups = "".join(f"~'{_escaped(name)}" for name in saved.get("logGroupNames", ()))
    detail = (
        f"~(end~0~start~-{DAYS * 86_400}~timeType~'RELATIVE~unit~'seconds~editorString~'{_escaped(text)}"
        f"~source~({groups}))"
    )
    coded = "".join({"~": "$257E", "(": "$2528", ")": "$2529", "'": "$2527"}.get(letter, letter) for letter in detail)
    return f"https://{region}.{domain}/cloudwatch/home?region={region}#logsV2:logs-insights$3FqueryDetail$3D{coded}"


def _escaped(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", lambda found: "".join(f"*{byte:02x}" for byte in found[0].encode()), text)
