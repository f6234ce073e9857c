"""The keys of rows in the cards table: those of cards, `106#Pipedrive#contact:42`, and those of a project. Pure."""

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

PROJECTS = "#projects"  # the row that lists the projects which ever had a card
RENAMED = "#renamed"  # the part of the index of due cards that holds organizations whose new names are to be spread
HEARD = "#heard"  # the part that holds connections, under the time from which on they are silent
NUMBERS = "#numbers"  # the row that holds the secret of the hashes of phone numbers
BUNDLE = "#bundle"  # the row that says which mappings the deployed functions have
MEMBERS_PAGES = 16  # rows of an organization's contacts; together they hold some 100,000
LONGEST_ID = 200  # characters; a key of DynamoDB ends at 2 KiB

# Knows ids that are phones, however they are written, where senders choose the ids.
IsPersonal = Callable[[str], bool] | None


class CardKey(NamedTuple):
    """The parts of a card's key."""

    project: int
    origin: str
    kind: str  # contact, lead or organization
    identity: str  # the CRM's id, or its hash

    @classmethod
    def parse(cls, key: str) -> "CardKey":
        """Return the parts of a key; raise ValueError for a text that is none."""
        project, origin, card = key.split("#", 2)
        kind, _, identity = card.partition(":")
        return cls(int(project), origin, kind, identity)

    def __str__(self) -> str:
        return f"{self.project}#{self.origin}#{self.kind}:{self.identity}"


def key_of(project: int, origin: str, card: str, is_personal: IsPersonal = None) -> str:
    """Return the key of a card that a mapping names `contact:42`; an e-mail or a phone as an id becomes a hash."""
    kind, _, identity = card.partition(":")
    is_hashed = "@" in identity or identity.startswith("+") or len(identity) > LONGEST_ID
    if is_hashed or (is_personal and is_personal(identity)):
        identity = _hashed(identity)
    return str(CardKey(project, origin, kind, identity))


def _hashed(identity: str) -> str:
    return "sha256-" + hashlib.sha256(identity.encode()).hexdigest()[:32]


def employer_key(contact: str, identity: str, is_personal: IsPersonal) -> str:
    """Return the key of the organization that a contact names by its id."""
    parts = CardKey.parse(contact)
    return key_of(parts.project, parts.origin, f"organization:{identity}", is_personal)


def identity_in(organization: str, identities: Iterable[str]) -> str | None:
    """Return which of these ids is that of an organization, given by its key; None if none is."""
    identity = CardKey.parse(organization).identity
    return next((one for one in identities if identity in (one, _hashed(one))), None)


def project_of(key: str) -> int:
    """Return the Ringostat project that a card belongs to."""
    return int(key.partition("#")[0])


def left_behind_part(project: int) -> str:
    """Return the part of the index of due cards that holds a project's cards which are left behind."""
    return f"{project}#left-behind"


def members_pages(organization: str) -> list[str]:
    """Return the keys of the rows that list the contacts which name an organization by its id."""
    return [_members_page(organization, page) for page in range(MEMBERS_PAGES)]


def members_page(organization: str, contact: str) -> str:
    """Return the key of the one of these rows that lists a contact."""
    return _members_page(organization, hashlib.sha256(contact.encode()).digest()[0] % MEMBERS_PAGES)


def _members_page(organization: str, page: int) -> str:
    return f"#members:{page:02}:{organization}"


def number_key(project: int, number: str, secret: str) -> str:
    """Return the key of the row that lists the cards of a project which have a phone number, or once had it."""
    digits = re.sub(r"\D", "", number).encode()
    return f"{project}#number:{hashlib.blake2b(digits, key=secret.encode(), digest_size=16).hexdigest()}"


def is_number(key: str) -> bool:
    """Tell the key of such a row."""
    return key.partition("#")[2].startswith("number:")


def renaming_key(organization: str) -> str:
    """Return the key of the row that says that an organization's contacts must be given its new name."""
    return f"#renamed:{organization}"


def renamed(key: str) -> str:
    """Return the organization of such a row."""
    return key.removeprefix("#renamed:")


def is_organization(key: str) -> bool:
    """Tell an organization's card from a contact's or a lead's."""
    return CardKey.parse(key).kind == "organization"


def throttle_key(project: int) -> str:
    """Return the key of the row that says how a project's POSTs are held back."""
    return f"{project}#throttle"


def staff_key(project: int) -> str:
    """Return the key of the row that keeps Ringostat's own employees of a project."""
    return f"{project}#staff"


def wanted_part(connection: str) -> str:
    """Return the part of the index of due cards that holds the records which a connection wants from its CRM."""
    return f"wanted#{connection}"


def wanted_key(connection: str, lookup: str, identity: str) -> str:
    """Return the key of the row of a record that is wanted: the name of the look-up, and the id in the CRM."""
    return f"{wanted_part(connection)}#{lookup}:{identity}"


def mapping_key(name: str, version: int = 0) -> str:
    """Return the key of the row of a version of a stored mapping; without a number, of the one that counts."""
    return f"mapping#{name}#{version}" if version else f"mapping#{name}"


def heard_key(connection: str) -> str:
    """Return the key of the row that says when a connection was heard last."""
    return f"{HEARD}#{connection}"


def heard(key: str) -> str:
    """Return the connection of such a key."""
    return key.removeprefix(f"{HEARD}#")


def pace_key(connection: str) -> str:
    """Return the key of the row that says how a connection's look-ups are held back."""
    return f"lookup#{connection}"


def mapping_of(key: str) -> tuple[str, int]:
    """Return the key of the row that counts of a stored mapping, and the version that a key is of (0: that one)."""
    kind, _, name = key.partition("#")
    name, _, version = name.partition("#")
    return mapping_key(name), int(version or 0) if kind == "mapping" else 0


def is_stored(key: str) -> bool:
    """Return whether a row that is no card holds what a person gave: mappings, employees, or the names of them."""
    return key == PROJECTS or key.startswith("mapping#") or key.endswith("#staff")
