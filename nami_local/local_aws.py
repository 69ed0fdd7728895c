"""The local AWS of one folder, as commands and programs work on it."""

import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

from nami_control import stacks
from nami_control.aws import Aws
from nami_control.errors import DeployError, NotRunningError, last_line
from nami_control.stacks import Target
from nami_local import environment
from nami_local.machine import is_ready, require
from nami_local.state import Home

# Seconds without a word from CloudFormation, which here answers at once: something waits for what will not come.
_STALLED = 120


class LocalAws(Aws):
    """The AWS of one folder on this machine, which need not run yet. Nothing of this process's own leads elsewhere."""

    options = " --local"

    is_local = True

    def __init__(self, home: Home, environment: str = "") -> None:
        super().__init__(environment)
        self.home = home

    @cached_property
    def env(self) -> Mapping[str, str]:
        """The variables by which the programs that are started for it find it.

        Raises:
            NotRunningError: it is not up.
        """
        return environment.of_tools(self.home, require(self.home))

    @property
    def folder(self) -> Path:
        """Where the CDK CLI works for it."""
        return self.home.folder / "stacks"

    def not_deployed(self, name: str) -> NotRunningError:
        """What is said of a subscription that is not there."""
        there = ", ".join(sorted(stacks.endpoints(self)))
        return NotRunningError(
            f"{Target(name, self).label} is not up{f'; up: {there}' if there else ''}",
            f"start it with nami{f' --env {self.environment_name}' if self.environment else ''} local up {name}",
        )

    def watch(self, task: str, log: Path) -> None:
        """Raise where local AWS has ended, or where nothing goes on in it."""
        is_ready(self.home, require(self.home))
        if task == "deployment" and time.time() - log.stat().st_mtime > _STALLED:
            said = last_line(log.read_text(errors="replace"))
            raise DeployError(f"no progress for {_STALLED} s after: {said}; see {log}")

    def alone(self) -> AbstractContextManager[None]:
        """Keeps other commands from deploying what is shared."""
        return self.home.lock("shared")

    def _client(self, service: Any) -> Any:
        from botocore.config import Config  # noqa: PLC0415

        return self._boto3.client(service, endpoint_url=self.endpoint_url, config=Config(proxies={}))

    @cached_property
    def _boto3(self) -> Any:
        import boto3  # noqa: PLC0415
        import botocore.session  # noqa: PLC0415

        # The profile and the files of the user's own are for real accounts.
        unset: Any = {"profile": (None, None, None, None)}
        files: Any = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
        keys = environment.for_tools(self.home, require(self.home))
        return boto3.Session(
            keys["AWS_ACCESS_KEY_ID"],
            keys["AWS_SECRET_ACCESS_KEY"],
            keys["AWS_SESSION_TOKEN"],
            region_name=environment.REGION,
            botocore_session=botocore.session.Session(session_vars=unset | files),
        )
