"""Values as Ringostat wants them: texts, ids, phones, e-mails, links, times. Every function is total and idempotent."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

LONGEST_TEXT = 255
LONGEST_LINK = 2048
LONGEST_EMAIL = 254
LONGEST_PHONE = 250  # phonenumbers does not read longer input
LONGEST_LIST = 1_000  # of a text that holds several phones or addresses
FEWEST_DIGITS = 7  # fewer are an internal number
MOST_DIGITS = 15  # E.164; more are several numbers
FEWEST_INTERNATIONAL = 10  # from here on, digits without a plus may be an international number
NORTH_AMERICA = 1  # its calling code
FEWEST_WITH_EXIT_CODE = 12  # (810) 683-4002 is an American number
LARGEST_NUMBER = 10**100  # beyond it, no number of a CRM means anything, and str() may raise

_UNWANTED = frozenset(("Cc", "Cf", "Cs"))  # control, format (bidi marks, zero widths), surrogates


class Phone(NamedTuple):
    """An E.164 number and the extension that followed it (digits, or empty)."""

    value: str
    extension: str = ""


def is_empty(value: Any) -> bool:
    """Return whether a value counts as empty: null, false, `[]`, `{}` or a blank text. `0` is a value."""
    if isinstance(value, str):
        return not value or value.isspace()
    return value is None or value is False or (isinstance(value, list | dict) and not value)


def text(value: Any, longest: int = LONGEST_TEXT) -> str | None:
    """Return a value as one clean line (NFC, no control characters, single blanks), or None where it is empty.

    Numbers become text (`12.0` is `"12"`); objects and lists are not text.
    """
    if isinstance(value, str):
        return _clean(value[: 4 * longest])[:longest].rstrip() or None
    if isinstance(value, bool):
        return "true" if value else None
    if isinstance(value, int | float) and -LARGEST_NUMBER < value < LARGEST_NUMBER:  # NaN is not
        return str(int(value)) if value == int(value) else repr(value)
    return None


def _clean(value: str) -> str:
    if not value.isprintable():  # nothing printable is unwanted
        value = "".join(c for c in value if c.isspace() or unicodedata.category(c) not in _UNWANTED)
    return " ".join(unicodedata.normalize("NFC", value).split())


def written(value: Any) -> str | None:
    """Return a value as it was written, line breaks too, or None where it is blank or no text."""
    return text(value) if not isinstance(value, str) else None if value.isspace() else value or None


def identity(value: Any, like: re.Pattern[str] | None = None) -> str | None:
    """Return an id as text. Neither `0` nor `true` nor an overlong text is one, nor what is not `like` the others."""
    found = None if isinstance(value, bool) else text(value, LONGEST_TEXT + 1)
    if found is None or found in ("0", "-0") or len(found) > LONGEST_TEXT or (like and not like.fullmatch(found)):
        return None
    return found


def flag(value: Any) -> bool:
    """Return whether a text or number means yes, as CRMs write it."""
    return value is True or (text(value) or "").lower() in ("1", "true", "yes", "y")


_EXTENSION = (
    r"(?:(?<![^\W\d_])(?:extension|ext|внутр|внутрішній|внутренний|вн|доб|додатковий|wewn|wew|dod)|(?<=[\d)\s])[x#])"
    r"[\s.:№#\-]*"
)
_ALONE = r"(?![\s().\-/]*\d)"  # no further digits: else it is a number
_SEPARATOR = re.compile(
    rf"[;|,\\](?![\s(.\-]*{_EXTENSION}\d{{1,7}}{_ALONE})|\s(?:або|или|та|or|lub|oder)\s", re.IGNORECASE
)
_NUMBER = re.compile(rf"([+(]*\d[\d\s().\-/‐-―−]*)(?:[^\d+]{{0,40}}?{_EXTENSION}(\d{{1,7}}){_ALONE})?", re.IGNORECASE)
_BARE = re.compile(r"\+?[0-9]{7,15}")  # as most CRMs write them; there is nothing to take apart
_NO_DIGITS = re.compile(r"\D+")
_SUFFIX = re.compile(r"(.*\d)[^\d/]+(\d{1,4})\D*", re.DOTALL)
_DATE = re.compile(r"(?<![\d.])[0-3]?\d\.[01]\d\.(?:19|20)\d\d(?![\d.])")  # 8 digits are a number in Latvia
_SPREADSHEET = re.compile(r"(?<=\d{7})\.0$")  # 380670000012.0
_TRUNK_EIGHT = frozenset(("UA", "MD", "AM"))  # 8-067-…: the Soviet trunk prefix, withdrawn, still in address books


def phones(value: Any, country: str) -> tuple[tuple[Phone, ...], int]:
    """Return the valid numbers of a text in E.164, without duplicates, and how many of its pieces were dropped.

    `country` (ISO 3166, two letters) is where a number without a country code belongs.
    """
    given = written(value)
    if given is None:
        return (), 0
    if _BARE.fullmatch(given):
        pieces = [(given, "")]
    else:
        pieces = _pieces(_DATE.sub(" ", _SPREADSHEET.sub("", _plain(given[:LONGEST_LIST]))))
    found = [_phone(number[:LONGEST_PHONE], extension, country.upper()) for number, extension in pieces]
    return tuple(dict.fromkeys(phone for phone in found if phone)), found.count(None)


def _plain(given: str) -> str:
    """Return full-width digits as digits, odd blanks as blanks, and neither control nor direction marks."""
    if given.isascii() and given.isprintable():
        return given.strip()
    return "".join(
        c for c in unicodedata.normalize("NFKC", given) if c.isspace() or unicodedata.category(c) not in _UNWANTED
    ).strip()


def _pieces(given: str) -> list[tuple[str, str]]:
    """Return the numbers of a text with their extensions; a piece that is too short for a number stays as it is."""
    lines = _split(given, r"[\n\r]+")
    pieces = [piece for line in lines for piece in _SEPARATOR.split(line) if _digits(piece)]
    return [number for piece in pieces for number in _numbers(piece)] or ([(given, "")] if given else [])


def _numbers(piece: str) -> list[tuple[str, str]]:
    found = [number for number in _NUMBER.findall(piece) if len(_digits(number[0])) >= FEWEST_DIGITS]
    alone = [(one, extension) for number, extension in found for part in _split(number, "/") for one in _apart(part)]
    return alone or [(piece, "")]


def _apart(number: str) -> list[str]:
    """Split at blanks where only these are between numbers: too many digits for one, enough in each part."""
    parts = [part for part in number.split() if _digits(part)]
    several = len(_digits(number)) > MOST_DIGITS and all(len(_digits(part)) >= FEWEST_DIGITS for part in parts)
    return parts if several else [number]


def _split(given: str, separator: str) -> list[str]:
    """Split where numbers may end; one number may hold a slash or a line break itself."""
    parts = [part for part in re.split(separator, given) if _digits(part)]
    whole = len(_digits(given)) <= MOST_DIGITS and any(len(_digits(part)) < FEWEST_DIGITS for part in parts)
    return [given] if whole else parts


def _digits(piece: str) -> str:
    return _NO_DIGITS.sub("", piece)


@lru_cache(maxsize=2048)
def _phone(number: str, extension: str, country: str) -> Phone | None:
    if len(_digits(number)) < FEWEST_DIGITS:
        return None
    for readings, suffix in _readings(number, country):
        if value := next(_valid(readings), None):
            return Phone(value, extension or suffix)
    return None


_Readings = Iterator[tuple[str, str | None]]  # a number and the country to read it in (None: it has a plus)


def _readings(number: str, country: str) -> Iterator[tuple[_Readings, str]]:
    """Yield what a number may mean, likeliest first, with the extension that is then left over."""
    import phonenumbers  # noqa: PLC0415 - see _valid

    own = phonenumbers.country_code_for_region(country)
    digits = _digits(number)
    yield _marked(number, own), ""
    suffixed = _SUFFIX.fullmatch(number)
    shorter, suffix = suffixed.groups() if suffixed else ("", "")
    yield _marked(shorter, own), suffix
    yield _national(digits, country, str(own)), ""
    if len(digits) == len("89991234567") and digits[0] == "8":
        yield iter([("+7" + digits[1:], None)]), ""  # trunk 8 of Kazakhstan and its neighbour, not +8… of East Asia
        return
    international = iter([("+" + digits, None)] if len(digits) >= FEWEST_INTERNATIONAL else [])
    first = int(re.findall(r"\d+", number)[0])
    if first in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:  # 44 7911 …: the code is apart
        yield international, ""
    yield _national(_digits(shorter), country, str(own)), suffix
    yield international, ""


def _marked(number: str, own: int) -> _Readings:
    """Read a number that says with a plus or an exit code that it is international."""
    for digits in dict.fromkeys((_digits(number), _digits(number.replace("(0)", "", 1)))):
        if "+" in number:
            yield "+" + digits, None
            if digits.startswith("3800"):  # +38 (0) 067 …
                yield "+380" + digits[4:], None
        if digits.startswith("00"):
            yield "+" + digits[2:], None
        if digits.startswith("810") and len(digits) >= FEWEST_WITH_EXIT_CODE and own != NORTH_AMERICA:
            yield "+" + digits[3:], None


def _national(digits: str, country: str, own: str) -> _Readings:
    if len(digits) < FEWEST_DIGITS:
        return
    if digits.startswith(own) and len(digits) >= FEWEST_INTERNATIONAL:
        yield "+" + digits, None
    yield digits, country
    if country in _TRUNK_EIGHT and digits.startswith("80"):
        yield digits[1:], country
    if digits[0] in {"PL": "0", "LT": "80"}.get(country, ""):
        yield digits[1:], country


def _valid(readings: _Readings) -> Iterator[str]:
    import phonenumbers  # noqa: PLC0415 - 30 ms that an event without phones never pays

    for number, country in readings:
        try:
            parsed = phonenumbers.parse(number, country)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(parsed):
            yield phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


_EMAIL = re.compile(
    r"""[^\s"<>@(),;:\\\[\]]{1,64}@[^\s"'<>@(),;:\\\[\]._-][^\s"'<>@(),;:\\\[\]]*\.[^\s"'<>@(),;:\\\[\].]+"""
)

