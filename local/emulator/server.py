"""What an emulator answers by HTTP on loopback: its API, its page and its control; answers can be made to fail."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from local.emulator.faults import Fault
from ops.web.assets import asset
from ops.web.reply import Reply, absent
from ops.web.server import PHRASES, Request, Server

CONTROL = "/_emulator/"
MAX_BODY = 16 * 1024 * 1024
PART = "/_bridge/"

# Method, path with query, headers in lower case, body; a fault to show while answering, and the answer (None: hang up).
Receive = Callable[[str, str, Mapping[str, str], bytes], tuple[Fault, Reply | None]]
Control = Callable[[str, str, bytes], Reply]  # method, path with query, body


def serve(port: int, receive: Receive, control: Control, folders: Sequence[Path]) -> Server:
    """Answer at 127.0.0.1:`port` (0: any free one); `folders` hold the files of the page."""

    def answer(come: Request) -> Reply | Iterator[bytes]:
        path = urlsplit(come.target).path
        if path.startswith((CONTROL, PART)):
            return control(come.method, come.target, come.body) if _is_ours(come.headers) else absent()
        if come.method == "GET" and _is_ours(come.headers) and (page := asset(path, folders)):
            return page
        return _failing(*receive(*come))

    return Server(port, answer, largest_body=MAX_BODY)


def _is_ours(headers: Mapping[str, str]) -> bool:
    """Deny requests from pages of other sites, which a browser on this machine may have open."""
    host = headers.get("host", "")
    origin = headers.get("origin", f"http://{host}")
    site = headers.get("sec-fetch-site", "none")
    known = host.partition(":")[0] in ("127.0.0.1", "localhost") and origin == f"http://{host}"
    return known and (site in ("none", "same-origin") or headers.get("sec-fetch-mode") == "navigate")


def _failing(fault: Fault, reply: Reply | None) -> Reply | Iterator[bytes]:
    if reply is None:
        return iter(())
    padded = reply._replace(body=reply.body + b" " * fault.pad)
    if not (fault.truncate or fault.drip):
        return padded
    text = _written(padded)
    ends = {"headers": text.index(b"Content-Type") + 10, "body": -1, "": None}
    return _dripped(text[: ends[fault.truncate]], fault.drip)


def _written(reply: Reply) -> bytes:
    named = {"Content-Type": reply.content_type, "Content-Length": len(reply.body), "Connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in {**named, **reply.headers}.items())
    return f"HTTP/1.1 {reply.status} {PHRASES.get(reply.status, '')}\r\n{head}\r\n".encode() + reply.body


def _dripped(text: bytes, pause: float) -> Iterator[bytes]:
    for start in range(0, len(text), size := 1 if pause else len(text)):
        yield text[start : start + size]
        time.sleep(pause)
