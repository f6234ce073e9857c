"""A list with nothing in it is a good answer of every CRM: it ends a sync, and it says that ids are missing."""

import json

import pytest

from lookup import paging
from lookup.answer import records_of
from mapping.language import loader
from wire import Answer

# As each CRM answers a list of which nothing is left: its own envelope around an empty list.
EMPTY = {
    "activecampaign": {"contacts": [], "meta": {"total": "0"}},
    "bitrix24": {"result": {"items": []}, "total": 0},
    "close": {"data": [], "cursor": None},
    "copper": [],
    "espocrm": {"total": -1, "list": []},
    "hubspot": {"total": 0, "results": []},
    "keycrm": {"total": 0, "current_page": 2, "per_page": 50, "data": []},
    "kommo": None,
    "monday": {"data": {"boards": [{"items_page": {"cursor": None, "items": []}}]}},
    "odoo": [],
    "pipedrive": {"success": True, "data": [], "additional_data": {"next_cursor": None}},
    "retailcrm": {"success": True, "customers": []},
    "salesforce": {"totalSize": 0, "done": True, "records": []},
    "twenty": {"data": {"people": [], "companies": []}, "pageInfo": {"hasNextPage": False}},
    "zoho": None,
}
APIS = [name for name in loader.mappings() if name.endswith(loader.API_SUFFIX)]
SYNCS = [(name, one) for name in APIS for one in loader.load(name).calls.values() if one.sync]


def test_every_api_has_its_empty_list_here():
    assert [f"{name}{loader.API_SUFFIX}" for name in EMPTY] == APIS


@pytest.mark.parametrize(("name", "lookup"), SYNCS, ids=[f"{name}-{one.name}" for name, one in SYNCS])
def test_an_empty_page_ends_a_sync(name, lookup):
    body = EMPTY[name.removesuffix(loader.API_SUFFIX)]
    answer = Answer(204 if body is None else 200, {}, b"" if body is None else json.dumps(body).encode(), complete=True)
    before = paging.State(page=3, pages=2, last="7", next="abc", known=frozenset("7"))

    assert records_of(lookup, body, answer) == []
    assert paging.after(before, lookup, answer)[1] is False