_PLAIN_EMAIL = re.compile(r"(?!.*\.\.)[\w.+-]{1,64}@[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)+", re.ASCII)  # as it is to be


def emails(value: Any) -> tuple[tuple[str, ...], int]:
    """Return the e-mail addresses of a text, without duplicates, and how many of its pieces were dropped."""
    if not isinstance(value, str):
        return (), int(text(value) is not None)
    if len(value) <= LONGEST_EMAIL and _PLAIN_EMAIL.fullmatch(value):
        return (value,), 0
    pieces = [piece for piece in (_clean(piece) for piece in re.split(r"[;,\n]", value[:LONGEST_LIST])) if piece]
    found = [_email(piece) for piece in pieces]
    first: dict[str, str] = {}
    for address in found:
        if address:
            first.setdefault(address.casefold(), address)
    return tuple(first.values()), found.count(None)


def _email(piece: str) -> str | None:
    bare = re.sub(r"^.*<|>.*$", "", piece).strip()
    bare = re.sub(r"^mailto:", "", bare, flags=re.IGNORECASE).partition("?")[0].strip()
    if len(bare) > LONGEST_EMAIL or ".." in bare or not _EMAIL.fullmatch(bare):
        return None
    local, _, domain = bare.partition("@")
    return f"{local}@{domain.lower()}"


