"""A mapping that finds Ringostat's employees, known by the name `staffed`."""

from mapping.language import loader

MAPPING = """
format = 1
crm = "Staffed"
[contact]
externalId = "id"
fullName = "name"
staffId = { from = "owner.email", staff = "email" }
[[contact.phones]]
value = "phone"
"""


def make_known(monkeypatch, folder, text=MAPPING):
    (folder / "staffed.toml").write_text(text, "utf-8")
    mapping, load, bundled = loader.load_file(folder / "staffed.toml"), loader.load, loader.mappings()
    monkeypatch.setattr(loader, "load", lambda name: mapping if name == "staffed" else load(name))
    monkeypatch.setattr(loader, "mappings", lambda: [*bundled, "staffed"])
