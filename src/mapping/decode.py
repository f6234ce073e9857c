"""From the bytes of a body to plain data: JSON, forms with PHP's brackets, XML. Limits come before objects.

One decision for each doubtful thing:

| seen | decision |
| --- | --- |
| `NaN`, `Infinity`, `1e999` | not accepted: not JSON, and no CRM means it |
| a number of more than 4,300 digits | not accepted |
| a key twice in one JSON object | not accepted: readers disagree on which counts |
| a key twice in a form | both are kept, as a list |
| half a surrogate pair | accepted (some CRMs cut texts inside an emoji); `normalize.text` drops it |
| a DTD | not accepted: entity attacks need one |
| no charset named | UTF-8, else Windows-1251 |
| U+FFFD in UTF-8, whatever charset is named | UTF-8: a gateway has read the body as that, and what was none is lost |
| JSON sent as a form or as plain text | read as JSON: `curl -d` and many no-code tools do that |
| JSON whose keys have a form's brackets | read as that form: automation tools hand forms on so |
| a file in `multipart/form-data` | ignored |
| a compressed body | not accepted: nothing is unpacked |
"""

import codecs
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, TypeVar
from urllib.parse import unquote_plus

from errors import BadBody, TooLarge, UnsupportedBody

MAX_BYTES = 512 * 1024
MAX_ANSWER_BYTES = 2 * 1024 * 1024  # of a CRM's API: records of which many stand in one answer
MAX_RECORDS = 1_000  # of one event
MAX_JSON_DEPTH = 32
MAX_FORM_DEPTH = 16
MAX_XML_DEPTH = 64
MAX_FORM_FIELDS = 5_000

_Record = TypeVar("_Record")
_LOST = "\ufffd".encode()
_GZIP = b"\x1f\x8b"
_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_TEXT_CODECS = re.compile(r"utf-(8|16|32).*|ascii|iso8859-\d+|cp\d+|koi8-[rut]|mac-cyrillic")
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
         codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip
_MARKS = tuple(_BOMS)


def decoded(body: bytes, headers: Mapping[str, str], most: int = MAX_BYTES) -> Any:
    """Decode a body of at most so many bytes by its headers, whose names are in lower case, as `decode` does."""
    return decode(body, headers.get("content-type", ""), headers.get("content-encoding", ""), most)


def has_lost_letters(body: bytes) -> bool:
    """Return whether a body holds U+FFFD: what a gateway or program writes for bytes that it took for UTF-8 wrongly."""
    return _LOST in body or b"%EF%BF%BD" in body.upper()


def bounded(records: list[_Record]) -> list[_Record]:
    """Return what may be an event's records; raise TooLarge before each of too many is looked at."""
    check_number(len(records))
    return records


def check_number(records: int) -> None:
    """Raise TooLarge for more records than a request may have."""
    if records > MAX_RECORDS:
        raise TooLarge(f"A request may have {MAX_RECORDS} records.")


def decode(body: bytes, content_type: str, content_encoding: str = "", most: int = MAX_BYTES) -> Any:
    """Return a body as dicts, lists, texts, numbers, booleans and None.

    Raises BadBody where the bytes are not what their content type says, TooLarge over a limit, UnsupportedBody for a
    content type or charset that no decoder reads.
    """
    if len(body) > most:
        raise TooLarge(f"A request may have {most // 1024} KiB.")
    if not body.strip():
        raise BadBody("The body is empty.")
    if content_encoding.strip().lower() not in ("", "identity") or body.startswith(_GZIP):
        raise UnsupportedBody("The body is compressed; send it without Content-Encoding.")
    if content_type.strip()[:10].lower() == "multipart/":
        return _multipart(body, content_type)
    written = _text(body, _charset(content_type) or _charset(_xml_declaration(body)))
    return _DECODERS[_format(content_type, written)](written)


def _format(content_type: str, written: str) -> str:
    media = content_type.partition(";")[0].strip().lower()
    if media.endswith(("/json", "+json")):
        return "json"
    if media.endswith(("/xml", "+xml")):
        return "xml"
    form = media == "application/x-www-form-urlencoded"
    if not form and media not in ("text/plain", "application/octet-stream", ""):
        raise UnsupportedBody("Send JSON, a form (application/x-www-form-urlencoded, multipart/form-data) or XML.")
    first = written.lstrip("\ufeff \t\r\n")[:1]
    if first in "{[<":
        return "xml" if first == "<" else "json"
    if not form and "=" not in written:
        raise UnsupportedBody("Say in Content-Type what the body is: JSON, a form or XML.")
    return "form"


