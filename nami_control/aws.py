"""AWS where the environment points: a client of any service, and what its errors are called."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from boto3 import client  # with the type of each service's own
    from botocore.exceptions import ClientError
else:

    def client(service: str) -> Any:
        """A client of the service, by the usual variables and AWS_ENDPOINT_URL."""
        import boto3  # noqa: PLC0415 (half a second that `nami --help` need not wait)

        return boto3.client(service)


__all__ = ["client", "error_code"]


def error_code(error: "ClientError") -> str:
    """What AWS calls the error, such as ValidationError; empty where it does not say."""
    return error.response.get("Error", {}).get("Code", "")
