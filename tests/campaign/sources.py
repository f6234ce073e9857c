"""What CRMs send, made at random together with what it must mean: full, partial and deal events of three presets."""

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from cards.key import key_of

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
REFUSED_NAME = "Refused by Ringostat"
NAMES = ("Олена Коваль", "Ірина Шевченко", "Андрій Мельник", "Test Person", "О'Коннор-Ґалаґан")
CRM_URL = "https://acme.example.com"


class Truth(NamedTuple):
    """What one record says: these fields of this card, since `changed_at` (ms)."""

    key: str
    fields: dict[str, Any]
    changed_at: int


class Sent(NamedTuple):
    """One request of a CRM, what it means, and how many of its records must be rejected."""

    connection: str
    content_type: str
    body: str
    truths: list[Truth]
    rejected: int = 0


class Sources:
    """Random events about `cards` cards. No two events about one card have the same time in the CRM."""

    def __init__(self, random, cards, records_a_request=20):
        self._random = random
        self._cards = max(cards // 4, 1)
        self._records = records_a_request
        self._last: dict[str, int] = {}
        self._makers = {
            "pipedrive person": (6, self.person),
            "pipedrive deal": (3, self.deal),
            "pipedrive lead": (2, self.lead),
            "pipedrive organization": (1, self.organization),
            "kommo contacts": (6, self.kommo),
            "direct": (6, self.direct),
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
