"""The inbox message: how other systems put an event on the queue, and how `api` keeps one there.

`event` imports it only where such a message comes, because pydantic costs more at cold start than everything else that
`inbox` does.
"""

import base64
import json
import re
from typing import Annotated, Any

from aws_lambda_powertools.utilities.parser import BaseModel
from pydantic import ConfigDict, Field, JsonValue, ValidationError, model_validator

from errors import BadBody, NewerSchema

SCHEMA = 1


class InboxMessage(BaseModel):
    """An event wrapped in JSON. `body` is the CRM's own text, or any JSON value as it is."""

    # Fields of a newer version are kept and pass; the published schema forbids them, so that others find their slips.
    model_config = ConfigDict(
        extra="allow", hide_input_in_errors=True, json_schema_extra={"additionalProperties": False}
    )

    connection: Annotated[str, Field(min_length=1, max_length=128, description="name of the connection")]
    body: JsonValue
    isBase64Encoded: bool = False
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    receivedAt: Annotated[int | None, Field(description="first time of arrival, ms since 1970, UTC")] = None
    requestId: Annotated[str | None, Field(pattern=r"^[!-~]{1,128}$", description="for the logs")] = None
    lookup: Annotated[str, Field(max_length=40, description="of an answer of the CRM's API: what was looked up")] = ""
    depth: Annotated[int, Field(ge=0, le=2, description="of such an answer: how many look-ups led to it")] = 0

    @model_validator(mode="before")
    @classmethod
    def _known(cls, message: Any) -> Any:
        schema = message.get("schema") if isinstance(message, dict) else None
        if isinstance(schema, int) and schema > SCHEMA:
            raise NewerSchema
        return message

    def raw(self) -> bytes:
        """Return the bytes of the body; raise BadBody for base64 that is none."""
        if not isinstance(self.body, str):
            return json.dumps(self.body, separators=(",", ":")).encode()
        if not self.isBase64Encoded:
            return self.body.encode()
        try:
            return base64.b64decode(self.body, validate=True)
        except ValueError as error:
            raise BadBody("body: is not base64, though isBase64Encoded is true") from error


def parse(text: str) -> InboxMessage:
    """Return the message; raise BadBody that names every wrong field and quotes no value.

    Raise NewerSchema for one whose `schema` is greater than 1, which a message of today does not say.
    """
    try:
        return InboxMessage.model_validate_json(text)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_context=False)
        raise BadBody("; ".join(map(_problem, problems))) from None


def _problem(problem: Any) -> str:
    return f"{'.'.join(map(_shown, problem['loc'])) or 'message'}: {problem['msg']}"


def _shown(step: Any) -> str:
    """Return a step of a field's path, if it looks like the name of a header or a field."""
    return str(step) if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}|[0-9]{1,3}", str(step)) else "…"
