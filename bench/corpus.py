"""Invented events: persons, deals and forms in the shapes that the CRMs send. Times are ms since 1970."""

import datetime as dt
import json
from typing import Any
from urllib.parse import quote

START = 1_780_000_000_000  # May 2026
FORM = "application/x-www-form-urlencoded"


def phone(number: int) -> str:
    """Return a valid phone, another for each number below ten millions; they are made here and go nowhere."""
    return f"+38067{number % 10_000_000:07d}"


def person(number: int, at: int = START, *, name: str = "Олена Коваль", phones: int = 2) -> bytes:
    """Return Pipedrive's event of a person, about 1.1 KB with two phones."""
    items = [{"label": "work", "value": phone(number * 50 + index), "primary": index == 0} for index in range(phones)]
    data = {
        "add_time": "2025-03-01T08:00:00Z",
        "custom_fields": {"5b5f0c0d7f9d4a1f8a5f2d7f0a1b2c3d4e5f6a7b": {"type": "varchar", "value": "website"}},
        "emails": [{"label": "work", "value": f"olena.{number}@example.com", "primary": True}],
        "first_name": name.partition(" ")[0],
        "id": number,
        "label": None,
        "last_name": name.partition(" ")[2],
        "name": name,
        "org_id": None,
        "owner_id": 21000001,
        "phones": items,
        "update_time": "2025-03-04T09:10:35Z",
        "visible_to": "3",
    }
    return _pipedrive("person", number, data, at)


def deal(number: int, person_number: int, at: int = START, *, stage: int = 1) -> bytes:
    """Return Pipedrive's event of a deal."""
    data = {"id": number, "title": "Deal", "person_id": person_number, "stage_id": stage, "value": 1200, "org_id": None}
    return _pipedrive("deal", number, data, at)


def _pipedrive(entity: str, number: int, data: dict[str, Any], at: int) -> bytes:
    meta = {
        "action": "change",
        "company_id": "7001234",
        "correlation_id": "0c0ffee0-0000-4000-8000-000000000001",
        "entity_id": str(number),
        "entity": entity,
        "id": f"5eedbead-0000-4000-8000-{number:012d}",
        "is_bulk_edit": False,
        "timestamp": _iso(at),
        "type": "general",
        "user_id": "21000001",
        "version": "2.0",
        "webhook_id": "410001",
        "webhook_owner_id": "21000001",
        "change_source": "app",
        "permitted_user_ids": ["21000001"],
        "attempt": 1,
        "host": "acme.pipedrive.com",
    }
    return json.dumps({"data": data, "previous": {"label": None}, "meta": meta}, ensure_ascii=False).encode()


def _iso(at: int) -> str:
    return dt.datetime.fromtimestamp(at / 1000, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def thin(number: int) -> bytes:
    """Return Bitrix24's event of a contact, which holds only its id."""
    return f"event=ONCRMCONTACTUPDATE&data[FIELDS][ID]={number}&ts=1780000000".encode()


def kommo(first: int, contacts: int, at: int = START) -> bytes:
    """Return Kommo's form with so many contacts, each of two phones and an e-mail."""
    fields = [("account[subdomain]", "acme"), ("account[id]", "29300001")]
    for index in range(contacts):
        fields += _kommo_contact(f"contacts[update][{index}]", first + index, at)
    return "&".join(f"{quote(key)}={quote(value)}" for key, value in fields).encode()


def _kommo_contact(prefix: str, number: int, at: int) -> list[tuple[str, str]]:
    values = {
        "id": str(number),
        "name": "Марко Дзвінчук",
        "responsible_user_id": "8100001",
        "date_create": str(at // 1000 - 86_400),
        "last_modified": str(at // 1000),
        "type": "contact",
        "custom_fields][0][id": "451001",
        "custom_fields][0][name": "Телефон",
        "custom_fields][0][code": "PHONE",
        "custom_fields][0][values][0][value": phone(2 * number),
        "custom_fields][0][values][0][enum": "620001",
        "custom_fields][0][values][1][value": phone(2 * number + 1),
        "custom_fields][0][values][1][enum": "620003",
        "custom_fields][1][id": "451003",
        "custom_fields][1][name": "Email",
        "custom_fields][1][code": "EMAIL",
        "custom_fields][1][values][0][value": f"marko.{number}@example.com",
        "custom_fields][1][values][0][enum": "620011",
    }
    return [(f"{prefix}[{key}]", value) for key, value in values.items()]


def direct(first: int, contacts: int, at: int = START) -> bytes:
    """Return an array of our own contract."""
    return json.dumps(
        [
            {
                "kind": "contact",
                "externalId": str(number),
                "fullName": "Олена Коваль",
                "phones": [phone(2 * number), phone(2 * number + 1)],
                "emails": [f"olena.{number}@example.com"],
                "changedAt": _iso(at),
            }
            for number in range(first, first + contacts)
        ],
        ensure_ascii=False,
    ).encode()
