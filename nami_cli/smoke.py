"""`nami smoke`: does a webhook go all the way, and does what should not get in stay out?"""

from dataclasses import asdict
from typing import Annotated

import typer

from nami_cli.terminal import Table, print_json, say
from nami_cli.typed import Name
from nami_control import smoke
from nami_control.deployment import find
from nami_control.errors import Command, WebhookError
from nami_control.sending import Sender

_LONGEST = max(len(check.__name__) for check in smoke.CHECKS)


def smoke_command(
    target: Name,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list.")] = False,
) -> None:
    """Try a deployed subscription: a webhook goes all the way, and what should not get in stays out.

    It leaves one document, with the field nami_smoke_test, and nothing in a quarantine.
    """
    results = []
    table = Table(["outcome", "time", "check", "detail"], [len("skipped"), len("10.00 s"), _LONGEST, 0])
    for result in smoke.run(Sender(find(target), tell=say)):
        results.append(result)
        if not as_json:
            table.add(result.outcome, f"{result.seconds:.2f} s", result.check, result.detail)
    if as_json:
        print_json([asdict(result) for result in results])
    if failed := [result for result in results if result.outcome == "failed"]:
        raise WebhookError(
            f"{len(failed)} of {len(results)} checks failed",
            *(Command(f"logs {target.name} --since 5m"), " says more"),
        )
