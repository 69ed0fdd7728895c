"""What boto3 raises, as one line with what to do."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from nami_control.errors import AccessError, AwsError, NamiError

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_UNKNOWN = frozenset(
    {
        "AuthFailure",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedAccess"})
_NO_REGION = "no region is set; give one as AWS_REGION=eu-west-1, or by `aws configure set region eu-west-1`"
_NO_CREDENTIALS = (
    "no AWS credentials are found; run `aws configure` or `aws sso login`, or set AWS_PROFILE "
    "(to try nami without an account: nami local up shopify)"
)


def of_aws(error: Exception) -> NamiError | None:
    """One line for what boto3 raised, with what to do; None for any other exception."""
    from botocore import exceptions as boto  # noqa: PLC0415 (only a command that failed pays for it)

    found: NamiError | None = None
    match error:
        case boto.ClientError():
            found = _refusal(error.response.get("Error", {}), error.operation_name)
        case boto.NoRegionError():
            found = AccessError(_NO_REGION)
        case boto.NoCredentialsError() | boto.PartialCredentialsError():
            found = AccessError(_NO_CREDENTIALS)
        case boto.ProfileNotFound():
            found = AccessError(f"{error}; `aws configure list-profiles` names those that there are")
        case boto.SSOError() | boto.TokenRetrievalError() | boto.CredentialRetrievalError():
            found = AccessError(f"the AWS credentials can't be had: {error}; run `aws sso login`")
        case boto.ConnectionError() | boto.HTTPClientError():
            local = _local_endpoint(error)
            remedy = f"AWS_ENDPOINT_URL is {local}: is it up?" if local else "check the network, and the region's name"
            found = AwsError(f"{str(error).rstrip('.')}; {remedy}")
        case boto.BotoCoreError():
            found = AwsError(str(error))
    return found


def told(error: Exception) -> NamiError | None:
    """What went wrong, as one line with what to do; None where it is a fault of nami's own."""
    return error if isinstance(error, NamiError) else of_aws(error)


@contextmanager
def going_on(tell: Callable[[str], object], what: str = "") -> Iterator[None]:
    """Tell that AWS refuses to say `what`, which keeps nobody from the rest."""
    try:
        yield
    except Exception as error:
        if (why := of_aws(error)) is None:
            raise
        tell(f"{what}: {why}")


def _local_endpoint(error: Any) -> str:
    """The AWS_ENDPOINT_URL where nothing answered; empty where it was AWS, whose endpoints have no port."""
    parts = urlsplit(error.kwargs.get("endpoint_url", ""))
    return os.environ.get("AWS_ENDPOINT_URL") or (f"{parts.scheme}://{parts.netloc}" if parts.port else "")


def _refusal(said: Mapping[str, Any], operation: str) -> NamiError:
    code, message = said.get("Code", "no code"), said.get("Message", "")
    if code in _EXPIRED:
        return AccessError(f"the AWS credentials have expired ({code}); run `aws sso login`, or renew them")
    if code in _UNKNOWN:
        return AccessError(f"AWS does not know these credentials ({code}); check AWS_PROFILE, or `aws configure`")
    if code in _DENIED:
        return AccessError(f"these credentials may not do this: {message or operation}")
    return AwsError(f"AWS refused {operation}: {message or code}")
