"""The report of a run, for people and for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from proofs.aws.run import Outcome, Report


def as_json(report: Report) -> str:
    """All of it; `outcome` is held, failed, skipped or not reached, `seconds` how long it took."""
    return json.dumps({**asdict(report), "holds": report.holds}, indent=2, ensure_ascii=False) + "\n"


def as_markdown(report: Report) -> str:
    where = "an AWS on one machine" if report.local else f"AWS, {report.region}"
    left = "".join(f"- {each}\n" for each in report.left) or "Nothing.\n"
    return (
        f"# nami on {where}, {report.started}\n\n{'All of it holds.' if report.holds else 'Not all of it holds.'}\n\n"
        f"## Proofs\n\n{_table(report.proofs)}\n## Stacks\n\n{_table(report.stacks)}\n## Could not be removed\n\n{left}"
    )


def _table(outcomes: Sequence[Outcome]) -> str:
    lines = ["| | stack | outcome | seconds | |", "|---|---|---|---|---|"]
    for each in outcomes:
        detail = " ".join(each.detail.split()).replace("|", "\\|")
        lines.append(f"| {each.what} | {each.stack} | {each.outcome} | {each.seconds} | {detail} |")
    return "\n".join(lines) + "\n"
