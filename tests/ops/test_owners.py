"""The owners of a project's cards, counted over all segments of the table."""

import json

from cards.card import stamped
from ops.owners import Owner, owners
from ops.scan import SEGMENTS


class Table:
    """A stack whose table has one card in each segment."""

    ids = {"CardsTable": "cards"}

    def client(self, _):
        return self

    get_paginator = client

    def paginate(self, *, Segment, TotalSegments, **_):  # noqa: N803 - boto3's names
        assert TotalSegments == SEGMENTS
        fields = stamped({"responsible": "7", "staffId": "501" if Segment else None}, changed_at=None, received_at=1)
        yield {"Items": [{"key": {"S": f"106#Own#contact:{Segment}"}, "fields": {"S": json.dumps(fields)}}]}


def test_the_table_is_read_in_segments_and_the_owners_of_all_are_counted_together():
    assert owners(Table(), 106) == [Owner("Own", "7", {"501": SEGMENTS - 1, None: 1})]
