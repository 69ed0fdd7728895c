"""One JSON line per request or batch, for CloudWatch: never a body, never a secret.

A line can carry metrics, which CloudWatch takes out of it (the embedded metric format), so that counting costs no call:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from time import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Values = float | list[float]

NAMESPACE = "nami"
# Metric → the fields of the line that are its dimensions. All are counts but Age, of milliseconds.
METRICS = {
    "Received": ("subscription",),
    "Enqueued": ("subscription",),
    "Filtered": ("subscription",),
    "Refused": ("subscription", "refused"),
    "Stored": ("subscription",),
    "Duplicates": ("subscription",),
    "SameId": ("subscription",),
    "Dropped": ("subscription",),
    "Failed": ("subscription",),
    "Away": ("subscription",),
    "Age": ("subscription",),
}
_OF_ONE = {"Filtered"}
"""Metrics that mean another thing of a destination: what that one did not want, where others may have."""
REFUSED = {401: "signature", 403: "source", 400: "malformed", 413: "too-large", 503: "unavailable"}
"""What the metric Refused is told apart by, of the statuses; any other is REFUSED_OTHERWISE."""
REFUSED_OTHERWISE = "other"
MAX_VALUES = 100
"""Values that one metric has in one line at the most, by the format's specification."""

encoded = json.JSONEncoder(separators=(",", ":"), default=repr).encode


def line(level: str, message: str, metrics: Mapping[str, Values] | None = None, **fields: object) -> None:
    """Prints one line; flushed, because the platform may freeze the process right after the answer.

    `metrics` are of METRICS, whose dimensions are among `fields`; with a `destination` among them they count for that
    as well.
    """
    text = encoded({"level": level, "message": message, **fields, **(metrics or {})})
    if metrics:
        directives = _directives(tuple(metrics), "destination" in fields)
        text = f'{{"_aws":{{"Timestamp":{int(time() * 1000)},{directives}}},{text[1:]}'
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@lru_cache
def _directives(names: tuple[str, ...], of_destination: bool) -> str:
    alike: dict[tuple[tuple[str, ...], ...], list[dict[str, str]]] = {}
    for name in names:
        unit = {"Unit": "Milliseconds"} if name == "Age" else {}  # each byte of a line is paid for
        counted = [METRICS[name]]
        if of_destination:
            counted = [*(() if name in _OF_ONE else counted), (*METRICS[name], "destination")]
        alike.setdefault(tuple(counted), []).append({"Name": name, **unit})
    directives = [
        {"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics} for dimensions, metrics in alike.items()
    ]
    return encoded({"CloudWatchMetrics": directives})[1:-1]


def place(error: BaseException) -> str:
    """Where an error was raised, for the log: its own text could quote a body or a secret."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" at {trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""
