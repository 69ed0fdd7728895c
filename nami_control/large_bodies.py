"""Bodies that the queue can't hold: kept in S3 for as long as the letters that point to them can still be stored.

A redrive starts the letters' retention anew, while the bucket's lifecycle counts from when an object was written. An
object that is copied onto itself counts from then.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from nami_control.aws import Aws, Ignoring
from nami_control.errors import AwsError

_AT_ONCE = 16


def renew(aws: Aws, bucket: str, key: str) -> bool:
    """Have the bucket keep an object as if it were new; False where it is gone."""
    with Ignoring("404", "NoSuchKey"):
        # S3 takes a copy onto itself only where something of it is replaced.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
        source = {"Bucket": bucket, "Key": key}
        aws.client("s3").copy_object(Bucket=bucket, Key=key, CopySource=source, MetadataDirective="REPLACE")
        return True
    return False


def renew_old(aws: Aws, bucket: str, days: float) -> int:
    """Renew all objects that were written more than `days` ago, and return how many it were."""
    s3 = aws.client("s3")  # made once, before the threads ask for it
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return sum(pool.map(lambda key: renew(aws, bucket, key), _written_before(s3, bucket, days)))


def delete(aws: Aws, bucket: str) -> None:
    """Delete the bucket and all that is in it; one that is gone already is no failure."""
    s3 = aws.client("s3")
    with Ignoring("404", "NoSuchBucket"):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            if keys := [{"Key": entry["Key"]} for entry in page.get("Contents", [])]:
                failed = s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True}).get("Errors", [])
                if failed:
                    code = failed[0].get("Code", "no code")
                    raise AwsError(f"{len(failed)} objects of {bucket} could not be removed ({code}); try again")
        s3.delete_bucket(Bucket=bucket)


def _written_before(s3: Any, bucket: str, days: float) -> Iterator[str]:
    limit = datetime.now(UTC) - timedelta(days=days)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from (entry["Key"] for entry in page.get("Contents", []) if entry["LastModified"] < limit)
