"""The files of a page, and the headers that keep it harmless, whatever a contact's name holds."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

from ops.web.reply import Reply

SHARED = Path(__file__).with_name("page")
PREFIX = "/page/"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def asset(path: str, folders: Sequence[Path]) -> Reply | None:
    """Return a file of the page by its path (`/`, `/page/app.js`) from the first folder that has it, or None."""
    name = "index.html" if path == "/" else path.removeprefix(PREFIX)
    if path != "/" and not path.startswith(PREFIX):
        return None
    files = (file for folder in folders for file in folder.iterdir())
    file = next((file for file in files if file.name == name and file.suffix in TYPES), None)
    return Reply(HTTPStatus.OK, file.read_bytes(), HEADERS, TYPES[file.suffix]) if file else None
