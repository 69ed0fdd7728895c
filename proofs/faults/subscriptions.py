"""What is deployed for a run: a subscription with three destinations, and an ordered one."""

from collections.abc import Sequence

from proofs.faults import plan
from tests.local.conftest import Nami, Pipeline

NAME, ORDERED = "faults", "ordered"
_COMMON = {"signature": "standard-webhooks", "post_queue_timeout": 5, "backend_allow_private": "true"}
_COMMON |= {"backend_connect_timeout": 1, "backend_read_timeout": 1}
SETTINGS = {
    NAME: {
        **_COMMON,
        "destination": "mongo-host,dynamodb,http",
        "max_receives": plan.TRIES,
        # For twenty webhooks a batch: with five each, most of the time went to calling the function.
        "backend_concurrency": 20,
        "filter": '{"headers": {"x-topic": ["orders"]}}',
    },
    ORDERED: {
        **_COMMON,
        "destination": "http",
        # For three webhooks a batch, each of which may wait two seconds for the backend.
        "post_queue_timeout": 9,
        "order_by": "$.group",
        "max_receives": 100,
        "transform": '{"exact": raw, "group": body.group}',
    },
}
# What a user might write into process(): it can't do with some webhooks, and hangs on others the first time.
_HANDLER = """
    kind = document["body"].get("kind") if isinstance(document["body"], dict) else ""
    if kind == "poison":
        raise ValueError("no such product")
    if kind == "slow" and document["attempts"] == 1:
        time.sleep(60)
    return document
"""
_ENDPOINTS = ("SQS", "S3", "SECRETS_MANAGER", "DYNAMODB")


def write_handler(nami: Nami, name: str) -> None:
    """Give the subscription code of its user's own."""
    created = nami.typed("create", name)
    assert created.returncode == 0, created.stderr
    file = nami.folder / "webhooks" / name / "post_queue" / "handler.py"
    text = file.read_text()
    changed = text.replace("\n    return document\n", _HANDLER).replace(
        "from nami_runtime", "import time\n\nfrom nami_runtime", 1
    )
    assert changed.count("\n    return document\n") == 1
    assert "time.sleep" in changed
    file.write_text(changed)


def deploy(nami: Nami, name: str, backend_url: str, **more: object) -> None:
    """Deploy it, with these settings beside its own."""
    settings = SETTINGS[name] | {"backend_url": backend_url} | more
    nami.up(name, *(f"--context={key}={value}" for key, value in settings.items()))


def break_into(deployed: Pipeline, proxy_url: str, queues: Sequence[str], visibility: int) -> None:
    """What a deployment sets back: the functions go through the proxy, the queues try again sooner (seconds)."""
    functions = deployed.client("lambda")
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            variables = function.get("Environment", {}).get("Variables", {})
            if "NAMI_SUBSCRIPTION" in variables:
                variables |= {f"AWS_ENDPOINT_URL_{service}": proxy_url for service in _ENDPOINTS}
                functions.update_function_configuration(
                    FunctionName=function["FunctionName"], Environment={"Variables": variables}
                )
    # No setting makes it less than six times the function's timeout.
    for queue in queues:
        attributes = {"VisibilityTimeout": str(visibility)}
        deployed.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes=attributes)
