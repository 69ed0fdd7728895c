"""Keeps watch over the two zones of a MongoDB host.

The private DNS zone is emptied before it is deleted: Route 53 keeps one that holds the record which the host wrote. The
availability zone of the data volume never changes, nor does its key: a new and empty volume would take its place.

The code of a CloudFormation custom resource, inline in the template, hence on its own.
"""

import json
from typing import Any

import boto3
import urllib3


def handler(event: dict[str, Any], _context: object) -> None:
    """Empty the zone when the stack goes, and answer CloudFormation whatever happens: unanswered it waits an hour.

    The physical id remembers both, `Z0123/eu-west-1a/arn:aws:kms:…`: a rollback asks for the old ones again, and must
    get them. Another id would have CloudFormation delete the former.
    """
    asked = event["ResourceProperties"]
    zone, place, key = (asked.get(name, "") for name in ("HostedZoneId", "AvailabilityZone", "VolumeKey"))
    known = event.get("PhysicalResourceId") or "/".join(part for part in (zone, place, key) if part)
    _, kept_place, kept_key = f"{known}//".split("/", 2)
    kept_key = kept_key.rstrip("/")
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"PhysicalResourceId": known, "Status": "SUCCESS"}
    try:
        if event["RequestType"] == "Delete":
            empty(zone)
        elif kept_place and place:
            remedy = "leave that setting as it was, or move a snapshot and give it as data_volume_id"
            if place != kept_place:
                reason = f"availability_zone: the data volume is in {kept_place}; {remedy}"
                answer |= {"Status": "FAILED", "Reason": reason}
            elif key != kept_key:
                with_key = kept_key or "the key that was the account's default"
                reason = f"volume_key_arn: the data volume is encrypted with {with_key}; {remedy}"
                answer |= {"Status": "FAILED", "Reason": reason}
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
