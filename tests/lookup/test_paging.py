"""Reading all records page by page: each once, in every way of turning pages, and an end in every case."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup import paging
from lookup.paging import BadPage, State
from mapping.language import loader
from wire import Answer

OWN = """\
format = 1
crm = "Good"
[api]
url = "https://api.good.example"
[lookup.cursor]
get = "/a"
query = { ids = "{$ids}" }
records = "data"
[lookup.cursor.sync]
query = { ids = "", after = "{$next}", since = "{$since}" }
next = "paging.next"
total = "total"
[lookup.key]
get = "/b"
query = { ids = "{$ids}" }
records = "data"
[lookup.key.sync]
query = { ids = "", above = "{$last}" }
last = "id"
max = 3
[lookup.number]
get = "/c"
query = { ids = "{$ids}" }
records = "data"
[lookup.number.sync]
query = { ids = "", page = "{$page}" }
total = "$headers.\\"x-total\\""
[[record]]
do = "skip"
message = "not of interest here"
"""
WAYS = ("cursor", "key", "number")


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    path = tmp_path_factory.mktemp("api") / "own.toml"
    path.write_text(OWN, "utf-8")
    return loader.load_file(path).calls


def page_of(ids, **more):
    return Answer(
        200, {"x-total": "12"}, json.dumps({"data": [{"id": one} for one in ids], **more}).encode(), complete=True
    )


def served(ids, variables, size=3):
    """What a CRM of these ids answers, by whichever variable is set."""
    start = int(variables["next"] or 0)
    if variables["last"]:
        start = next((at for at, one in enumerate(ids) if one > int(variables["last"])), len(ids))
    elif variables["page"] > 1 and not variables["next"]:
        start = (variables["page"] - 1) * size
    end = start + size
    return page_of(ids[start:end], paging={"next": str(end) if end < len(ids) else None}, total=len(ids))


def read_all(lookup, ids, *, stops=()):
    """Read until there is no further page; at `stops` go on from a checkpoint."""
    state, found, requests, goes_on = State(), [], 0, True
    while goes_on:
        if requests in stops:
            state = paging.resumed(json.loads(json.dumps(state.checkpoint())))
        state, goes_on = paging.after(state, lookup, served(ids, state.variables(lookup.sync)))
        found += state.latest
        requests += 1
    return found, requests


@pytest.mark.parametrize("way", WAYS)
@given(number=st.integers(1, 30), stops=st.sets(st.integers(1, 10)))
def test_each_record_is_read_once(own, way, number, stops):
    ids = list(range(1, number + 1))

    found, requests = read_all(own[way], ids, stops=stops)

    assert found == [str(one) for one in ids]
    assert requests <= number // 3 + 2


SIZED = OWN.replace(
    "[[record]]",
    """\
