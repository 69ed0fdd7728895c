"""Which AWS, and which environment of cdk.json there: made once from what was typed, and handed on."""

import ipaddress
import os
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nami_control import cdk_json, home
from nami_control.errors import Command, NotRunningError, usage_errors
from nami_stack.settings import LOCAL_CONTEXT, Environment

if TYPE_CHECKING:
    from boto3 import Session as _Clients  # whose method `client` has the type of each service's own
else:
    _Clients = object

VARIABLE = "NAMI_ENV"


class Aws(_Clients):
    """An account and region, by the usual variables and AWS_ENDPOINT_URL.

    Args:
        environment: of the cdk.json here; where not given, that of its `env`, or none.
    """

    options = ""
    """What stands behind `nami` so that a command works on this one, beside --env."""

    def __init__(self, environment: str = "") -> None:
        self._asked = environment
        self._made: dict[str, Any] = {}
        self._making = threading.Lock()

    if not TYPE_CHECKING:

        def client(self, service: str) -> Any:
            """A client of the service; the same one each time, which several threads may use."""
            with self._making:
                if service not in self._made:
                    self._made[service] = self._client(service)
            return self._made[service]

    def _client(self, service: Any) -> Any:
        import boto3  # noqa: PLC0415 (half a second that `nami --help` need not wait)

        # boto3 does not read AWS_REGION, the CDK CLI prefers it: both must mean the same place.
        return boto3.client(service, region_name=self.env.get("AWS_REGION"))

    @cached_property
    def env(self) -> Mapping[str, str]:
        """The variables by which the programs that are started for it find it."""
        region = self.environment and self.environment.region
        return os.environ | ({"AWS_REGION": region, "AWS_DEFAULT_REGION": region} if region else {})

    @property
    def endpoint_url(self) -> str:
        """AWS_ENDPOINT_URL; empty where each service has its own."""
        return self.env.get("AWS_ENDPOINT_URL", "")

    @property
    def is_local(self) -> bool:
        """Whether it is an AWS on this machine."""
        return is_here(os.environ.get("AWS_ENDPOINT_URL", ""))

    @cached_property
    def environment(self) -> Environment | None:
        """The environment of the cdk.json here.

        Raises:
            UsageError: there are environments, and none of that name; or something wrong is said of it.
        """
        context = cdk_json.context()
        if not (name := self._asked or str(context.get("env") or "")):
            return None
        # From another folder, or without settings of its own, the name is enough to find what is deployed.
        known = {**context, "env": name} if context.get("environments") else {"env": name, "environments": {name: {}}}
        with usage_errors():
            return Environment.from_context(known | self._local_context)

    @property
    def environment_name(self) -> str:
        """Empty where there is none."""
        return self.environment.name if self.environment else ""

    @property
    def context(self) -> dict[str, str]:
        """What the CDK app must be told of the environment."""
        return {"env": self.environment_name, **self._local_context} if self.environment else {}

    @property
    def _local_context(self) -> dict[str, str]:
        # An AWS on this machine has but one account and region.
        return {LOCAL_CONTEXT: "true"} if self.is_local else {}

    @property
    def nami(self) -> str:
        """The command as it must be typed to stay here."""
        return f"nami{self.options}{f' --env {self.environment_name}' if self.environment else ''}"

    def not_deployed(self, name: str) -> NotRunningError:
        """What is said of a subscription that is not there."""
        where = f" in the environment {self.environment_name}" if self.environment else ""
        there, deploy = Command("list"), Command(f"deploy {name}")
        return NotRunningError(f"{name}{where} is not deployed here", there, " shows what is, ", deploy, " deploys it")

    @property
    def folder(self) -> Path:
        """Where the CDK CLI works for it."""
        return home.folder() / "deployments"

    def watch(self, task: str, log: Path) -> None:
        """Raise where a run of the CDK CLI, which writes this log, is in vain, since the AWS is gone."""

    def alone(self) -> AbstractContextManager[None]:
        """Keeps other commands from deploying what is shared; CloudFormation itself sees to that on AWS."""
        return nullcontext()


def is_here(url: str) -> bool:
    """Whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Ignoring:
    """As `contextlib.suppress`, of what AWS refuses with one of these codes."""

    def __init__(self, *codes: str) -> None:
        self._codes = codes

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        return error is not None and has_code(error, *self._codes)


def has_code(error: BaseException, *codes: str) -> bool:
    """Whether AWS refused something with one of these codes."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    return isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in codes
