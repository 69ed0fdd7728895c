"""A Lambda function whose asset is its own folder, nami_runtime beside it, and its pinned dependencies."""

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from nami_stack import assets, reporting
from nami_stack.acknowledge import acknowledge, right_to
from nami_stack.log_group import LogGroup
from nami_stack.section import TOKEN
from nami_stack.settings import PipelineSettings, SettingsError

RUNTIME = lambda_.Runtime.PYTHON_3_13
# Of all environment variables together: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
ENVIRONMENT_BYTES = 4096
_FILLED_IN_BYTES = 140
ARCHITECTURE = lambda_.Architecture.ARM_64
# Wheels for the function, not for the machine that synthesises. Amazon Linux 2023 has glibc 2.34, and pip takes
# only the tags that it is told.
_PIP = (
    *(sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile"),
    "--platform=manylinux_2_28_aarch64",
    "--platform=manylinux_2_17_aarch64",
    "--platform=manylinux2014_aarch64",
    "--implementation=cp",
    "--python-version=3.13",
    "--only-binary=:all:",
)
# The same in a tenth of the time, where it is installed.
_UV = (
    *("uv", "pip", "install", "--quiet", f"--python={sys.executable}", "--link-mode=copy"),
    "--python-platform=aarch64-manylinux_2_28",
    "--python-version=3.13",
    "--only-binary=:all:",
)
# Of the runtime: what the function before the queue never loads.
AFTER_THE_QUEUE = (
    *("added_headers", "batch", "bodies", "contents", "direct", "documents", "events", "expression", "fitting"),
    *("inflate", "lines", "login", "outcome", "pace", "piped", "queue", "reaching", "reading", "results", "rows"),
    *("same_id", "transform", "tries"),
)
# What reads keys and certificates, for the schemes that install these packages.
WITH_KEYS = [
    "asymmetric",
    "certificates",
    "fetched",
    "jwt_check",
    "jwt_keys",
    "jwts",
    "keys",
    "paypal",
    "public_keys",
    "sns",
]
_KEY_PACKAGES = {"cryptography", "pyjwt"}
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", "requirements*")


class PythonFunction(lambda_.Function):
    """A function from a folder that holds handler.py and, where it needs any, requirements.txt.

    Its role may write its own log group, use network interfaces in a VPC, and report where the settings say; the caller
    grants the rest.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        source: Path,
        extra_requirements: Sequence[Path] = (),
        memory: int,
        timeout: int,
        settings: PipelineSettings,
        environment: Mapping[str, str],
        placement: Mapping[str, Any] | None = None,
        reserved_concurrency: int | None = None,
    ) -> None:
        placement = placement or {}
        log_group = LogGroup(scope, f"{construct_id}Logs", days=settings.log_retention_days)
        role = _role(scope, f"{construct_id}Role", in_vpc=bool(placement))
        log_group.grant_write(role)
        variables = {**environment, **reporting.environment(environment["NAMI_SUBSCRIPTION"], settings)}
        check_environment(environment["NAMI_SUBSCRIPTION"], variables)
        self._variables = variables
        super().__init__(
            scope,
            construct_id,
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            handler=reporting.handler(settings),
            code=_code(source, [*extra_requirements, *reporting.requirements(settings)]),
            memory_size=memory,
            timeout=cdk.Duration.seconds(timeout),
            reserved_concurrent_executions=reserved_concurrency,
            environment=variables,
            tracing=lambda_.Tracing.ACTIVE if settings.tracing else None,
            role=role,
            log_group=log_group,
            # In text, Lambda adds three lines to each invocation, as many bytes as the function's own line. In JSON it
            # can be told to speak of failures alone; what the function prints stays as it is:
            # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
            logging_format=lambda_.LoggingFormat.JSON,
            system_log_level_v2=lambda_.SystemLogLevel.WARN,
            **placement,
        )
        self._role = role
        acknowledge(self, "Python 3.13 is supported until 2029, and what the functions install is pinned for it", "L1")
        if placement:
            why = "Lambda makes the network interfaces, so there is no ARN to name; code in the function is denied it"
            acknowledge(role, why, right_to(role, "*"))
        elif settings.tracing:
            acknowledge(role, "X-Ray's rights to take a trace name no resource", right_to(role, "*"))
        reporting.add_datadog(self, settings)

    def add_environment(self, key: str, value: str, *, remove_in_edge: bool | None = None) -> lambda_.Function:
        """Give the function one variable more, by which all together must not become too long.

        Raises:
            SettingsError: they do.
        """
        self._variables[key] = value
        check_environment(self._variables["NAMI_SUBSCRIPTION"], self._variables)
        return super().add_environment(key, value, remove_in_edge=remove_in_edge)

    def allow(self, *actions: str, on: str) -> None:
        """Let the function do this to one resource, by its ARN."""
        self.add_to_role_policy(iam.PolicyStatement(actions=list(actions), resources=[on]))

    def allow_secret(self, secret: secretsmanager.ISecret) -> None:
        """Let the function read a secret, and use the key that encrypts it where that is one of the account's own."""
        # One that is known by its name alone lacks the six characters that Secrets Manager ends an ARN with.
        self.allow("secretsmanager:GetSecretValue", on=secret.secret_full_arn or f"{secret.secret_arn}-??????")
        if secret.encryption_key:
            # Not the key's own grant: that writes this role into the key's policy, and another stack can't have that.
            stack = cdk.Stack.of(self)
            through = {"kms:ViaService": f"secretsmanager.{stack.region}.{stack.url_suffix}"}
            self.add_to_role_policy(
                iam.PolicyStatement(
                    actions=["kms:Decrypt"],
                    resources=[secret.encryption_key.key_arn],
                    conditions={"StringEquals": through},
                )
            )

    def allow_objects(self, action: str, bucket: s3.Bucket, under: str = "") -> None:
        """Let the function do this to each object of the bucket whose key begins like this."""
        objects = bucket.arn_for_objects(f"{under}*")
        self.allow(action, on=objects)
        acknowledge(self._role, "objects are named by what is in them, or by the message", right_to(self, objects))


def custom_resource_function(
    scope: Construct, construct_id: str, *, code: Path, description: str
) -> tuple[lambda_.Function, iam.Role]:
    """A custom resource's function, in one file that stands in the template, and its role, for what it needs."""
    role = iam.Role(scope, f"{construct_id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    log_group = LogGroup(scope, f"{construct_id}Logs", days=30)
    log_group.grant_write(role)
    function = lambda_.Function(
        scope,
        construct_id,
        description=description,
        runtime=RUNTIME,
        architecture=ARCHITECTURE,
        handler="index.handler",
        code=lambda_.Code.from_inline(code.read_text()),
        timeout=cdk.Duration.minutes(1),
        role=role,
        log_group=log_group,
    )
    acknowledge(function, "the runtime of the other functions", "L1")
    return function, role


def secret_of(
    scope: Construct, construct_id: str, secret: secretsmanager.ISecret | str, *, key: str
) -> secretsmanager.ISecret:
    """A secret that exists, or that an app makes, by itself or by its ARN, whose random ending is part of it.

    Args:
        key: what it was given as, for the error.

    Raises:
        SettingsError: the ARN lacks that ending.
    """
    if not isinstance(secret, str):
        return secret
    if not cdk.Token.is_unresolved(secret) and not re.search(r"-[A-Za-z0-9]{6}$", secret):
        raise SettingsError(
            f"{key}={secret!r}: lacks the six characters that Secrets Manager ends an ARN with, and so would the "
            "function's right to read it; give it whole, as aws secretsmanager list-secrets does"
        )
    return secretsmanager.Secret.from_secret_complete_arn(scope, construct_id, secret)


def check_environment(name: str, variables: Mapping[str, str]) -> None:
    """See that a function of the subscription `name` can have these variables.

    Raises:
        SettingsError: they are too long; names the longest, which is called as its setting is.
    """
    # What CloudFormation fills in counts as the longest of it may be, a queue's URL.
    sizes = {key: len(TOKEN.sub("x" * _FILLED_IN_BYTES, value).encode()) for key, value in variables.items()}
    if (total := sum(sizes.values()) + sum(map(len, variables))) > ENVIRONMENT_BYTES:
        known = {key: size for key, size in sizes.items() if not TOKEN.search(variables[key])}
        longest = max(known, key=known.__getitem__)
        raise SettingsError(
            f"{name}: {longest.lower()} has {known[longest]} bytes, and a function's settings up to {total}, of which "
            f"Lambda takes {ENVIRONMENT_BYTES} in all; shorten it"
        )


def _role(scope: Construct, construct_id: str, *, in_vpc: bool) -> iam.Role:
    # Inline, so that the rights outlive the function's network interfaces when a stack is destroyed.
    inline = {"Network": _network_policy()} if in_vpc else None
    lambdas = iam.ServicePrincipal("lambda.amazonaws.com")
    return iam.Role(scope, construct_id, assumed_by=lambdas, inline_policies=inline)


def _network_policy() -> iam.PolicyDocument:
    # What https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions asks for;
    # these actions take no resource but *, since the interfaces do not exist yet.
    actions = [
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    ]
    # Lambda uses them, and the code inside never: only a call from there carries this key.
    # https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
    from_inside = {"Null": {"lambda:SourceFunctionArn": "false"}}
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(actions=actions, resources=["*"]),
            iam.PolicyStatement(effect=iam.Effect.DENY, actions=actions, resources=["*"], conditions=from_inside),
        ]
    )


