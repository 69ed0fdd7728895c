"""`nami list` and `nami outputs`: what is deployed."""

from collections.abc import Mapping, Sequence
from typing import Any

from nami_cli.terminal import print_json, print_table, say
from nami_cli.typed import AsJson, Name
from nami_control import deployment, listing, shared
from nami_control.aws import Aws
from nami_control.times import spell


def list_subscriptions(aws: Aws, as_json: AsJson = False) -> None:
    """Show every subscription: URL, what waits, what is dead.

    All that are deployed in the account and region, or with --env that environment's. The age of the oldest webhook
    that waits comes from CloudWatch, minutes late on AWS. What is paused says so beside its status. Of what they share
    it shows who uses it.
    """
    rows = listing.subscriptions(aws, tell=say)
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            ["name", "env", "to", "endpoint", "waiting", "dead", "oldest", "deployed", "status"],
            [
                [
                    row["name"],
                    _or_dash(row["environment"]),
                    ",".join(row["destinations"]) or "-",
                    _or_dash(row["endpoint"]) if row["used_by"] is None else _used_by(row["used_by"]),
                    _or_dash(row["waiting"]),
                    _or_dash(row["dead_letters"]),
                    "-" if row["oldest_seconds"] is None else spell(row["oldest_seconds"]),
                    row["deployed"],
                    _status(row),
                ]
                for row in rows
            ],
        )
    if not rows:
        say(f"no subscription is deployed here; {aws.nami} deploy shopify makes one")


def outputs(target: Name, as_json: AsJson = False) -> None:
    """Show the stack's outputs: URLs, functions, volume.

    They are what scripts need: the endpoint, both queues, both functions, the data volume and the secrets.
    """
    if target.is_shared:
        found = shared.outputs(target)
    else:
        deployed = deployment.find(target)
        found = {**deployed.outputs, "EndpointUrl": deployed.endpoint}
    if as_json:
        print_json(found)
        return
    print_table(["output", "value"], [[key, value] for key, value in sorted(found.items())])


def _status(row: Mapping[str, Any]) -> str:
    kept = f", what waits is kept until {row['kept_until']}" if row["kept_until"] else ""
    return f"{row['status']}, paused{kept}" if row["paused"] else str(row["status"])


def _used_by(users: Sequence[str]) -> str:
    return f"used by {', '.join(users)}" if users else "used by nobody"


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)
