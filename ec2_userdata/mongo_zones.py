"""Keeps watch over the two zones of a MongoDB host.

The private DNS zone is emptied before it is deleted: Route 53 keeps one that holds the record which the host wrote. The
availability zone of the data volume never changes: CloudFormation would make a new and empty volume in the other one.

The code of a CloudFormation custom resource, inline in the template, hence on its own.
"""

import json
from typing import Any

import boto3
import urllib3


def handler(event: dict[str, Any], _context: object) -> None:
    """Empty the zone when the stack goes, and answer CloudFormation whatever happens: unanswered it waits an hour.

    The physical id remembers the availability zone, `Z0123/eu-west-1a`: a rollback asks for the old one again, and must
    get it. Another id would have CloudFormation delete the former.
    """
    zone = event["ResourceProperties"]["HostedZoneId"]
    asked = event["ResourceProperties"].get("AvailabilityZone", "")
    known = event.get("PhysicalResourceId") or (f"{zone}/{asked}" if asked else zone)
    kept = known.partition("/")[2]
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"PhysicalResourceId": known, "Status": "SUCCESS"}
    try:
        if event["RequestType"] == "Delete":
            empty(zone)
        elif kept and asked and asked != kept:
            remedy = "leave that setting as it was, or move a snapshot and give it as data_volume_id"
            answer |= {"Status": "FAILED", "Reason": f"availability_zone: the data volume is in {kept}; {remedy}"}
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
