"""The usual names of a contact's fields and of what happens to it: one table for `generic`, `bridge new` and imports.

Names are compared as `plain` writes them. Ukrainian, Russian and German ones are here too: home-made CRMs have such
fields.
"""

import re
from collections.abc import Collection
from functools import lru_cache

# The likeliest first. A field that no name of a body is one of is not in the body.
NAMES: dict[str, tuple[str, ...]] = {
    "externalId": ("externalid", "contactid", "personid", "id", "customerid", "clientid", "recordid", "crmcontactid",
                   "subscriberid", "uuid", "guid", "uid", "код", "ід", "kontaktid", "kundenid", "kundennummer",
                   "kundennr"),
    "contactId": ("contactid", "personid", "customerid", "clientid", "crmcontactid"),
    "leadId": ("leadid", "facebookleadid", "leadgenid", "dealleadid"),
    "fullName": ("fullname", "displayname", "name", "contactname", "clientname", "customername", "personname",
                 "leadname", "yourname", "namefull", "contactfullname", "realname", "nickname", "піб", "фио",
                 "pib", "fio", "імяклієнта", "имяклиента", "контакт", "клієнт", "клиент", "kontaktname", "kundenname"),
    "last": ("lastname", "surname", "familyname", "namelast", "contactlastname", "lname", "last",
             "прізвище", "фамилия", "nachname", "familienname", "zuname"),
    "first": ("firstname", "givenname", "forename", "namefirst", "contactfirstname", "fname", "first", "імя", "имя",
              "vorname"),
    "patronymic": ("patronymic", "middlename", "secondname", "namemiddle", "побатькові", "отчество"),
    "responsible": ("responsibleid", "responsibleuserid", "responsible", "ownerid", "owner", "managerid", "manager",
                    "assignedto", "assignedtoid", "assigneduserid", "assignedid", "assigneeid", "assignee", "assigned",
                    "contactownerid", "contactowner", "accountownerid", "accountmanagerid", "salesownerid",
                    "salesrepid", "assignedagentid", "manageridlist", "owners", "assignees", "менеджер",
                    "відповідальний", "ответственный",
                    "resp", "respid", "betreuer"),
    "staffId": ("staffid",),
    "contactLink": ("contactlink", "contacturl", "profileurl", "profilelink", "clienturl", "cardurl", "link", "url",
                    "href"),
    "leadLink": ("leadlink", "leadurl"),
    "dealLink": ("deallink", "dealurl", "orderlink", "orderurl"),
    "googleClientId": ("googleclientid", "gaclientid", "clientidga", "gacid"),
    "changedAt": ("updatedat", "changedat", "modifiedat", "lastmodified", "lastmodifiedat", "lastmodifieddate",
                  "lastupdated", "lastupdatedat", "updatetime", "updatedtime", "modifiedtime", "modificationdate",
                  "modifydate", "modifieddate", "updatedate", "updateddate", "modifiedon", "updatedon", "changedon",
                  "datemodified", "datemodify", "dateupdated", "dateupdate", "updated", "modified", "editedat",
                  "edited", "occurredat", "eventtime", "eventdate", "timestamp", "змінено", "датазміни", "изменено",
                  "датаизменения", "geändertam", "geaendertam", "änderungsdatum", "letzteänderung"),
    "eventId": ("eventid", "messageid", "deliveryid", "webhookid"),
    "companyId": ("companyid", "organizationid", "organisationid", "orgid", "accountid"),
    "companyName": ("companyname", "organizationname", "organisationname", "orgname", "accountname", "company",
                    "organization", "organisation", "firmenname"),
    "carries": ("carries",),
}  # fmt: skip
MEANT = {
    name: frozenset(usual for usual in NAMES if name in NAMES[usual]) for known in NAMES.values() for name in known
}
SENT_AT = ("createdat", "createtime", "created", "sentat", "triggeredat", "time")  # of an envelope: when it was sent
COMPANIES = ("company", "organization", "organisation", "account", "org", "firm", "firma", "компанія",
             "компания")  # fmt: skip
