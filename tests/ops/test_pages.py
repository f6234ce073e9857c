import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.pages import LARGEST_BODY, MOST_RECORDS, only, parts

SHAPES = [
    lambda records: records,
    lambda records: {"result": {"items": records}, "total": 3, "time": {"operating": 0.1}},
    lambda records: {"_embedded": {"contacts": records}, "_links": {"next": {"href": "x"}}},
    lambda records: {"data": {"boards": [{"items_page": {"cursor": None, "items": records}}]}},
]
people = st.lists(st.fixed_dictionaries({"id": st.integers(1, 5), "phones": st.lists(st.text(max_size=3))}), max_size=9)


@given(people, st.sampled_from(SHAPES), st.data())
def test_a_page_has_the_kept_records_in_their_order_and_all_else_of_it(records, shape, data):
    kept = [record for record in records if data.draw(st.booleans())]

    assert only(shape(records), records, kept) == shape(kept)


@given(people, st.sampled_from(SHAPES))
def test_the_page_itself_is_not_changed(records, shape):
    before = json.dumps(shape(records))

    only(shape(records), records, records[::2])

    assert json.dumps(shape(records)) == before


def test_equal_records_are_told_apart():
    twins = [{"id": 1}, {"id": 1}]

    assert only(twins, twins, twins[1:]) == [{"id": 1}]


@given(people, st.sampled_from(SHAPES))
def test_parts_hold_each_kept_record_once(records, shape):
    found = [record for text, _ in parts(shape(records), records, records) for record in read(json.loads(text))]

    assert found == records


def read(page):
    """The records of any of the shapes."""
    if isinstance(page, dict):
        [page] = [page[name] for name in ("result", "_embedded", "data") if name in page]
        page = page.get("items") or page.get("contacts") or page.get("boards") or []
        page = page[0]["items_page"]["items"] if page and "items_page" in page[0] else page
    return page


@pytest.mark.parametrize(("number", "size"), [(1000, 10), (100, 9_000), (5, 100_000), (1, 10)])
def test_parts_fit_into_a_message(number, size):
    records = [{"id": index, "note": "x" * size} for index in range(number)]

    made = list(parts(SHAPES[1](records), records, records))

    assert max(len(text) for text, _ in made) <= LARGEST_BODY
    assert max(len(held) for _, held in made) <= MOST_RECORDS
    assert [record for _, held in made for record in held] == records


def test_a_record_that_fits_nowhere_is_told_and_the_others_go():
    records = [{"id": 1}, {"id": 2, "note": "x" * LARGEST_BODY}, {"id": 3}]

    made = list(parts(records, records, records))

    assert [(bool(text), [record["id"] for record in held]) for text, held in made] == [
        (True, [1]),
        (False, [2]),
        (True, [3]),
    ]
