"""Empties the private zone before it is deleted: Route 53 keeps a zone that holds the record which the host wrote.

The code of a CloudFormation custom resource, inline in the template, hence on its own.
"""

import json
from typing import Any

import boto3
import urllib3


def handler(event: dict[str, Any], _context: object) -> None:
    """Empty the zone when the stack goes, and answer CloudFormation whatever happens: unanswered it waits an hour."""
    zone = event["ResourceProperties"]["HostedZoneId"]
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"PhysicalResourceId": zone, "Status": "SUCCESS"}
    try:
        if event["RequestType"] == "Delete":
            empty(zone)
    except Exception as error:
        answer |= {"Status": "FAILED", "Reason": repr(error)}
    urllib3.PoolManager().request("PUT", event["ResponseURL"], body=json.dumps(answer))


def empty(zone: str) -> None:
    """Delete every record but the two of the zone itself."""
    route53 = boto3.client("route53")
    pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone)
    records = [record for page in pages for record in page["ResourceRecordSets"]]
    changes = [{"Action": "DELETE", "ResourceRecordSet": r} for r in records if r["Type"] not in ("NS", "SOA")]
    if changes:
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
