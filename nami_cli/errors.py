"""What ends a command: one clear line, and an exit code that differs by cause."""

import os
from collections.abc import Mapping
from typing import Any


class CliError(Exception):
    """A failure that the user is told about in one line. The exit code says which kind it is."""

    exit_code = 1


class UsageError(CliError):
    """What was typed does not fit: a name, a setting, a file. The code is the one that a wrong flag gets too."""

    exit_code = 2


class NotRunningError(CliError):
    """Nothing of that name is up."""

    exit_code = 3


class PortInUseError(CliError):
    """Another program listens where local AWS should."""

    exit_code = 4


class MissingToolError(CliError):
    """A program or package that the command needs is not installed."""

    exit_code = 5


class DeployError(CliError):
    """Synthesis, bootstrap or deployment failed."""

    exit_code = 6


class DatabaseError(CliError):
    """The database could not be started or reached."""

    exit_code = 7


class LocalAwsError(CliError):
    """Local AWS did not start, or stopped by itself."""

    exit_code = 8


class WebhookError(CliError):
    """A webhook was refused, or was not stored in time."""

    exit_code = 9


class AccessError(CliError):
    """Credentials, the region or rights are missing: AWS does not let the command in."""

    exit_code = 10


class AwsError(CliError):
    """AWS could not be reached, or refused a call for another reason."""

    exit_code = 11


class CheckError(CliError):
    """Something that must hold does not; nothing was changed."""

    exit_code = 12


class SecretError(CliError):
    """A secret is needed and not filled in yet."""

    exit_code = 13


class NotFoundError(CliError):
    """The delivery or dead letter that was asked for is not there."""

    exit_code = 14


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


def last_line(output: str) -> str:
    """What a program said last, which mostly is why it failed."""
    return next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "it said nothing")


def of_aws(error: Exception) -> CliError | None:
    """One line for what boto3 raised, with what to do; None for any other exception."""
    from botocore import exceptions as boto  # noqa: PLC0415 (only a command that failed pays for it)

    told: CliError | None = None
    match error:
        case boto.ClientError():
            told = _refusal(error.response.get("Error", {}), error.operation_name)
        case boto.NoRegionError():
            told = AccessError(_NO_REGION)
        case boto.NoCredentialsError() | boto.PartialCredentialsError():
            told = AccessError(_NO_CREDENTIALS)
        case boto.ProfileNotFound():
            told = AccessError(f"{error}; `aws configure list-profiles` names those that there are")
        case boto.SSOError() | boto.TokenRetrievalError() | boto.CredentialRetrievalError():
            told = AccessError(f"the AWS credentials can't be had: {error}; run `aws sso login`")
        case boto.ConnectionError() | boto.HTTPClientError():
            local = os.environ.get("AWS_ENDPOINT_URL")
            remedy = f"AWS_ENDPOINT_URL is {local}: is it up?" if local else "check the network, and the region's name"
            told = AwsError(f"{str(error).rstrip('.')}; {remedy}")
        case boto.BotoCoreError():
            told = AwsError(str(error))
    return told


def _refusal(said: Mapping[str, Any], operation: str) -> CliError:
    code, message = said.get("Code", "no code"), said.get("Message", "")
    if code in _EXPIRED:
        return AccessError(f"the AWS credentials have expired ({code}); run `aws sso login`, or renew them")
    if code in _UNKNOWN:
        return AccessError(f"AWS does not know these credentials ({code}); check AWS_PROFILE, or `aws configure`")
    if code in _DENIED:
        return AccessError(f"these credentials may not do this: {message or operation}")
    return AwsError(f"AWS refused {operation}: {message or code}")