TENANT = ("account", "accountid", "accountname")  # beside the name of an event they are the sender's own
IDS = ("id", "uid", "uuid", "guid", "externalid", "oid", "userid")  # of a table, such as `owner: {id}`
TITLES = ("name", "title", "fullname")
EMPLOYEES = re.compile(
    r"owner|manager|responsible|assign|agent|organi[sz]er|operator|author|creator|employee|staff|salesrep|teammate"
    r"|(?:created|modified|updated|edited|changed|added|performed|deleted)(?:by|user)|^actor$|^hosts?$|^users?$|^admins?$"
    r"|^sender$|^from$|менеджер|відповідальн|ответственн"
)
OTHER_TABLES = re.compile(  # neither the contact nor on the way to it
    r"address|location|inbox|team|workspace|tenant|project|pipeline|previous|^old|before|^changes|changed|datachanges|diff"
    r"|original|settings|shipping|product|lineitem|^lines$|recipient|^to$|^cc$|^form$|^page$|^site$"
)

# A name is a phone's if it is one of these words, with nothing beside it but the words of `_BESIDE`: `managerPhone`,
# `phone_verified` and `telegram` are none.
_PHONES = (
    "phone|telephone|tel|mobile|mob|cell|cellular|handy|gsm|msisdn|viber|whatsapp|телефон|тел|мобільний|мобильный"
    "|telefone?|mobil|rufnummer"
)
_EMAILS = "email|mail|імейл|емейл|имейл|елпошта|електроннапошта|электроннаяпочта|эпочта|пошта|почта"
_BESIDE = (
    "primary|main|default|first|second|secondary|third|other|alternative|alternate|alt|additional|extra|unique|work"
    "|office|business|corporate|job|home|private|personal|direct|contact|client|customer|person|lead|buyer|subscriber"
    "|member|guest|patient|student|your|billing|crm|number|num|no|nr|value|list|full|formatted|international|raw|e164"
    "|номер|основний|робочий|домашній|додатковий|контактний|особистий|основной|рабочий|домашний|дополнительный|личный"
    "|контактный|ваш|адреса|адрес|nummern?|geschäftlich|privat|zweite|weitere|adresse"
)
_PHONE = re.compile(
    rf"(?:{_BESIDE})*?(?:(?:{_PHONES})(?:e?s|и|ы|и)?)+(?:(?:{_BESIDE})s?|\d)*|(?:unique)?numberlist|(?:work|office|business|contact)number"
)
_EMAIL = re.compile(rf"(?:{_BESIDE})*?(?:{_EMAILS})s?(?:(?:{_BESIDE}|address)(?:e?s)?|\d)*")
_MANY = re.compile(r"(?<!s)s$|list|[иы]$|nummern$")
_SLOTS = (  # where a number belongs on the card: a change of one leaves the others alone
    ("phones", _MANY),
    ("homePhone", re.compile(r"home|privat|personal|домашн|особист|личн")),
    ("workPhone", re.compile(r"work|office|business|corporate|job|робоч|рабоч|geschäft")),
    ("otherPhone", re.compile(r"second|third|other|alt|additional|extra|[2-9]|zweite|weitere|додатков|дополнительн")),
    ("mobile", re.compile(r"mob|cell|handy|gsm|viber|whatsapp|моб")),
    ("phone", re.compile(r"")),
)
PHONE_SLOTS = ("mobile", "phone", "workPhone", "homePhone", "otherPhone", "phones")
EMAIL_SLOTS = ("email", "otherEmail", "emails")

# In an entry of a list of phones or e-mails, or in a table in the place of one.
VALUE = ("value", "number", "phone", "phonenumber", "email", "address", "emailaddress", "phonevalue", "no", "raw",
         "e164", "номер", "nummer")  # fmt: skip
