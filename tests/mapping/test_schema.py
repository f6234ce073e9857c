"""The JSON Schemas are what the code says."""

import json
import tomllib

import pytest
from jsonschema import Draft4Validator, Draft202012Validator

from mapping import direct
from mapping.language import loader
from tests.mapping.cases import CASES, data_of
from tools import mapping_schema

VALIDATOR = Draft4Validator(mapping_schema.mapping_schema())


@pytest.mark.parametrize(
    ("path", "made"),
    [(mapping_schema.MAPPING_SCHEMA, mapping_schema.mapping_schema), (mapping_schema.DIRECT_SCHEMA, direct.schema)],
    ids=["mapping files", "our JSON contract"],
)
def test_the_file_is_up_to_date(path, made):
    assert path.read_text("utf-8") == mapping_schema.written(made()), "run `make contracts`"


def test_the_schema_of_mapping_files_is_of_draft_4():
    Draft4Validator.check_schema(mapping_schema.mapping_schema())


@pytest.mark.parametrize("preset", loader.mappings())
def test_editors_accept_every_preset(preset):
    VALIDATOR.validate(tomllib.loads((loader.PRESETS / f"{preset}.toml").read_text("utf-8")))


@pytest.mark.parametrize("preset", loader.mappings())
def test_every_preset_names_its_schema_on_line_1(preset):
    first = (loader.PRESETS / f"{preset}.toml").read_text("utf-8").splitlines()[0]

    assert (loader.PRESETS / first.removeprefix("#:schema ")).resolve() == mapping_schema.MAPPING_SCHEMA


DIRECT = Draft202012Validator(json.loads(mapping_schema.DIRECT_SCHEMA.read_text("utf-8")))


@pytest.mark.parametrize("case", [case for case in CASES if case.mapping == "direct" and data_of(case)], ids=str)
def test_the_published_contract_agrees_with_the_engine(case):
    records = data_of(case) if isinstance(data_of(case), list) else [data_of(case)]

    for record, outcome in zip(records, case.outcomes(), strict=True):
        wrong = outcome.code in ("bad-field", "no-id", "no-contact")
        told = not DIRECT.is_valid(record) or (outcome.field == "changedAt")  # formats are only a hint in JSON Schema
        assert wrong == told, record


def test_editors_know_what_a_look_up_has():
    text = (loader.PRESETS / "bitrix24-api.toml").read_text("utf-8")
    for right, wrong in (
        ("rate  = {", "rats  = {"),
        ("max     = 50", 'max     = "50"'),
        ('post    = "crm', 'past    = "crm'),
        ('last  = "id"', 'lost  = "id"'),
        ("count = { json", "count = { jason"),
        ('when = "unknown"', 'when = "sometimes"'),
        ("[lookup.organization]\n", '[lookup.organization]\nas = "company"\n'),
    ):
        assert right in text
        assert VALIDATOR.is_valid(tomllib.loads(text))
        assert not VALIDATOR.is_valid(tomllib.loads(text.replace(right, wrong, 1))), wrong
