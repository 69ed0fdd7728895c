"""What a redrive does about bodies that lie in S3."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from botocore.stub import Stubber

from nami_control import large_bodies
from nami_control.aws import Aws

Stub = Callable[[str], Stubber]
COPY = {"Bucket": "b", "MetadataDirective": "REPLACE"}


def test_object_is_copied_onto_itself(aws: Stub) -> None:
    aws("s3").add_response("copy_object", {}, COPY | {"Key": "k", "CopySource": {"Bucket": "b", "Key": "k"}})
    assert large_bodies.renew(Aws(), "b", "k")


def test_object_that_is_gone_is_told(aws: Stub) -> None:
    aws("s3").add_client_error("copy_object", "NoSuchKey")
    assert not large_bodies.renew(Aws(), "b", "k")


def test_only_those_older_than_the_letters_are_kept_are_renewed(aws: Stub) -> None:
    now = datetime.now(UTC)
    ages = {"young": 13, "old": 15, "gone": 29}
    listed = [{"Key": key, "LastModified": now - timedelta(days=age)} for key, age in ages.items()]
    aws("s3").add_response("list_objects_v2", {"Contents": listed}, {"Bucket": "b"})
    aws("s3").add_response("copy_object", {}, COPY | {"Key": "old", "CopySource": {"Bucket": "b", "Key": "old"}})
    aws("s3").add_client_error("copy_object", "NoSuchKey")
    assert large_bodies.renew_old(Aws(), "b", 14) == 1
