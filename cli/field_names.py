"""The usual names of fields, and which of a sample's names are theirs."""

import re

# As `plain` writes them, the likeliest first; Ukrainian and Russian ones too, for home-made CRMs have such fields.
NAMES: dict[str, tuple[str, ...]] = {
    "externalId": ("externalid", "clientid", "contactid", "customerid", "personid", "recordid", "id", "uuid", "guid",
                   "код"),
    "fullName": ("fullname", "displayname", "name", "contactname", "clientname", "customername", "піб", "фио"),
    "last": ("lastname", "surname", "familyname", "прізвище", "фамилия"),
    "first": ("firstname", "givenname", "імя", "имя"),
    "patronymic": ("patronymic", "middlename", "secondname", "побатькові", "отчество"),
    "responsible": ("responsibleid", "responsibleuserid", "responsible", "managerid", "ownerid", "assignedto",
                    "assigneduserid", "assigneeid", "userid", "manager", "owner", "менеджер", "відповідальний"),
    "leadId": ("leadid",),
    "contactLink": ("contactlink", "contacturl", "profileurl", "profilelink", "clienturl", "cardurl", "link", "url",
                    "href"),
    "leadLink": ("leadlink", "leadurl"),
    "dealLink": ("deallink", "dealurl", "orderlink", "orderurl"),
    "googleClientId": ("googleclientid", "gaclientid", "clientidga", "gacid"),
    "changedAt": ("updatedat", "changedat", "modifiedat", "lastmodified", "lastmodifiedat", "modifiedon", "updatetime",
                  "datemodify", "updated", "modified", "occurredat", "eventtime", "eventdate", "timestamp",
                  "createdat"),
    "eventId": ("eventid", "messageid", "deliveryid", "webhookid"),
    "companyId": ("companyid", "organizationid", "organisationid", "orgid", "accountid"),
    "companyName": ("companyname", "organizationname", "organisationname", "orgname"),
}  # fmt: skip
COMPANIES = ("company", "organization", "organisation", "account", "org", "компанія", "компания")
EMPLOYEES = ("manager", "owner", "responsible", "assignee", "user", "author", "creator", "менеджер")  # not the contact
PHONE = re.compile(r"phone|mobile|^tel|cell|viber|whatsapp|телефон|^тел\d*$|мобільн|мобильн")
EMAIL = re.compile(r"e?mail|пошта|почта")
VALUE = ("number", "value", "phone", "phonenumber", "email", "address", "emailaddress", "номер")
PRIMARY = ("primary", "isprimary", "main", "ismain", "default", "isdefault")

_ENVELOPES = ("meta", "event", "webhook", "message")
_BELOW = {  # field: names of the table that holds it, names of the field in there
    "responsible": (EMPLOYEES, ("id", "uuid")),
    "companyId": (COMPANIES, ("id", "uuid")),
    "companyName": (COMPANIES, ("name", "title")),
    "changedAt": (_ENVELOPES, NAMES["changedAt"]),
    "eventId": (_ENVELOPES, ("id", "uuid")),
}
_LINKS = ("url", "link", "href")


def plain(key: str) -> str:
    """Return a name as it is compared: `Client_ID`, `client-id` and `clientId` are the same."""
    return re.sub(r"[\W_]+", "", key).lower()


def is_phone(key: str) -> bool:
    """Tell whether a field's name says phone."""
    return bool(PHONE.search(plain(key))) and not is_email(key)


def is_email(key: str) -> bool:
    """Tell whether a field's name says e-mail."""
    return bool(EMAIL.search(plain(key)))


def is_other(key: str) -> bool:
    """Tell whether a table's name says that it is an employee's, a company's or a list of phones: not the contact."""
    return plain(key) in EMPLOYEES or plain(key) in COMPANIES or is_phone(key) or is_email(key)


def is_nested(field: str, table: str, key: str) -> bool:
    """Tell whether `key` of a table is a field, as in `manager.id` or `profile.url`."""
    if field == "contactLink":
        return not is_other(table) and plain(key) in _LINKS
    tables, keys = _BELOW.get(field, ((), ()))
    return plain(table + key) in NAMES[field] or (plain(table) in tables and plain(key) in keys)
