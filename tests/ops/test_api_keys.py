import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.api_keys import end_of


def token(claims):
    """A JSON Web Token whose signature nobody checks."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"a": 1}, claims)]
    return ".".join([*parts, "c2ln"])


@pytest.mark.parametrize(
    ("entry", "end"),
    [
        ({"token": token({"exp": 1_900_000_000, "sub": "x"})}, 1_900_000_000_000),
        ({"token": token({"exp": 1_900_000_000}), "expires": "2027-01-01"}, 1_798_761_600_000),
        ({"token": "x", "expires": "2027-01-01T00:00:00+02:00"}, 1_798_754_400_000),
        ({"token": "x", "expires": "soon"}, None),
        ({"token": token({"sub": "x"})}, None),
        ({"token": token([1])}, None),
        ({"token": token({"exp": "never"})}, None),
        ({"token": "pat-eu1-1234"}, None),
        ({"url": "https://acme.bitrix24.eu/rest/1/CODE/"}, None),
        ({}, None),
    ],
)
def test_the_end_of_a_key_is_read_where_it_can_be(entry, end):
    assert end_of(entry) == end


@given(st.dictionaries(st.sampled_from(["token", "expires", "url"]), st.text() | st.integers() | st.none()))
def test_no_entry_raises(entry):
    assert end_of(entry) is None or isinstance(end_of(entry), int)


@given(st.text(), st.text())
def test_no_text_with_two_dots_raises(header, payload):
    assert end_of({"token": f"{header}.{payload}.x"}) is None
