"""What CRMs send, made at random together with what it must mean: full, partial and deal events of three presets.

A fourth one, Bitrix24, sends only ids: what they mean is what its records hold.
"""

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from cards.key import key_of
from local.crm import Crms
from local.crm.dialect import Change
from local.crm.dialects import CRMS
from local.in_process import connection

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
REFUSED_NAME = "Refused by Ringostat"
NAMES = ("Олена Коваль", "Ірина Шевченко", "Андрій Мельник", "Test Person", "О'Коннор-Ґалаґан")
CRM_URL = "https://acme.example.com"
LOOKED_UP = "acme-bitrix24"
ENTRY = connection("bitrix24", lookups=True)


class Truth(NamedTuple):
    """What one record says: these fields of this card, since `changed_at` (ms)."""

    key: str
    fields: dict[str, Any]
    changed_at: int


class Sent(NamedTuple):
    """One request of a CRM, what it means, and how many of its records must be rejected.

    `implied` is what a look-up must find out besides; `gone` the card of a record that is deleted before it is read.
    """

    connection: str
    content_type: str
    body: str
    truths: list[Truth]
    rejected: int = 0
    implied: tuple[Truth, ...] = ()
    gone: str = ""


class Portal:
    """A Bitrix24 with so many contacts, whose records are edited at any time; `clock` gives ms since 1970."""

    def __init__(self, clock, contacts):
        self.contacts = contacts
        self._clock = clock
        self._at = None
        self.crms = Crms(clock=lambda: (self._at or self._clock()) / 1000, contacts=0)
        self.crms.fill("bitrix24", contacts)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.crms.stop()

    def secret(self):
        return self.crms.secret("bitrix24")

    def faults(self, *faults):
        self.crms.faults("bitrix24", *faults)

    def companies(self):
        return self.crms.counts("bitrix24")["company"]

    def record(self, kind, number):
        return self.crms.record("bitrix24", kind, number)

    def edit(self, kind, number, at, **changes):
        self._at = at
        try:
            return self.crms.edit("bitrix24", kind, number, send_event=False, **changes)
        finally:
            self._at = None

    def drop(self, kind, number):
        self.crms.drop("bitrix24", kind, number, send_event=False)