_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+(:\d{1,5})?")
_PLAIN_LINK = re.compile(rf"https://{_HOST.pattern}(/[A-Za-z0-9_-]+)*/?")  # nothing in it that needs a second look


def link(value: Any, hosts: tuple[str, ...] = ()) -> str | None:
    """Return an https address that people can be shown, or None.

    The host is plain (no user part, no foreign letters) and, if `hosts` are given, one of them or below one of them.
    """
    if not isinstance(value, str) or len(value) > LONGEST_LINK:
        return None
    return value if not hosts and _PLAIN_LINK.fullmatch(value) else _link(value, hosts)


def _link(value: str, hosts: tuple[str, ...]) -> str | None:
    if _clean(value) != value or " " in value:
        return None
    address = quote(value, safe="%:/?#[]@!$&'()*+,;=~")
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    host = parts.netloc.lower()
    if parts.scheme != "https" or not _HOST.fullmatch(host) or not _below(host.partition(":")[0], hosts):
        return None
    if any(unquote(segment) in (".", "..") for segment in parts.path.split("/")):  # would climb out of the fixed path
        return None
    return address if len(address) <= LONGEST_LINK else None


def _below(host: str, hosts: tuple[str, ...]) -> bool:
    return not hosts or any(host == allowed or host.endswith("." + allowed) for allowed in hosts)


