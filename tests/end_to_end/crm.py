"""What CRMs send, for invented persons whose every name, phone and e-mail is recognised again in a log."""

import itertools
import time
from typing import NamedTuple
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"
CANARY = "Канарчук"
PHONES = "0670001"  # of every number below, in every way in which it is written
DOMAIN = "canary.example.com"

_ids = itertools.count(int(time.time()) % 1_000_000 * 1000)


class Person(NamedTuple):
    """Somebody in a CRM; `changed_at` is in seconds since 1970."""

    id: int
    name: str
    phones: tuple[str, ...]
    email: str
    changed_at: int

    @property
    def e164(self):
        return [f"+38{phone}" for phone in self.phones]


def person(**changes):
    """Somebody new, or with an `id` of somebody known."""
    number = changes.get("id") or next(_ids)
    phones = (f"{PHONES}{number * 2 % 1000:03}", f"{PHONES}{(number * 2 + 1) % 1000:03}")
    one = Person(number, f"Олена {CANARY}-{number}", phones, f"p{number}@{DOMAIN}", int(time.time()) - 60)
    return one._replace(**changes)


def pipedrive(one):
    """Return the webhook (version 2) of a person who was saved."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(one.changed_at))
    return {
        "meta": {
            "action": "change",
            "entity": "person",
            "entity_id": str(one.id),
            "timestamp": moment,
            "version": "2.0",
        },
        "data": {
            "id": one.id,
            "name": one.name,
            "owner_id": 7,
            "phones": [
                {"label": "work", "value": phone, "primary": number == 0} for number, phone in enumerate(one.phones)
            ],
            "emails": [{"label": "work", "value": one.email, "primary": True}],
            "update_time": moment,
        },
        "previous": None,
    }


def kommo(people):
    """Return one form in which all these contacts were changed."""
    fields = {}
    for index, one in enumerate(people):
        at = f"contacts[update][{index}]"
        fields |= {
            f"{at}[id]": one.id,
            f"{at}[name]": one.name,
            f"{at}[type]": "contact",
            f"{at}[responsible_user_id]": 7,
            f"{at}[last_modified]": one.changed_at,
            f"{at}[updated_at]": one.changed_at,
            f"{at}[custom_fields][0][id]": 1,
            f"{at}[custom_fields][0][name]": "Телефон",
            f"{at}[custom_fields][0][code]": "PHONE",
        }
        for number, phone in enumerate(one.phones):
            fields[f"{at}[custom_fields][0][values][{number}][value]"] = phone
            fields[f"{at}[custom_fields][0][values][{number}][enum]"] = 100 + number
    fields["account[subdomain]"] = "demo"
    return urlencode(fields)


def leaks(lines):
    """Return the lines that hold anything personal, and what it is."""
    return [(line, found) for line in lines for found in (CANARY, PHONES, DOMAIN) if found in _unescaped(line)]


def _unescaped(line):
    return line.encode("latin-1", "backslashreplace").decode("unicode_escape", "replace") if "\\u" in line else line