class Sources:
    """Random events about `cards` cards, and about those of a portal.

    No two events about one card have the same time in the CRM.
    """

    def __init__(self, random, cards, portal, records_a_request=20):
        self._random = random
        self._cards = max(cards // 4, 1)
        self._portal = portal
        self._records = records_a_request
        self._last: dict[str, int] = {}
        self._makers = {
            "pipedrive person": (6, self.person),
            "pipedrive deal": (3, self.deal),
            "pipedrive lead": (2, self.lead),
            "pipedrive organization": (1, self.organization),
            "kommo contacts": (6, self.kommo),
            "direct": (6, self.direct),
            "bitrix24 contact": (5, self.thin_contact),
            "bitrix24 deal": (2, self.thin_deal),
            "bitrix24 company": (1, self.thin_company),
            "bitrix24 contact that is gone": (0.5, self.gone_contact),
            "webhook v1": (0.2, self.refused_version),
        }

    def make(self, now):
        """Return a new request; `now` is in ms."""
        weights, makers = zip(*self._makers.values(), strict=True)
        return self._random.choices(makers, weights)[0](now)

    def person(self, now):
        connection, project = self._pipedrive()
        number = self._number()
        key = key_of(project, "Pipedrive", f"contact:{number}")
        moment = self._moment(key, now)
        phones, emails = self._phones(), self._emails(number)
        owner = self._random.choice([None, 21000001, 21000002])
        organization = self._random.choice([None, self._number(9)])
        data = {
            "id": number,
            "name": self._name(),
            "owner_id": owner,
            "org_id": organization,
            "phones": [{"value": f"0{phone[4:]}", "primary": index == 0} for index, phone in enumerate(phones)],
            "emails": [{"value": email, "primary": False} for email in emails],
        }
        fields = {
            "externalId": str(number),
            "fullName": data["name"],
            "responsible": str(owner or 0),
            "contactLink": f"{CRM_URL}/person/{number}",
            "phones.0": [direction(phone, primary=index == 0) for index, phone in enumerate(phones)],
            "emails.0": [direction(email) for email in emails],
            "organizations.0": [{"externalId": str(organization), "name": None}] if organization else [],
        }
        return self._pipedrive_event(connection, "person", data, Truth(key, fields, moment))

    def deal(self, now):
        connection, project = self._pipedrive()
        number, deal = self._number(), self._number(10_000)
        key = key_of(project, "Pipedrive", f"contact:{number}")
        fields = {"externalId": str(number), "dealLink": f"{CRM_URL}/deal/{deal}"}
        truth = Truth(key, fields, self._moment(key, now))
        return self._pipedrive_event(connection, "deal", {"id": deal, "person_id": number}, truth)

    def lead(self, now):
        connection, project = self._pipedrive()
        number, lead = self._number(), f"c0ffee00-0000-4000-8000-{self._number(10_000):012}"
        key = key_of(project, "Pipedrive", f"contact:{number}")
        fields = {"externalId": str(number), "leadId": lead, "leadLink": f"{CRM_URL}/leads/inbox/{lead}"}
        truth = Truth(key, fields, self._moment(key, now))
        return self._pipedrive_event(connection, "lead", {"id": lead, "person_id": number}, truth)

    def organization(self, now):
        connection, project = self._pipedrive()
        number = self._number(9)
        key = key_of(project, "Pipedrive", f"organization:{number}")
        fields = {"externalId": str(number), "name": f"ТОВ «Приклад {self._number(50)}»"}
        truth = Truth(key, fields, self._moment(key, now))
        return self._pipedrive_event(connection, "organization", {"id": number, "name": fields["name"]}, truth)

    def kommo(self, now):
        numbers = self._random.sample(
            range(1, self._cards + 1), min(self._cards, self._random.randint(1, self._records))
        )
        pairs: list[tuple[str, Any]] = [("account[_links][self]", "https://acme.kommo.com")]
        truths = [self._kommo_contact(pairs, index, number, now) for index, number in enumerate(numbers)]
        return Sent("acme-kommo", FORM, urlencode(pairs), truths)

    def _kommo_contact(self, pairs, index, number, now):
        full = self._random.random() < 0.6
        key = key_of(106, "Kommo", f"contact:{number}")
        moment = self._moment(key, now)
        fields = {
            "externalId": str(number),
            "fullName": self._name(),
            "responsible": str(2000000 + self._number(3)),
            "contactLink": f"https://acme.kommo.com/contacts/detail/{number}",
        }
        place = f"contacts[{'update' if full else 'add'}][{index}]"
        pairs += [
            (f"{place}[id]", number),
            (f"{place}[type]", "contact"),
            (f"{place}[name]", fields["fullName"]),
            (f"{place}[responsible_user_id]", fields["responsible"]),
            (f"{place}[updated_at]", moment // 1000),
        ]
        if full:
            fields |= self._kommo_rest(pairs, place, number)
        return Truth(key, fields, moment)

    def _kommo_rest(self, pairs, place, number):
        phones, emails = self._phones(), self._emails(number)
        lead = self._random.choice([None, self._number(10_000)])
        for place_of_field, code, values in ((0, "PHONE", phones), (1, "EMAIL", emails)):
            for index, value in enumerate(values):
                pairs += [(f"{place}[custom_fields][{place_of_field}][values][{index}][value]", value)]
            pairs += [(f"{place}[custom_fields][{place_of_field}][code]", code)] if values else []
        pairs += [(f"{place}[linked_leads_id][{lead}][ID]", lead)] if lead else []
        link = f"https://acme.kommo.com/leads/detail/{lead}"
        blocks = {"phones.0": [direction(phone) for phone in phones], "emails.0": [direction(one) for one in emails]}
        return ({"leadId": str(lead), "leadLink": link} if lead else {}) | (blocks if phones or emails else {})

    def direct(self, now):
        numbers = self._random.sample(
            range(1, self._cards + 1), min(self._cards, self._random.randint(1, self._records))
        )
        pairs = [self._direct_contact(number, now) for number in numbers]
        records, truths = [record for record, _ in pairs], [truth for _, truth in pairs]
        bad = self._random.random() < 0.02
        body = [*records, {"fullName": "nobody"}] if bad else records
        return Sent("acme-direct", JSON, json.dumps(body, ensure_ascii=False), truths, int(bad))

    def _direct_contact(self, number, now):
        key = key_of(106, "Direct", f"contact:C-{number}")
        moment = self._moment(key, now)
        parts = {
            "fullName": self._name(),
            "responsible": str(self._number(5)),
            "googleClientId": f"{number}.{self._number(9)}",
            "dealLink": f"{CRM_URL}/d/{self._number(99)}",
            "phones": self._phones(),
            "emails": self._emails(number),
            "organizations": [{"externalId": "9", "name": f"ТОВ «Зразок {self._number(9)}»"}],
        }
        full = self._random.random() < 0.4
        chosen = self._random.sample(sorted(parts), self._random.randint(1, 3))
        cleared = dict.fromkeys(("staffId", "contactLink", "leadLink"))
        parts = {**parts, **cleared} if full else {name: parts[name] for name in chosen}
        record = {"externalId": f"C-{number}", "carries": "full" if full else "partial", "changedAt": moment, **parts}
        return record, Truth(key, _direct_fields(record), moment)

    def thin_contact(self, now, number=None):
        number = number or self._number(self._portal.contacts)
        moment = self._moment(key_of(106, "Bitrix24", f"contact:{number}"), now)
        company = self._random.choice([0, self._number(self._portal.companies())])
        phones, emails = [f"0{phone[4:]}" for phone in self._phones()], self._emails(number)
        about = {"name": self._name(), "last": "", "owner": self._number(5), "company": company}
        contact = self._portal.edit("contact", number, moment, **about, phones=phones, emails=emails)
        return _thin(contact, [_contact(contact)], implied=self._company_of(contact))

    def thin_deal(self, now):
        number = self._number(self._portal.contacts)
        key = key_of(106, "Bitrix24", f"contact:{number}")
        deal = self._portal.edit("deal", None, self._moment(key, now), name="Угода", contact=number)
        fields = {"externalId": str(number), "dealLink": f"{CRM_URL}/crm/deal/details/{deal.id}/"}
        contact = self._portal.record("contact", number)
        implied = _contact(contact), *self._company_of(contact)
        return _thin(deal, [Truth(key, fields, int(deal.updated * 1000))], implied=implied)

    def thin_company(self, now):
        number = self._number(self._portal.companies())
        moment = self._moment(key_of(106, "Bitrix24", f"organization:{number}"), now)
        company = self._portal.edit("company", number, moment, name=f"ТОВ «Приклад {self._number(50)}»")
        return _thin(company, [_company(company)])

    def gone_contact(self, now):
        contact = self._portal.edit("contact", None, now // 1000 * 1000, name=self._name(), phones=self._phones())
        self._portal.drop("contact", contact.id)
        return _thin(contact, [], gone=key_of(106, "Bitrix24", f"contact:{contact.id}"))

    def _company_of(self, contact):
        return (_company(self._portal.record("company", contact.company)),) if contact.company else ()

    def refused_version(self, now):
        body = {"meta": {"object": "person", "action": "added", "timestamp": now // 1000}, "current": {"id": 3}}
        return Sent("acme", JSON, json.dumps(body), [], 1)

    def _pipedrive_event(self, connection, entity, data, truth):
        moment = datetime.fromtimestamp(truth.changed_at / 1000, UTC).isoformat(timespec="milliseconds")
        meta = {"action": "change", "entity": entity, "entity_id": str(data["id"]), "timestamp": moment}
        body = json.dumps({"data": data, "previous": {}, "meta": meta}, ensure_ascii=False)
        return Sent(connection, JSON, body, [truth])

    def _pipedrive(self):
        return self._random.choice([("acme", 106), ("acme", 106), ("shop", 107)])

    def _moment(self, key, now):
        """Return a time of a whole second, after all those of the card before."""
        self._last[key] = max(self._last.get(key, 0) + 1000, now // 1000 * 1000)
        return self._last[key]

    def _number(self, most=None):
        return self._random.randint(1, most or self._cards)

    def _name(self):
        return REFUSED_NAME if self._random.random() < 0.01 else f"{self._random.choice(NAMES)} {self._number(999)}"

    def _phones(self):
        numbers = self._random.sample(range(1, 10_000), self._random.choice([0, 1, 1, 1, 1, 1, 2]))
        return [f"+38067000{number:04}" for number in numbers]

    def _emails(self, number):
        return [f"person{number}@example.com"] if self._random.random() < 0.3 else []


def direction(value, *, primary=False):
    return {"value": value, "name": None, "primary": primary}


def _direct_fields(record):
    scalars = ("fullName", "leadId", "responsible", "staffId", "contactLink", "leadLink", "dealLink", "googleClientId")
    fields = {"externalId": record["externalId"]}
    fields |= {name: record.get(name) for name in scalars if name in record}
    for name in ("phones", "emails"):
        if name in record:
            fields[f"{name}.0"] = [direction(value) for value in record[name]]
    if "organizations" in record:
        fields["organizations.0"] = record["organizations"]
    return fields


def _thin(record, truths, **more):
    """Return the event of a record of the portal, which names it and says nothing else."""
    event = CRMS["bitrix24"].event(Change(record, "update", frozenset(), record.updated))
    return Sent(LOOKED_UP, event.content_type, event.body.decode(), truths, **more)


def _contact(record):
    fields = {
        "externalId": str(record.id),
        "fullName": f"{record.last} {record.name}".strip(),
        "responsible": str(record.owner),
        "contactLink": f"{CRM_URL}/crm/contact/details/{record.id}/",
        "phones.0": [direction(f"+38{phone.replace(' ', '')[-10:]}") for phone in record.phones],
        "emails.0": [direction(email) for email in record.emails],
        "organizations.0": [{"externalId": str(record.company), "name": None}] if record.company else [],
    }
    return Truth(key_of(106, "Bitrix24", f"contact:{record.id}"), fields, int(record.updated) * 1000)


def _company(record):
    fields = {"externalId": str(record.id), "name": record.name}
    return Truth(key_of(106, "Bitrix24", f"organization:{record.id}"), fields, int(record.updated) * 1000)