def _xml_declaration(body: bytes) -> str:
    declared = re.match(rb"""\s*<\?xml[^>]{0,99}?encoding\s*=\s*(["'][\w.:-]+)""", body)
    return "charset=" + declared[1].decode("ascii", "replace") if declared else ""


def _charset(content_type: str) -> str | None:
    named = _CHARSET.search(content_type)
    if named is None:
        return None
    try:
        codec = codecs.lookup(named[1]).name
    except LookupError:
        codec = ""
    if not _TEXT_CODECS.fullmatch(codec):
        raise UnsupportedBody("The charset of the content type is not known; send UTF-8.")
    return codec


def _text(body: bytes, named: str | None) -> str:
    marked = next(bom for bom in _BOMS if body.startswith(bom)) if body.startswith(_MARKS) else None
    given = _BOMS[marked] if marked else None if _LOST in body else named
    for codec in (given,) if given else ("utf-8", "cp1251"):
        try:
            return body.decode(codec)
        except UnicodeDecodeError:
            continue
    raise BadBody("The body is not text in the charset that it names.")


def json_text(written: str) -> Any:
    """Return what a JSON text says; raises BadBody where it is none or breaks a limit."""
    if _json_depth(written) > MAX_JSON_DEPTH:
        raise BadBody(f"JSON may be nested {MAX_JSON_DEPTH} deep.")
    try:
        return _DECODER.decode(written.strip("\ufeff \t\r\n"))
    except json.JSONDecodeError as error:
        raise BadBody(f"Not JSON: line {error.lineno} column {error.colno}.") from None
    except ValueError:
        raise BadBody("A number in the JSON is too long.") from None


def _json(written: str) -> Any:
    data = json_text(written)
    if isinstance(data, dict) and any(key.endswith("]") and "[" in key for key in data):
        return _nested(data.items())
    return data


_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


def _json_depth(written: str) -> int:
    """Return how deep the brackets outside strings are nested; a text with few brackets is not scanned."""
    if (total := written.count("[") + written.count("{")) <= MAX_JSON_DEPTH:
        return total
    depth = deepest = 0
    for token in _BRACKETS.finditer(written):
        kind = token[0][0]
        if kind in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif kind in "]}":
            depth -= 1
    return deepest


def _no_constant(_: str) -> NoReturn:
    raise BadBody("NaN and Infinity are not JSON.")


def _finite(written: str) -> float:
    number = float(written)
    if number in (float("inf"), float("-inf")):
        _no_constant(written)
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise BadBody("An object holds the same key twice.")
    return table


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_constant)


class _Table(dict[str, Any]):
    """One level of a form while it is read; `free` is the next index for `[]`."""

    __slots__ = ("free",)

    def __init__(self) -> None:
        super().__init__()
        self.free = 0


def _form(written: str) -> dict[str, Any]:
    """Read `contacts[add][0][name]=…`.

    Our own, because qs-codec 1.6.3 takes 50 ms for 100 Kommo contacts (140 KB; this takes 11), closes gaps in lists,
    and with its limits enforced rejects `linked_leads_id[35144366]`. Nothing is allocated by index.
    """
    if written.count("&") >= MAX_FORM_FIELDS:
        raise TooLarge(f"A form may have {MAX_FORM_FIELDS} fields.")
    fields = (field.partition("=") for field in written.strip().split("&") if field)
    return _nested((_unquoted(key), _unquoted(value)) for key, _, value in fields)


def _nested(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return fields with PHP's brackets in their names as tables and lists."""
    form = _Table()
    for key, value in fields:
        _put(form, _form_path(key), value)
    return {key: _plain(value) for key, value in form.items()}


_DISPOSITION = re.compile(r"""^content-disposition:\s*form-data\s*;(.*)$""", re.IGNORECASE | re.MULTILINE)
_PARAMETER = re.compile(r""";?\s*([\w*]+)=(?:"([^"]*)"|([^\s;]+))""")


def _multipart(body: bytes, content_type: str) -> dict[str, Any]:
    """Read the texts of `multipart/form-data` (RFC 7578); files are ignored.

    Our own, because Python's `email` takes a body without its closing line, and headers that are none, for good ones.
    """
    boundary = re.search(r"""boundary\s*=\s*"?([^\s";,]{1,70})""", content_type, re.IGNORECASE)
    if not content_type.strip().lower().startswith("multipart/form-data") or boundary is None:
        raise UnsupportedBody("Of multipart bodies only multipart/form-data with a boundary is read.")
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode("ascii", "replace"))
    if not parts or not parts[-1].startswith(b"--"):
        raise BadBody("The multipart body does not end with its boundary.")
    if len(parts) - 1 > MAX_FORM_FIELDS:
        raise TooLarge(f"A form may have {MAX_FORM_FIELDS} fields.")
    return _nested(field for part in parts[:-1] if (field := _part(part)))


