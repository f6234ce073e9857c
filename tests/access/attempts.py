"""Requests that must not get in: a valid one of each scheme with one thing changed, from a seeded source of chance."""

import base64
from typing import NamedTuple

from event import Request
from local.in_process import connection
from tests.access.senders import BODY, NOW, SENDERS

OWN, STRANGER = "0123456789abcdef" * 4, "fedcba9876543210" * 4
OTHER_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def slug(name):
    return name.replace(" ", "-")


CONNECTIONS = {
    **{slug(name): connection("generic", verify=sender.entry(OWN)) for name, sender in SENDERS.items()},
    **{
        f"{slug(name)}-stranger": connection("generic", project=107, verify=sender.entry([STRANGER, "x" * 40]))
        for name, sender in SENDERS.items()
    },
}


class Attempt(NamedTuple):
    kind: str
    connection: str
    request: Request


def attempts(name, chance, number):
    """Return so many attempts at one scheme, all of its kinds in turn."""
    sender = SENDERS[name]
    kinds = [wrong_key, foreign, other_scheme]
    if sender.proof or name == "path-token" or name.startswith("body-token"):
        kinds += [altered_proof] * 3
    if sender.timed:
        kinds += [wrong_time]
    if sender.signs:
        kinds += [altered_body, other_flag]
    return [kinds[turn % len(kinds)](name, sender, chance) for turn in range(number)]


def valid(sender, secret=OWN, now=NOW):
    return sender.send(secret, BODY, now)._replace(received_at=NOW)


def wrong_key(name, sender, chance):
    place = chance.randrange(len(OWN))
    key = chance.choice(
        [
            OWN[:place]
            + chance.choice([digit for digit in "0123456789abcdef" if digit != OWN[place]])
            + OWN[place + 1 :],
            OWN[: chance.randrange(16, 64, 4)],
            OWN[::-1],
            OWN * 2,
            f"{chance.getrandbits(256):064x}",
        ]
    )
    return Attempt("wrong key", slug(name), valid(sender, key))


def foreign(name, sender, chance):
    stranger = f"{slug(name)}-stranger"
    return chance.choice(
        [
            Attempt("a stranger's request", slug(name), valid(sender, STRANGER)),
            Attempt("a request at a stranger's address", stranger, valid(sender)),
            Attempt("unknown connection", f"{slug(name)}{chance.randrange(10**6)}", valid(sender)),
            Attempt("another name of the connection", slug(name).upper(), valid(sender)),
        ]
    )


def other_scheme(name, sender, chance):
    own = sender.entry(OWN)["scheme"]
    others = [other for other in SENDERS.values() if other.entry(OWN)["scheme"] != own]
    return Attempt("another scheme's proof", slug(name), valid(chance.choice(others)))


def altered_proof(name, sender, chance):
    if not sender.proof:
        return Attempt("altered secret", slug(name), valid(sender, altered(OWN, chance)))
    request = valid(sender)
    header = chance.choice(sender.proof)
    if chance.random() < 0.1:
        headers = {key: text for key, text in request.headers.items() if key != header}
    else:
        headers = {**request.headers, header: altered(request.headers[header], chance)}
    return Attempt(f"altered {header}", slug(name), request._replace(headers=headers))


def wrong_time(name, sender, chance):
    late = chance.choice([-1, 1]) * chance.choice([301_000, 3_600_000, chance.randrange(301_000, 10**11)])
    return Attempt("stale or future", slug(name), valid(sender, now=NOW + late))


def altered_body(name, sender, chance):
    request = valid(sender)
    body, place = bytearray(BODY), chance.randrange(len(BODY))
    match chance.randrange(5):
        case 0 | 1:
            body[place] ^= 1 << chance.randrange(8)
        case 2:
            del body[place:]
        case 3:
            body[place:place] = chance.choice([b" ", b"\0", b"\r\n", b"1", b"\xef\xbb\xbf"])
        case 4:
            body += chance.choice([b" ", b"\n", b"\0", b"1", bytes(body)])
    return Attempt("altered body", slug(name), request._replace(body=bytes(body)))


def other_flag(name, sender, chance):
    """The flag of the gateway says the wrong thing: base64 is taken for the body, or the body for base64."""
    text = chance.choice(["", " ", "\n"]) + base64.b64encode(BODY).decode()
    letters = bytes(byte for byte in BODY if chr(byte).isalnum() and byte < 128)
    body = chance.choice([text.encode(), base64.b64decode(letters[: len(letters) // 4 * 4])])
    return Attempt("base64 flag", slug(name), valid(sender)._replace(body=body))


def altered(text, chance):
    """Return a header's text with one thing changed that is more than its blanks or the case of its scheme's name."""
    while True:
        place = chance.randrange(len(text))
        found = chance.choice(
            [
                text[:place] + chr(ord(text[place]) ^ 1 << chance.randrange(7)) + text[place + 1 :],
                text[:place],
                text[place:],
                text[:place] + text[place + 1 :],
                text[:place] + chance.choice(", ;=.\t\u00e9") + text[place:],
                f"{text},{text}",
                f"{text}, {text}",
                text * 2,
                text.swapcase(),
                text.translate(OTHER_DIGITS),
                "",
            ]
        )
        if found.strip() != text and not (found[:6].lower() == "basic " and found[6:] == text[6:]):
            return found