LABEL = ("label", "name", "type", "kind")
PRIMARY = ("primary", "isprimary", "main", "ismain", "default", "isdefault", "primaryaddress")
CALLING_CODE = ("callingcode", "countrycallingcode", "dialcode", "phonecode", "code", "countrycode", "prefix")

# Fields of a record one level down, and lists of pairs such as [{"name": "Phone", "value": "…"}].
FIELDS = frozenset((
    "fields", "attributes", "properties", "core", "all", "values", "customfields", "attrs", "traits", "answers",
    "fielddata", "formfields", "embedded", "merges", "mergefields", "formdata", "submission", "rawfields",
))  # fmt: skip
PAIR_NAMES = ("name", "key", "fieldname", "label", "title", "alias", "slug", "property", "question", "ref", "code",
              "id")  # fmt: skip
PAIR_VALUES = ("value", "values", "answer", "text", "rawvalue")

# What happened: the fields that say so, and the words in them.
EVENTS = ("event", "eventtype", "eventname", "type", "topic", "triggerevent", "trigger", "action", "actiontype",
          "operation", "webhookevent", "webhooktype", "webhooktopic", "hookevent", "changetype", "eventkey",
          "eventcode", "notificationtype", "kind", "entity", "entitytype", "entityname", "object", "objecttype",
          "resource", "resourcetype", "module", "bean", "model", "recordtype")  # fmt: skip
SPOKEN = frozenset(("event", "eventtype", "eventname", "topic", "triggerevent", "action", "webhookevent",
                    "webhooktopic"))  # fmt: skip
ENVELOPES = ("meta", "metadata", "event", "webhook", "hook", "header", "trigger", "message", "info")
EVENT_HEADER = re.compile(r"x-.*(?:topic|event|event-type|event-name|event-key|action|trigger|resource)")
HOLDERS = frozenset((
    "data", "payload", "item", "items", "record", "records", "object", "objects", "result", "results", "body",
    "entity", "entry", "entries", "eventdata", "resource", "model", "bean", "current", "new", "after", "content",
    "detail", "details", "params", "rows", "list", "message", "event", "events", "value", "response",
))  # fmt: skip
DELETIONS = frozenset((
    "delete", "deleted", "deletion", "destroy", "destroyed", "remove", "removed", "removal", "archive", "archived",
    "erase", "erased", "erasure", "redact", "redacted", "purge", "purged", "trash", "trashed", "forget", "forgotten",
))  # fmt: skip
DELETED_FLAGS = ("deleted", "isdeleted", "removed", "isremoved", "archived", "isarchived", "destroyed", "trashed",
                 "istrashed", "deletedat", "removedat", "archivedat", "deletedon")  # fmt: skip
