"""Says, before anything else of a stack is made, whether the account can spare what its functions reserve.

A new account may run 10 functions at once and can reserve none of it. Lambda itself refuses only when a deployment
comes to the function, and what holds data has been made by then, and is kept.

The code of a CloudFormation custom resource, inline in the template, hence on its own.
"""

import json
import time
from typing import Any

import boto3
import urllib3
from botocore.exceptions import ClientError

UNRESERVED = 100
QUOTA = "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384"


def handler(event: dict[str, Any], context: Any) -> None:
    """Answer CloudFormation whatever happens: unanswered it waits an hour.

    Only a plain no stops a deployment: where nothing can be asked, Lambda still refuses what it can't spare.
    """
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"PhysicalResourceId": "reservations", "Status": "SUCCESS"}
    # What has failed to be made is deleted, and there is nothing to delete.
    while event["RequestType"] != "Delete":
        try:
            if reason := refusal(event["StackId"], event["ResourceProperties"]["Reserved"]):
                answer |= {"Status": "FAILED", "Reason": reason}
            break
        except Exception as error:
            print(repr(error))
            # It may take some seconds until a new role's rights are known everywhere.
            if not isinstance(error, ClientError) or context.get_remaining_time_in_millis() < 30_000:
                break
            time.sleep(5)
    urllib3.PoolManager().request("PUT", event["ResponseURL"], body=json.dumps(answer))


def refusal(stack_id: str, reserved: list[str]) -> str:
    """Why the account can't spare this; empty where it can.

    Lambda keeps 100 for functions without a reservation, or all that an account has if it has fewer:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html#configuring-concurrency-reserved

    Args:
        reserved: of each function its logical id and its reservation, as in `PostQueue=5`.
    """
    functions, client = dict(each.split("=") for each in reserved), boto3.client("lambda")
    wanted = sum(map(int, functions.values()))
    free = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    if free - wanted >= UNRESERVED:
        return ""
    # What an update, or its rollback, finds reserved already by these very functions.
    pages = boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack_id)
    for resource in (each for page in pages for each in page["StackResourceSummaries"]):
        if resource["LogicalResourceId"] in functions and not resource["ResourceStatus"].startswith("DELETE"):
            found = client.get_function_concurrency(FunctionName=resource["PhysicalResourceId"])
            free += found.get("ReservedConcurrentExecutions", 0)
    if free - wanted >= UNRESERVED:
        return ""
    return (
        f"this account can spare {max(free - UNRESERVED, 0)} concurrent executions: reserving {wanted} of {free} "
        f"unreserved ones would leave fewer than the {UNRESERVED} that Lambda keeps for the rest of the account; "
        f"deploy with -c reserved_concurrency=0, or have the quota raised: {QUOTA} --desired-value 1000"
    )