def _part(part: bytes) -> tuple[str, str] | None:
    """Return the name and text of one part, None of a file."""
    head, blank, content = part.partition(b"\r\n\r\n")
    header = _text(head, None)
    disposition = _DISPOSITION.search(header)
    given = {
        name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(disposition[1] if disposition else "")
    }
    if not blank or "name" not in given:
        raise BadBody("A part of the multipart body has no name.")
    if "filename" in given or "filename*" in given:
        return None
    return given["name"].replace("%22", '"'), _text(content, _charset(header))


def _unquoted(escaped: str) -> str:
    escaped = escaped.replace("%5B", "[").replace("%5D", "]")  # the brackets of nearly every key
    if "%" not in escaped:
        return escaped.replace("+", " ")
    try:
        return unquote_plus(escaped, errors="strict")
    except UnicodeDecodeError:
        return unquote_plus(escaped, encoding="cp1251", errors="replace")


def _form_path(key: str) -> list[str]:
    head, bracket, rest = key.partition("[")
    if not bracket or not head or not rest.endswith("]"):
        return [key]
    path = [head, *rest[:-1].split("][")]
    if len(path) > MAX_FORM_DEPTH:
        raise BadBody(f"A form may be nested {MAX_FORM_DEPTH} deep.")
    return path


def _put(table: _Table, path: list[str], value: str) -> None:
    for step in path[:-1]:
        inner = table.get(step)
        if inner is None:
            inner = table[_key(table, step)] = _Table()
        if not isinstance(inner, _Table):
            raise BadBody("A form field is both a text and a table.")
        table = inner
    key = _key(table, path[-1])
    known = table.get(key)
    if isinstance(known, _Table):
        raise BadBody("A form field is both a text and a table.")
    if key not in table:
        table[key] = value
    elif isinstance(known, list):
        known.append(value)
    else:
        table[key] = [known, value]


def _key(table: _Table, step: str) -> str:
    """Return the key for one bracket, the next free index for `[]`, as PHP does."""
    if step == "":
        step = str(table.free)
    if step.isascii() and step.isdigit() and len(step) <= 18:  # noqa: PLR2004 - PHP's indices have 63 bits
        table.free = max(table.free, int(step) + 1)
    return step


def _plain(node: Any) -> Any:
    """Return tables whose keys are exactly 0…n-1 as lists, others as dicts."""
    if not isinstance(node, _Table):
        return node
    if all(str(index) in node for index in range(len(node))):
        return [_plain(node[str(index)]) for index in range(len(node))]
    return {key: _plain(value) for key, value in node.items()}


def _xml(written: str) -> dict[str, Any]:
    """Read XML: names without namespace, attributes `@id`, text `#text`, repeated elements as a list."""
    from xml.parsers import expat  # noqa: PLC0415 - only events in XML pay for it

    tree = _Tree()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _no_dtd
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.data
    try:
        parser.Parse(written.lstrip("\ufeff").encode(), True)  # noqa: FBT003 - its own signature
    except expat.ExpatError as error:
        raise BadBody(f"Not XML: line {error.lineno} column {error.offset + 1}.") from None
    return tree.root


def _no_dtd(*_: object) -> NoReturn:
    raise BadBody("XML with a DTD is not accepted.")


def _local(name: str) -> str:
    return name.rpartition(":")[2]


class _Tree:
    """The elements that are open, outermost first: name, content so far, text so far."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self.open: list[tuple[str, dict[str, Any], list[str]]] = [("", self.root, [])]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.open) > MAX_XML_DEPTH:
            raise BadBody(f"XML may be nested {MAX_XML_DEPTH} deep.")
        shown = {"@" + _local(key): value for key, value in attributes.items() if not key.startswith("xmlns")}
        self.open.append((_local(name), shown, []))

    def data(self, written: str) -> None:
        self.open[-1][2].append(written)

    def end(self, _: str) -> None:
        name, content, pieces = self.open.pop()
        written = "".join(pieces).strip()
        if content and written:
            content["#text"] = written
        value = content or written or None
        if content.get("@nil") in ("true", "1"):  # xsi:nil, Salesforce's empty session
            value = None
        siblings = self.open[-1][1]
        if name not in siblings:
            siblings[name] = value
        elif isinstance(siblings[name], list):
            siblings[name].append(value)
        else:
            siblings[name] = [siblings[name], value]


_DECODERS = {"json": _json, "form": _form, "xml": _xml}