CONTACTS = frozenset((
    "contact", "person", "people", "customer", "client", "subscriber", "buyer", "patient", "student", "member",
    "guest", "profile", "individual", "human",
))  # fmt: skip
LEADS = frozenset(("lead", "prospect", "inquiry"))
ORGANIZATIONS = frozenset(("company", "organization", "organisation", "account"))
STAFF = frozenset(("agent", "employee", "operator", "staff", "teammate", "manager", "admin", "owner"))
OTHERS = frozenset((  # of which no contact is made, whatever else the event holds
    "message", "msg", "note", "task", "todo", "conversation", "chat", "comment", "call", "activity", "meeting", "sms",
    "file", "attachment", "document", "product", "campaign", "review", "rating", "article", "reminder", "recording",
    "voicemail", "inbox", "channel", "pipeline", "workflow", "team", "talk", "reaction", "survey", "ping",
))  # fmt: skip
TRADE = frozenset((  # their own contact may be in them
    "deal", "opportunity", "order", "invoice", "ticket", "payment", "booking", "appointment", "reservation", "quote",
    "subscription", "checkout", "cart", "refund", "transaction", "estimate", "contract", "issue", "case", "job",
    "visit", "purchase", "sale",
))  # fmt: skip
DETAILS = frozenset((  # of a contact: their event holds the contact, or nothing of it
    "tag", "label", "list", "segment", "dnd", "score", "stage", "status", "owner", "field", "property", "attribute",
    "group", "phone", "email", "number", "address", "custom", "external", "assignment", "consent", "optin", "optout",
))  # fmt: skip
NEUTRAL = frozenset((
    "create", "created", "creation", "add", "added", "new", "insert", "inserted", "update", "updated", "change",
    "changed", "edit", "edited", "modify", "modified", "save", "saved", "upsert", "upserted", "sync", "synced",
    "import", "imported", "restore", "restored", "undelete", "undeleted", "unarchive", "unarchived", "merge", "merged",
    "convert", "converted", "submit", "submitted", "submission", "register", "registered", "assign", "assigned",
    "subscribe", "subscribed", "identify", "identified", "post", "pre", "on", "after", "before", "event", "webhook",
    "hook", "crm", "in", "to", "from", "by", "of", "the", "bulk", "soft", "hard", "permanent", "permanently", "data",
    "form", "response", "user", "signup", "record", "entity", "object", "item", "payload", "body", "web", "app", "api",
    "completed", "received", "trigger", "notification", "single", "batch", "force",
    "eventdata", "result", "detail", "param", "row", "entry", "current", "value", "page", "elementor", "pro", "send",
))  # fmt: skip
KNOWN = DELETIONS | NEUTRAL | OTHERS | TRADE | DETAILS | CONTACTS | LEADS | ORGANIZATIONS | STAFF
_KNOWN_WORD = "|".join(sorted(KNOWN, key=len, reverse=True))
_GLUED = re.compile(rf"(?:(?:{_KNOWN_WORD})s?)+")  # ONCRMCONTACTDELETE
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_CODE = re.compile(r"[\w.:/-]{2,100}", re.ASCII)


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """Return a name as it is compared: `Client_ID`, `client-id` and `clientId` are the same."""
    return re.sub(r"[\W_ʼ]+", "", name).lower()  # the apostrophe of Ukrainian is a letter in Unicode


def family(beside: Collection[str]) -> str | None:
    """Return which of a record's plain names is the last name because of the others: `name` beside `vorname` alone.

    Beside an English first name it stays the whole one: many CRMs send both.
    """
    return "name" if "vorname" in beside and not any(last in beside for last in NAMES["last"]) else None


def is_phone(name: str) -> bool:
    """Return whether a field's name says that it is the contact's phone."""
    return bool(_PHONE.fullmatch(plain(name)))


def is_email(name: str) -> bool:
    """Return whether a field's name says that it is the contact's e-mail address."""
    return bool(_EMAIL.fullmatch(plain(name)))


@lru_cache(maxsize=4096)
def slot(name: str) -> str:
    """Return which of a card's phones or e-mails a field holds, or an empty text."""
    if is_email(name):
        if _MANY.search(plain(name)):
            return "emails"
        other = any(pattern.search(plain(name)) for kind, pattern in _SLOTS if kind.endswith("Phone"))
        return "otherEmail" if other else "email"
    return next((kind for kind, pattern in _SLOTS if pattern.search(plain(name))), "") if is_phone(name) else ""


@lru_cache(maxsize=1024)
def words(said: str) -> frozenset[str]:
    """Return the words of an event's name, in the singular: `contacts/delete`, `ContactDelete` → contact, delete.

    A text with blanks is an event's name only if all its words are known ones; else it is typed text.
    """
    found = [word for part in _WORD.findall(said) for word in _singular(part.lower())]
    if _CODE.fullmatch(said) or (found and said.isascii() and all(word in KNOWN for word in found)):
        return frozenset(found)
    return frozenset()


def _singular(word: str) -> list[str]:
    if word in KNOWN:
        return [word]
    for end, instead in (("ies", "y"), ("es", ""), ("s", "")):
        if word.endswith(end) and word.removesuffix(end) + instead in KNOWN:
            return [word.removesuffix(end) + instead]
    return re.findall(_KNOWN_WORD, word) if _GLUED.fullmatch(word) else [word]
