"""Every error the bridge raises, named by who must act. No message quotes data of an event."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class BridgeError(Exception):
    """An error with a stable `code` for machines; its text is a sentence for people."""

    code = "error"


class SenderError(BridgeError):
    """The sender must change the request. `status` is the HTTP answer."""

    status = 400
    title = "The request cannot be accepted"


class BadBody(SenderError):
    """The body cannot be decoded as what its content type says."""

    code = "bad-body"
    title = "The body cannot be read"


class NotAllowed(SenderError):
    """Unknown connection, wrong secret, malformed proof: one answer for all, which hides the cause."""

    code = "not-allowed"
    status = 401
    title = "Not allowed"

    def __init__(self) -> None:
        super().__init__("The connection is unknown or the request does not prove that it comes from it.")


class UnknownConnection(SenderError):
    """A queue message for a connection that does not exist; over HTTP this is NotAllowed."""

    code = "unknown-connection"

    def __init__(self) -> None:
        super().__init__(
            "connection: no connection has this name; add it, or send the event again under its right name."
        )


class NotFound(SenderError):
    """A path that is no webhook address."""

    code = "not-found"
    status = 404
    title = "No such address"

    def __init__(self) -> None:
        super().__init__("Webhook addresses look like /crm/{connection} and /crm/{connection}/{token}.")


class MethodNotAllowed(SenderError):
    """Webhooks are POSTed."""

    code = "method-not-allowed"
    status = 405
    title = "Method not allowed"

    def __init__(self) -> None:
        super().__init__("Send the event with POST.")


class TooLarge(SenderError):
    """More bytes or records than one request may hold."""

    code = "too-large"
    status = 413
    title = "The request is too large"


class UnsupportedBody(SenderError):
    """A content type that no decoder reads."""

    code = "unsupported-body"
    status = 415
    title = "The content type is not supported"


class AllRejected(SenderError):
    """Our own contract is for programmers: this is their answer when none of their records was taken."""

    code = "all-rejected"
    status = 422
    title = "No record was accepted"

    def __init__(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Take the index, code, field and reason of each record."""
        super().__init__("Fix the fields named in errors and send the event again.")
        self.records = records


class OperatorError(BridgeError):
    """The operator of the bridge must repair its configuration."""

    code = "configuration"


class BadMapping(OperatorError):
    """A mapping file is broken; the text lists every problem as file:line:column."""

    code = "bad-mapping"


class NewerMapping(OperatorError):
    """A stored mapping has a format that a newer version of the bridge wrote: deploy that version, or roll it back."""

    code = "newer-mapping"


class BadConnection(OperatorError):
    """An entry of the connections secret is broken."""

    code = "bad-connection"


class NewerSchema(OperatorError):
    """A newer version of the bridge wrote this: only a function of that version may read it."""

    code = "newer-schema"

    def __init__(self) -> None:
        super().__init__(
            "A newer version of the bridge wrote this: deploy that version, or one that reads it. Nothing is lost."
        )


class Unavailable(BridgeError):
    """AWS must recover; the same request may be sent again."""

    code = "unavailable"
    status = 503
    title = "Temporarily unavailable"


def did_you_mean(word: str, known: Iterable[str], shown: str = "'{}'") -> str:
    """Return a hint that names the known word nearest to a misspelt one, or nothing."""
    import difflib  # noqa: PLC0415 - only messages need it

    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {shown.format(close[0])}?" if close else ""