def address(value: Any) -> str | None:
    """Return the beginning of a link, such as `https://acme.example.com/crm`, without the slash at its end."""
    found = text(value, LONGEST_LINK)
    return found.rstrip("/") or None if found and not re.search(r"[?#\s]", found) else None


def encoded(value: str) -> str:
    """Return a text as one segment of a link: it can add no path, query or host."""
    return quote(value, safe="")


_COMPACT = re.compile(r"(20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))((?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?)")
_NUMBER_OF_TIME = re.compile(r"\d{9,17}(?:\.\d+)?")
_MICROSOFT = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")  # Dataverse; the offset is only a hint for display
_EARLIEST = 100_000_000_000  # ms: 1973; earlier ones are null dates such as 0001-01-01
_LATEST = 100_000_000_000_000  # ms: 5138


def time(value: Any, zone: str) -> int | None:
    """Return a moment as ms since 1970, UTC, or None where it is none. `zone` is for times that name no zone."""
    moment = _moment(value, zone)
    return moment if moment is not None and _EARLIEST <= moment < _LATEST else None


def _moment(value: Any, zone: str) -> int | None:
    if isinstance(value, bool):
        return None
    given = value.strip() if isinstance(value, str) else text(value) or ""
    if compact := _COMPACT.fullmatch(given):  # 20241124170405 is no number of ms
        return _calendar("T".join(compact.groups()), zone)
    if isinstance(value, int | float):
        return _since_1970(value)
    if _NUMBER_OF_TIME.fullmatch(given):
        return _since_1970(float(given) if "." in given else int(given))
    if microsoft := _MICROSOFT.fullmatch(given):
        return int(microsoft[1])
    return _calendar(given, zone)


def _since_1970(number: float) -> int | None:
    """Read s, ms or µs, by the size of the number."""
    if not 0 < number < _LATEST * 1000:
        return None
    if number < _EARLIEST:
        return int(number * 1000)
    return int(number) if number < _LATEST else int(number) // 1000


def _calendar(given: str, zone: str) -> int | None:
    try:
        moment = datetime.fromisoformat(given.removesuffix("z") + "Z" * given.endswith("z"))  # RFC 3339, 5.6
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=time_zone(zone))
            if _is_ambiguous(moment):
                return None
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    except (ValueError, OverflowError, KeyError, OSError):  # the last two: no such zone
        return None


def _is_ambiguous(moment: datetime) -> bool:
    """Return whether the clock shows this time twice: in the hour that autumn repeats."""
    first, second = moment.utcoffset(), moment.replace(fold=1).utcoffset()
    return first is not None and second is not None and first > second


@lru_cache(maxsize=32)
def time_zone(name: str) -> tzinfo:
    """Return a zone by its IANA name; raises KeyError or ValueError where there is none."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - 6 ms that a time with a zone never pays

    try:
        return ZoneInfo(name)
    except KeyError:
        if name == "Europe/Kyiv":  # its name before tzdata 2022b
            return ZoneInfo("Europe/Kiev")
        raise