[lookup.sized]
get = "/d"
query = { ids = "{$ids}" }
records = "data"
[lookup.sized.sync]
query = { ids = "", page = "{$page}", limit = "{$size}" }
max = 60
[[record]]""",
)


@given(number=st.integers(1, 200), large=st.sets(st.integers(1, 200), max_size=3))
def test_pages_of_which_some_are_too_large_give_each_record_once(tmp_path_factory, number, large):
    path = tmp_path_factory.mktemp("api") / "own.toml"
    path.write_text(SIZED, "utf-8")
    lookup, state, goes_on, found = loader.load_file(path).calls["sized"], State(), True, []

    while goes_on:
        asked = state.variables(lookup.sync)
        start = (asked["page"] - 1) * asked["size"]
        page = list(range(1, number + 1))[start : start + asked["size"]]
        if len(page) > 7 and large.intersection(page):
            state = paging.smaller(state, lookup.sync)
            continue
        state, goes_on = paging.after(state, lookup, page_of(page), since=1)
        found += state.latest

    assert found == [str(one) for one in range(1, number + 1)]


def test_a_page_of_which_there_is_no_smaller_one_ends_with_an_error(own):
    with pytest.raises(BadPage, match="larger than 2 MiB"):
        paging.smaller(State(), own["key"].sync)


@pytest.mark.parametrize("way", WAYS)
def test_a_page_that_comes_again_ends_with_an_error(own, way):
    first = page_of([1, 2, 3], paging={"next": "3"})
    state, goes_on = paging.after(State(), own[way], first)

    assert goes_on
    with pytest.raises(BadPage, match="read before"):
        paging.after(state, own[way], page_of([1, 2, 3], paging={"next": "6"}))


def test_a_page_that_comes_again_after_another_ends_with_an_error(own):
    state, _ = paging.after(State(), own["number"], page_of([1, 2, 3]))
    state, _ = paging.after(state, own["number"], page_of([4, 5, 6]))

    with pytest.raises(BadPage, match="read before"):
        paging.after(state, own["number"], page_of([3, 1]))


def test_a_cursor_that_does_not_move_ends_with_an_error(own):
    state, _ = paging.after(State(), own["cursor"], page_of([1], paging={"next": "a"}))

    with pytest.raises(BadPage, match="leads nowhere"):
        paging.after(state, own["cursor"], page_of([2], paging={"next": "a"}))


@pytest.mark.parametrize("way", WAYS)
def test_an_empty_first_page_is_an_error_unless_only_changes_are_read(own, way):
    with pytest.raises(BadPage, match="may not be allowed"):
        paging.after(State(), own[way], page_of([]))

    assert paging.after(State(), own[way], page_of([]), since=1_772_013_000_000)[1] is False


@pytest.mark.parametrize(
    "given_answer",
    [
        Answer(200, {}, b"<html>", complete=True),
        Answer(200, {}, b"{}", complete=True),
        page_of(["../x"]),
        page_of([None]),
    ],
)
def test_what_holds_no_records_is_an_error(own, given_answer):
    with pytest.raises(BadPage):
        paging.after(State(), own["number"], given_answer)


def test_there_is_a_last_page_in_any_case(own):
    with pytest.raises(BadPage, match="more than"):
        paging.after(State(pages=paging.MOST_PAGES), own["number"], page_of([1]))


def test_a_cursor_of_many_characters_is_an_error(own):
    with pytest.raises(BadPage, match="too long"):
        paging.after(State(), own["cursor"], page_of([1], paging={"next": "x" * 5_000}))


def test_a_key_that_the_last_record_lacks_is_an_error(own):
    answer = Answer(200, {}, json.dumps({"data": [{"id": 1}, {"name": "x"}]}).encode(), complete=True)

    with pytest.raises(BadPage, match="no key"):
        paging.after(State(), own["key"], answer)


def test_how_many_there_are_if_it_is_told(own):
    assert paging.total(own["cursor"], page_of([1], total=7)) == 7
    assert paging.total(own["number"], page_of([1])) == 12
    assert paging.total(own["cursor"], page_of([1], total="many")) is None
    assert paging.total(own["cursor"], Answer(200, {}, b"", complete=True)) is None
    assert paging.total(own["key"], page_of([1])) is None


@given(
    pages=st.lists(st.lists(st.integers(1, 8), max_size=4), min_size=1, max_size=40),
    cursors=st.lists(st.sampled_from(["", "a", "b"]), min_size=40, max_size=40),
    way=st.sampled_from(WAYS),
)
def test_whatever_the_pages_are_there_is_an_end(own, pages, cursors, way):
    state, goes_on, count = State(), True, 0
    try:
        while goes_on:
            page, cursor = pages[count % len(pages)], cursors[count % len(cursors)]
            state, goes_on = paging.after(state, own[way], page_of(page, paging={"next": cursor}), since=1)
            count += 1
            assert count <= 20, "eight pages with a new record, and an empty one behind each"
    except BadPage:
        pass
