"""A whole table, read in parallel segments, and what that costs."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import click

from aws.table import Item
from ops.stack import Stack

SEGMENTS = 8
PAGE_BYTES = 1024**2  # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html#Scan.Pagination
PAGES_A_SECOND = 5  # of one segment, from far away
UNIT_BYTES = 8192  # half a unit for 4 KB, for a scan need not be consistent: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
T = TypeVar("T")


class Cost(NamedTuple):
    """Of reading a table whole. AWS counts rows and bytes every six hours, so a new table may look empty."""

    rows: int
    bytes_: int

    def read(self) -> str:
        """Say what reading it costs, if it is more than a page."""
        minutes = self.bytes_ / PAGE_BYTES / PAGES_A_SECOND / SEGMENTS / 60
        return f"{self.rows:,} rows of {self.bytes_:,} bytes: {self.bytes_ // UNIT_BYTES:,} RRU, {_about(minutes)}"

    def written(self, a_second: int) -> str:
        """Say what is added where each row is merged into another table: read, and written where it says news."""
        units = max(self.rows, self.bytes_ // 1024)
        return f"{self.rows:,} more RRU and at most {units:,} WRU, {_about(self.rows / a_second / 60)}"


def cost(stack: Stack, table: str) -> Cost:
    """Return what AWS knows of the size of a table; raise ClickException where it cannot be read."""
    client = stack.client("dynamodb")
    try:
        described = client.describe_table(TableName=table)["Table"]
    except client.exceptions.ResourceNotFoundException:
        raise click.ClickException(f"there is no table {table} in {client.meta.region_name}") from None
    if described["TableStatus"] == "CREATING":
        raise click.ClickException(f"the table {table} is still being made: try again when its status is ACTIVE")
    return Cost(described.get("ItemCount", 0), described.get("TableSizeBytes", 0))


def scanned(stack: Stack, table: str, work: Callable[[list[Item]], T], **request: Any) -> list[T]:
    """Return what `work` makes of each page of a table; it is done in as many threads as there are segments."""
    client = stack.client("dynamodb")

    def pages(segment: int) -> Iterator[T]:
        paginator = client.get_paginator("scan")
        for page in paginator.paginate(TableName=table, Segment=segment, TotalSegments=SEGMENTS, **request):
            yield work(page["Items"])

    with ThreadPoolExecutor(SEGMENTS) as threads:
        return [made for of_it in threads.map(lambda segment: list(pages(segment)), range(SEGMENTS)) for made in of_it]


def _about(minutes: float) -> str:
    return "less than a minute" if minutes < 1 else f"about {round(minutes)} min"
