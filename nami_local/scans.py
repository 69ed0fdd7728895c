"""Scans of local AWS's tables, at the same pace however much is in them.

ministack sorts all that there is for each page. It still does for an index, and where there is a sort key; nami's
tables have neither.
"""

from bisect import bisect_right
from typing import Any


def register() -> None:
    """Put this in ministack's place.

    Raises:
        AttributeError: ministack's internals have moved.
    """
    from ministack.services import dynamodb  # noqa: PLC0415 (the CLI runs without ministack)

    scan, limit, size = dynamodb._scan, dynamodb._DDB_PAGE_SIZE_BYTES, dynamodb._item_size_bytes
    ordered: dict[str, list[str]] = {}

    def page(asked: dict[str, Any]) -> Any:
        name, start = asked.get("TableName", ""), asked.get("ExclusiveStartKey")
        table = dynamodb._tables.get(name)
        if table is None or table["sk_name"] or not asked.keys().isdisjoint(("IndexName", "Segment")):
            return scan(asked)
        whole = table["items"]
        if not start or name not in ordered:
            ordered[name] = sorted(whole)
        keys, first, bytes_ = ordered[name], 0, 0
        if start:
            first = bisect_right(keys, dynamodb._extract_key_val(start.get(table["pk_name"], {})))
        table["items"] = part = {}
        while first < len(keys) and bytes_ <= limit:  # the one over it says that there is more
            if there := whole.get(keys[first]):
                part[keys[first]] = there
                bytes_ += sum(map(size, there.values()))
            first += 1
        try:
            return scan(asked)
        finally:
            table["items"] = whole

    dynamodb._scan = page
