"""What `nami doctor` looks at behind the queue: the table, the backend or the database that webhooks end in."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from nami_control.aws import client
from nami_control.checks import Check, fail, ok, secret_text, warn
from nami_control.deployment import Deployment, Drain
from nami_control.environments import is_local
from nami_control.errors import Command
from nami_control.items import Items

_TRIES = 20  # of an HTTP backend, the newest


def looks(deployment: Deployment) -> list[tuple[str, Callable[[], Check]]]:
    """(name, check) of each destination; of a MongoDB host there are checks of its own."""
    found: list[tuple[str, Callable[[], Check]]] = []
    for drain in deployment.drains:
        environment = drain.post_queue.environment
        if name := environment.get("DYNAMO_TABLE"):
            expires = "DYNAMO_TTL_DAYS" in environment
            found.append(("table", partial(table, name, expires=expires)))
        elif arn := environment.get("BACKEND_SECRET_ARN"):
            found.append(("backend", partial(_backend, deployment, drain, arn)))
        elif "MONGO_HOST" not in environment and (arn := environment.get("MONGO_SECRET_ARN")):
            found.append(("database", partial(_database, arn)))
    return found


def table(name: str, *, expires: bool) -> Check:
    """Whether webhooks can be put into a table, an adopted one too."""
    dynamodb = client("dynamodb")
    try:
        found = dynamodb.describe_table(TableName=name)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return fail(
            "table", f"there is no {name} here", "deploy with another --table-name, or restore it from a backup"
        )
    key = [(part["AttributeName"], part["KeyType"]) for part in found["KeySchema"]]
    types = {each["AttributeName"]: each["AttributeType"] for each in found["AttributeDefinitions"]}
    if key != [("id", "HASH")] or types["id"] != "S":
        there = " and ".join(f"{part} ({types[part]})" for part, _ in key)
        return fail(
            "table", f"the key of {name} is {there}, not the string id alone", "deploy with another --table-name"
        )
    if found["TableStatus"] not in ("ACTIVE", "UPDATING"):
        return fail("table", f"{name} is {found['TableStatus']}; the queue holds the webhooks meanwhile")
    if expires and not is_local():  # whose CloudFormation does not switch it on
        said = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if said.get("AttributeName") != "expires_at" or not said["TimeToLiveStatus"].startswith("ENABL"):
            return warn(
                "table",
                f"{name} lets no item expire",
                f"`aws dynamodb update-time-to-live --table-name {name} "
                "--time-to-live-specification Enabled=true,AttributeName=expires_at`",
            )
    return ok("table", f"{name}, about {found['ItemCount']} items some hours ago")


def _backend(deployment: Deployment, drain: Drain, arn: str) -> Check:
    from nami_runtime import secret  # noqa: PLC0415
    from nami_runtime.destinations import http as backend  # noqa: PLC0415

    values, _ = secret.parse(secret_text(arn))
    try:
        usable = [backend.key_of(value) for value in values]
    except ValueError:
        usable = []
    if not usable:
        return fail(
            "backend",
            "its secret is no key in base64, so nothing is forwarded",
            f"`openssl rand -base64 48 | aws secretsmanager put-secret-value --secret-id {arn} "
            "--secret-string file:///dev/stdin`",
        )
    tries = Items(deployment, drain).newest(_TRIES)
    failed = [each for each in tries if not each.get("delivered")]
    if failed:
        return warn(
            "backend",
            f"{len(failed)} of the last {len(tries)} webhooks were not delivered, the newest of them: "
            f"{failed[0].get('reason', 'no reason')}",
            Command(f"events {deployment.name} --destination {drain.destination}"),
            " shows its answers",
        )
    return ok("backend", f"the last {len(tries)} webhooks were delivered" if tries else "nothing was forwarded yet")


def _database(arn: str) -> Check:
    try:
        found: Any = json.loads(secret_text(arn))
        uri = str(found["uri"])
    except (ValueError, KeyError, TypeError):
        uri = ""
    if not uri.startswith(("mongodb://", "mongodb+srv://")):
        return fail(
            "database",
            f"the secret {arn} holds no URI",
            'put {"uri": "mongodb://…"} there, from a file: `aws secretsmanager put-secret-value --secret-string file://…`',
        )
    return ok("database", f"named by {arn}")
