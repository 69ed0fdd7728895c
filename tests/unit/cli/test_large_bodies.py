"""What a redrive does about bodies that lie in S3."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import Stubber

from nami_control import large_bodies
from nami_control.aws import Aws
from nami_control.errors import AwsError

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


def test_bucket_goes_with_all_that_is_in_it(aws: Stub) -> None:
    aws("s3").add_response("list_objects_v2", {"Contents": [{"Key": "a"}, {"Key": "b"}]}, {"Bucket": "b"})
    both = {"Objects": [{"Key": "a"}, {"Key": "b"}], "Quiet": True}
    aws("s3").add_response("delete_objects", {}, {"Bucket": "b", "Delete": both})
    aws("s3").add_response("delete_bucket", {}, {"Bucket": "b"})
    large_bodies.delete(Aws(), "b")


def test_bucket_that_can_not_be_emptied_is_told(aws: Stub) -> None:
    aws("s3").add_response("list_objects_v2", {"Contents": [{"Key": "a"}]})
    aws("s3").add_response("delete_objects", {"Errors": [{"Key": "a", "Code": "AccessDenied"}]})
    with pytest.raises(AwsError, match="1 objects of b could not be removed"):
        large_bodies.delete(Aws(), "b")


def test_bucket_that_is_gone_is_no_failure(aws: Stub) -> None:
    aws("s3").add_client_error("list_objects_v2", "NoSuchBucket")
    large_bodies.delete(Aws(), "b")
