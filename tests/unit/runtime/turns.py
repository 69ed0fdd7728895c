"""The item that `nami_runtime.pace` takes turns from, as DynamoDB updates it: one after the other, on condition."""

import json
import re
import threading
from typing import Any


class Refused(Exception):
    """The condition does not hold."""


class Turns:
    """One item."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.next_turn: int | None = None
        self.updates = 0

    def update(self, given: dict[str, Any]) -> dict[str, Any]:
        """Carries an UpdateItem out; its answer. Raises Refused."""
        update, condition = given["UpdateExpression"], given["ConditionExpression"]
        values = {name: int(value["N"]) for name, value in given["ExpressionAttributeValues"].items()}
        # DynamoDB refuses values that are given and not used.
        assert set(re.findall(r":\w+", f"{update} {condition}")) == set(values)
        with self._lock:
            self.updates += 1
            before = self.next_turn
            if "BETWEEN" in condition:
                met = before is not None and values[":late"] <= before <= values[":latest"]
            else:
                met = before is None or before < values[":late"]
            if not met:
                raise Refused
            self.next_turn = values[":next"] if ":next" in values else (before or 0) + values[":length"]
        return {} if before is None else {"Attributes": {"next_turn": {"N": str(before)}}}

    def answer(self, given: dict[str, Any]) -> tuple[int, bytes]:
        """As DynamoDB's HTTP status and body."""
        try:
            return 200, json.dumps(self.update(given)).encode()
        except Refused:
            return 400, b'{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}'
