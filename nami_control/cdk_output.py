"""What the CDK CLI says: the resources as they come, and why it failed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from nami_control.errors import last_line

_TOTAL = re.compile(r"\|\s*\d+/(\d+) \|")
_EVENT = re.compile(r"\| (\w+)\s*\| ((?:AWS|Custom)::[\w:]+)\s*\| ([^|(]+) \(\w+\)")
# From the most telling to the least: the app's own line, CloudFormation's verdict on a resource, the CLI's summary.
_REASONS = (
    re.compile(r"^(?:error|nami): (.+)"),
    re.compile(r"_FAILED\s*\|\s*(?!AWS::CloudFormation::Stack)([^|]+\|.+)"),
    re.compile(r"❌.*?failed: (.+)"),
    re.compile(r"^\s*[‣*]\s*(.+)"),
    re.compile(r"^(?:\w*Error|jsii\S*): (.+)"),
)


@dataclass(frozen=True)
class Resource:
    """One resource and what CloudFormation last said of it, such as CREATE_COMPLETE."""

    kind: str
    path: str
    status: str

    @property
    def under_way(self) -> bool:
        """Whether CloudFormation works on it."""
        return self.status.endswith("_IN_PROGRESS")

    def __str__(self) -> str:
        return f"{self.kind.removeprefix('AWS::')} {self.path}"


class Progress(Protocol):
    """Is told how the work on a stack goes."""

    def step(self, text: str) -> None:
        """What is done now."""

    def show(self, resources: Mapping[str, Resource], total: int | None = None) -> None:
        """The stack's resources as they stand now, by path, and of how many."""


def resources(said: str) -> dict[str, Resource]:
    """Every resource that it has spoken of, by its path, as it stands."""
    found: dict[str, Resource] = {}
    for status, kind, path in _EVENT.findall(said):
        # Of one second, the end may be told before the beginning.
        known = found.get(path)
        if known is None or known.under_way or known.status.split("_")[0] != status.split("_")[0]:
            found[path] = Resource(kind, path, status)
    return found


def total(said: str) -> int | None:
    """Of how many resources it speaks; None where it has not said."""
    totals = _TOTAL.findall(said)
    return int(totals[-1]) if totals else None


def reason(said: str) -> str:
    """The line that says best why it failed."""
    lines = [line.rstrip() for line in said.splitlines() if line.strip()]
    for pattern in _REASONS:
        for line in lines:
            if found := pattern.search(line):
                return " ".join(found.group(1).split())
    return last_line(said)