def _code(source: Path, extra_requirements: Sequence[Path]) -> lambda_.Code:
    runtime = assets.RUNTIME
    own = source / "requirements.txt"
    # What your own file names is installed as that says, and nothing else in its place.
    extra = [path for path in extra_requirements if not _named(path) <= _named(own)]
    # Most functions need nothing, and then pip need not start.
    requirements = [path for path in (own, *extra) if path.is_file() and _names_any(path)]
    return lambda_.Code.from_asset(
        str(source),
        # Of everything that makes the asset; the default hash sees the source folder alone.
        asset_hash=_digest(source, runtime, requirements),
        asset_hash_type=cdk.AssetHashType.CUSTOM,
        bundling=cdk.BundlingOptions(image=RUNTIME.bundling_image, local=_LocalBundling(source, runtime, requirements)),
    )


def _digest(source: Path, runtime: Path, requirements: Sequence[Path]) -> str:
    used = [path.read_text() for path in requirements]
    digest = hashlib.sha256(repr((RUNTIME.name, ARCHITECTURE.name, used)).encode())
    for folder in (source, runtime):
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
            digest.update(f"{path.relative_to(folder.parent)}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


@jsii.implements(cdk.ILocalBundling)
class _LocalBundling:
    """Makes the asset with uv or pip, so that nobody needs Docker."""

    def __init__(self, source: Path, runtime: Path, requirements: Sequence[Path]) -> None:
        self._source, self._runtime, self._requirements = source, runtime, requirements

    def try_bundle(self, output_dir: str, *_options: object, **_more: object) -> bool:
        target = Path(output_dir)
        shutil.copytree(self._source, target, ignore=_IGNORED, dirs_exist_ok=True)
        shutil.copytree(self._runtime, target / self._runtime.name, ignore=_IGNORED)
        if self._source.name == "pre_queue":
            self._leave_out(target / self._runtime.name)
        if self._requirements:
            self._install(target)
        return True

    def _leave_out(self, runtime: Path) -> None:
        shutil.rmtree(runtime / "destinations", ignore_errors=True)
        unused = [runtime / f"{name}.py" for name in AFTER_THE_QUEUE]
        if _KEY_PACKAGES.isdisjoint(set().union(*map(_named, self._requirements))):
            unused += [runtime / "signatures" / f"{name}.py" for name in WITH_KEYS]
        for path in unused:
            path.unlink(missing_ok=True)

    def _install(self, target: Path) -> None:
        # Each by itself: one file's hashes would be asked of all that is installed with it, and yours may have none.
        for path in self._requirements:
            hashes = ["--require-hashes"] if "--hash=" in path.read_text() else []
            result = subprocess.run(
                (*(_UV if shutil.which("uv") else _PIP), *hashes, f"--requirement={path}", f"--target={target}"),
                capture_output=True,
                text=True,
                check=False,
            )
            if result.returncode:
                # Returning False would make the CDK try Docker and hide the cause.
                raise RuntimeError(f"could not install {path}:\n{result.stderr.strip()}")
        (target / ".lock").unlink(missing_ok=True)  # uv's own


def _names_any(path: Path) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in path.read_text().splitlines())


def _named(path: Path) -> set[str]:
    """The packages that a file asks for; of one that is locked, what it was locked for."""
    source = path.with_suffix(".in") if path.with_suffix(".in").is_file() else path
    text = source.read_text() if source.is_file() else ""
    return {found.lower().replace("_", "-") for found in re.findall(r"^\s*([A-Za-z0-9][\w.-]*)", text, re.MULTILINE)}
