"""What CRMs send of invented persons."""


def person(identity=42, name="Олена Коваль", at="2026-03-01T10:00:00.000Z", phones=("067 000 00 01",), **data):
    """Pipedrive's webhook of a person who was saved; without an identity the mapping rejects it."""
    return {
        "meta": {"action": "change", "entity": "person", "version": "2.0", "timestamp": at},
        "data": {"id": identity, "name": name, "phones": [{"value": phone} for phone in phones], **data},
    }
