"""The way to a subscription's database: straight, or through Session Manager to the host that only it can reach.

The tunnel is what `aws ssm start-session --document-name AWS-StartPortForwardingSession` makes:
https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html
AWS's own program, session-manager-plugin, carries it, and takes the same arguments here as from the AWS CLI.
"""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from nami_control.aws import Ignoring
from nami_control.deployment import Deployment, Drain
from nami_control.destinations.session_manager import opened_port, plugin_process
from nami_control.errors import Command, DatabaseError, MissingToolError, UsageError
from nami_control.progress import Tell, silent
from nami_control.stacks import Target

PLUGIN = "session-manager-plugin"
_INSTALL = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
)
_DOCUMENT = "AWS-StartPortForwardingSession"
_PORT = "27017"


@dataclass(frozen=True)
class Database:
    """Where a subscription's documents are."""

    uri: str
    name: str
    collection: str
    tunnel: "Tunnel | None" = None


@dataclass(frozen=True)
class Tunnel:
    """A way from this machine to the host; `port` is its end here, on 127.0.0.1."""

    port: int
    process: subprocess.Popen[str]

    def wait(self) -> None:
        """Return when the tunnel has closed by itself."""
        self.process.wait()


@contextlib.contextmanager
def database(deployment: Deployment, drain: Drain | None = None, *, tell: Tell = silent) -> Iterator[Database]:
    """Open the way to the documents, of one destination or of the first in MongoDB, and close it afterwards.

    Raises:
        MissingToolError: the tunnel's program is not installed.
        DatabaseError: the host is away, or the tunnel does not open.
        UsageError: the subscription stores nothing in MongoDB.
    """
    from nami_runtime import secret  # noqa: PLC0415

    drains = [drain] if drain else deployment.drains
    environment = next((e for each in drains if "MONGO_SECRET_ARN" in (e := each.post_queue.environment)), None)
    if environment is None:
        there = ", ".join(each.destination for each in drains)
        raise UsageError(f"{deployment.name} stores nothing in MongoDB (its destination: {there})")
    name = environment.get("MONGO_DATABASE", "nami")
    collection = environment.get("MONGO_COLLECTION", deployment.name)
    arn = environment["MONGO_SECRET_ARN"]
    text = deployment.aws.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    try:
        login = secret.database(text, on_host=True)
    except ValueError as error:
        raise DatabaseError(f"the secret {arn} can't be used: {error}") from None
    if "uri" in login:
        yield Database(login["uri"], name, collection)
        return
    with to_host(_owner(deployment, arn), tell) as tunnel:
        user = f"{quote(login['username'], safe='')}:{quote(login['password'], safe='')}"
        uri = f"mongodb://{user}@127.0.0.1:{tunnel.port}/{name}?authSource=admin&directConnection=true"
        yield Database(uri, name, collection, tunnel)


def _owner(deployment: Deployment, secret_arn: str) -> Target:
    """Whose host has that secret, where the subscription writes to two: its own and the shared one."""
    outputs = deployment.outputs
    hosts = [key.removesuffix("DataVolumeId") for key in outputs if key.endswith("DataVolumeId")]
    own = {outputs.get(f"{host}DatabaseSecretArn") for host in hosts}
    return deployment.target.shared if own and secret_arn not in own else deployment.target


@contextlib.contextmanager
def to_host(target: Target, tell: Tell = silent) -> Iterator[Tunnel]:
    """Open a tunnel to the port of the MongoDB host, and close it afterwards.

    Raises:
        MissingToolError, DatabaseError: see `database`.
    """
    plugin = shutil.which(PLUGIN)
    if not plugin:
        raise MissingToolError(f"{PLUGIN} is not on PATH, and only it reaches the host; install it: {_INSTALL}")
    instance = host_instance(target)
    client = target.aws.client("ssm")
    request = {"Target": instance, "DocumentName": _DOCUMENT, "Parameters": {"portNumber": [_PORT]}}
    try:
        session = client.start_session(**request)
    except client.exceptions.TargetNotConnected:
        raise DatabaseError(
            f"the host {instance} is not connected to Session Manager",
            *("it is within some minutes of its start, see ", Command(f"doctor {target.name}")),
        ) from None
    tell(f"opening a tunnel to {instance}")
    try:
        with plugin_process(plugin, session, request, client.meta, target.aws) as process:
            yield Tunnel(opened_port(process), process)
    finally:
        with contextlib.suppress(Exception):  # the plugin says goodbye itself where it can
            client.terminate_session(SessionId=session["SessionId"])


def host_instance(target: Target) -> str:
    """The instance that runs a subscription's database, by the Auto Scaling group of its stack.

    Raises:
        DatabaseError: there is none now.
    """
    group = _group(target) or _group(target.shared)
    if not group:
        raise DatabaseError(f"{target.stack_name} has no MongoDB host, and its database secret no uri")
    found = target.aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[group])
    for each in found["AutoScalingGroups"]:
        for instance in each["Instances"]:
            if instance["LifecycleState"] == "InService":
                return str(instance["InstanceId"])
    raise DatabaseError(
        f"the host of {target.name} is away, perhaps being replaced (two to four minutes); the queue holds the "
        "webhooks meanwhile, try again then"
    )


def _group(target: Target) -> str | None:
    with Ignoring("ValidationError"):
        for resource in target.resources():
            if resource["ResourceType"] == "AWS::AutoScaling::AutoScalingGroup":
                return resource.get("PhysicalResourceId")
    return None
