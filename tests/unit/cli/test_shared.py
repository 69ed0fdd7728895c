"""What the commands make of the stack that subscriptions share, and of those that use it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nami_cli import deploy
from nami_cli.main import app
from nami_cli.resources import display
from nami_control import cdk, deploying, deployment, destinations, shared
from nami_control import settings as kept_settings
from nami_control.aws import Aws
from nami_control.checks import Account
from nami_control.deploying import Deployed
from nami_control.deployment import Deployment, Function
from nami_control.destinations import host, mongo, tunnel
from nami_control.errors import CheckError, MissingToolError, NotRunningError, UsageError
from nami_control.progress import silent
from nami_control.stacks import Target
from nami_stack.settings import SETTINGS_METADATA
from tests.unit.cli.conftest import Stub, nothing_kept, target


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NAMI_HOME", str(tmp_path / "home"))


AT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shared-AbCdEf"
OWN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:own-AbCdEf"
OUTPUTS = {
    "GatewayUrl": "https://a1.execute-api.eu-west-1.amazonaws.com",
    "DatabaseSecretArn": SECRET,
    "DataVolumeId": "vol-1",
}


def stack(aws: Stub, name: str = "shared", status: str = "CREATE_COMPLETE", **outputs: str) -> None:
    found = {
        "StackId": f"arn:aws:cloudformation:eu-west-1:123456789012:stack/nami-{name}/1",
        "StackName": f"nami-{name}",
        "StackStatus": status,
        "CreationTime": AT,
        "Tags": [{"Key": "nami:subscription", "Value": name}],
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
    }
    aws("cloudformation").add_response("describe_stacks", {"Stacks": [found]})


def no_stack(aws: Stub) -> None:
    aws("cloudformation").add_client_error("describe_stacks", "ValidationError", "Stack with id … does not exist")


def used(aws: Stub, part: str, *stacks: str, of: str = "nami-shared") -> None:
    cloudformation = aws("cloudformation")
    if stacks:
        expected = {"ExportName": f"{of}-{part}"}
        cloudformation.add_response("list_imports", {"Imports": list(stacks)}, expected)
    else:
        cloudformation.add_client_error("list_imports", "ValidationError", "… is not imported by any stack.")


def settings(aws: Stub, **found: Any) -> None:
    template = {"Metadata": {SETTINGS_METADATA: found}}
    aws("cloudformation").add_response("get_template", {"TemplateBody": json.dumps(template)})


def resources(aws: Stub, stack_name: str, *kinds: str) -> None:
    found = [
        {
            "LastUpdatedTimestamp": AT,
            "LogicalResourceId": kind,
            "PhysicalResourceId": kind,
            "ResourceType": kind,
            "ResourceStatus": "CREATE_COMPLETE",
        }
        for kind in kinds
    ]
    aws("cloudformation").add_response(
        "list_stack_resources", {"StackResourceSummaries": found}, {"StackName": stack_name}
    )


def run(*arguments: str, **options: Any) -> Any:
    return CliRunner().invoke(app, arguments, **options)


def synthesised(*defaults: str) -> Target:
    found = target()
    folder = found.folder
    folder.mkdir(parents=True)
    parameters = {f"P{number}": {"Default": default} for number, default in enumerate(defaults)}
    assembly = folder / "cdk.out"
    assembly.mkdir()
    (assembly / "nami-shopify.template.json").write_text(json.dumps({"Parameters": parameters}))
    stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "nami-shopify.template.json"}}
    artifacts = {"nami-shopify": stack, "Tree": {"type": "cdk:tree", "properties": {"file": "tree.json"}}}
    (assembly / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return found


def reads_shared(found: Target) -> bool:
    return cdk.reads(found.folder, "/nami-shared/")


def test_template_of_an_earlier_synthesis_counts_no_more(aws: Stub, tmp_path: Path) -> None:
    found = synthesised()
    old = {"Parameters": {"P": {"Default": "/nami-shared/gateway-id"}}}
    (found.folder / "cdk.out" / "nami-old.template.json").write_text(json.dumps(old))
    assert not reads_shared(found)


def test_users_are_those_that_import_any_part(aws: Stub) -> None:
    used(aws, "gateway", "nami-shopify", "nami-jira")
    used(aws, "mongo", "nami-jira", "Webhooks")
    assert shared.users(Aws(), "nami-shared") == ["Webhooks", "jira", "shopify"]


def test_users_in_an_environment_have_their_own_names(aws: Stub) -> None:
    used(aws, "gateway", "nami-prod-shopify", of="nami-prod-shared")
    used(aws, "mongo")
    assert shared.users(Aws(), "nami-prod-shared") == ["shopify"]


def test_what_nobody_imports_has_no_users(aws: Stub) -> None:
    used(aws, "gateway")
    used(aws, "mongo")
    assert shared.users(Aws(), "nami-shared") == []


def test_template_that_reads_nothing_shared_needs_nothing(tmp_path: Path) -> None:
    assert not reads_shared(synthesised("/cdk-bootstrap/hnb659fds/version", "/nami-prod-shared/gateway-id"))


def test_template_that_reads_what_is_shared_needs_it(tmp_path: Path) -> None:
    assert reads_shared(synthesised("/nami-shared/gateway-id"))


def first(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is deployed where a subscription needs what is shared."""
    made: list[str] = []
    monkeypatch.setattr(deploying, "deploy", lambda each, *_, **__: made.append(each.stack_name))
    deploying._share_first(target().shared, None, display, silent, dry_run=False)
    return made


def test_what_is_shared_and_not_there_comes_first(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    no_stack(aws)
    assert first(monkeypatch) == ["nami-shared"]


def test_shared_stack_that_failed_to_be_made_comes_first(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    stack(aws, status="ROLLBACK_COMPLETE")
    assert first(monkeypatch) == ["nami-shared"]


def test_shared_stack_that_is_there_is_not_deployed_again(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    stack(aws, **OUTPUTS)
    assert first(monkeypatch) == []


def test_dry_run_makes_nothing_that_is_shared(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    no_stack(aws)
    monkeypatch.setattr(deploying, "deploy", lambda *_, **__: pytest.fail("deployed"))
    told: list[str] = []
    deploying._share_first(target().shared, None, display, told.append, dry_run=True)
    assert [line.rpartition(": ")[2] for line in told] == ["it would come first"]


def test_what_is_shared_must_be_able_to_succeed_before_it_comes_first(
    aws: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(attempt: deploying.Attempt, *_: object, **__: object) -> None:
        raise CheckError(f"no room for {attempt.target.stack_name}")

    no_stack(aws)
    monkeypatch.setattr(deploying, "require", refuse)
    monkeypatch.setattr(deploying, "deploy", lambda *_, **__: pytest.fail("deployed"))
    account = Account("123456789012", "eu-west-1", "me")
    with pytest.raises(CheckError, match="no room for nami-shared"):
        deploying._share_first(target().shared, account, display, silent, dry_run=False)


def test_command_on_webhooks_of_what_is_shared_names_a_subscription(aws: Stub) -> None:
    used(aws, "gateway", "nami-jira")
    used(aws, "mongo")
    with pytest.raises(UsageError, match=r"takes no webhooks; name a subscription, such as jira$"):
        deployment.find(target("shared"))


def test_outputs_of_what_is_shared_and_not_deployed_is_code_3_as_of_a_subscription(aws: Stub) -> None:
    no_stack(aws)
    error = run("outputs", "shared").exception
    assert isinstance(error, NotRunningError)
    assert str(error) == "shared is not deployed here; nami deploy shared deploys it"


def test_list_tells_who_uses_what_is_shared(aws: Stub) -> None:
    stack(aws, **OUTPUTS)
    used(aws, "gateway", "nami-jira")
    used(aws, "mongo", "nami-shopify")
    (row,) = json.loads(run("list", "--json").stdout)
    assert (row["name"], row["endpoint"], row["waiting"]) == ("shared", None, None)
    assert row["used_by"] == ["jira", "shopify"]


@pytest.mark.parametrize(("users", "text"), [(["nami-jira"], "used by jira"), ([], "used by nobody")])
def test_list_shows_the_users_in_place_of_an_endpoint(aws: Stub, users: list[str], text: str) -> None:
    stack(aws, **OUTPUTS)
    used(aws, "gateway", *users)
    used(aws, "mongo")
    assert text in run("list").stdout.split("\t")


def test_outputs_of_what_is_shared_are_its_stacks(aws: Stub) -> None:
    stack(aws, **OUTPUTS)
    assert json.loads(run("outputs", "shared", "--json").stdout) == OUTPUTS


def test_outputs_of_what_is_not_there_say_how_to_make_it(aws: Stub) -> None:
    no_stack(aws)
    assert "nami deploy shared deploys it" in str(run("outputs", "shared").exception)


def test_destroy_refuses_what_is_in_use_and_names_the_users(aws: Stub) -> None:
    stack(aws, **OUTPUTS)
    used(aws, "gateway", "nami-shopify", "nami-jira")
    used(aws, "mongo")
    error = run("destroy", "shared", "--yes").exception
    assert isinstance(error, CheckError)
    assert str(error).startswith("nami-shared is used by jira, shopify; destroy them first")


def test_destroy_of_what_nobody_uses_keeps_the_documents(aws: Stub) -> None:
    stack(aws, **OUTPUTS)
    used(aws, "gateway")
    used(aws, "mongo")
    aws("ec2").add_response("describe_volumes", {"Volumes": [{"AvailabilityZone": "eu-west-1b"}]})
    settings(aws)
    nothing_kept(aws, "shared")
    result = run("destroy", "shared", input="n\n")
    assert f"goes away: {OUTPUTS['GatewayUrl']}" in result.stderr
    assert "is kept: the volume with the documents, vol-1" in result.stderr


def test_destroy_of_a_subscription_keeps_its_collection_in_the_shared_database(aws: Stub) -> None:
    stack(aws, "shopify", EndpointUrl=f"{OUTPUTS['GatewayUrl']}/nami/shopify", DatabaseSecretArn=SECRET)
    settings(aws, gateway="shared", destination=["shared-mongo"])
    nothing_kept(aws)
    result = run("destroy", "shopify", input="n\n")
    assert "is kept: the collection shopify in nami-shared" in result.stderr
    assert "volume" not in result.stderr


def test_adoption_takes_the_hosts_own_secret_and_not_another_databases(aws: Stub) -> None:
    aws("ec2").add_response("describe_volumes", {"Volumes": [{"AvailabilityZone": "eu-west-1b"}]})
    outputs = {"DatabaseSecretArn": SECRET, "Mongo2DatabaseSecretArn": OWN, "Mongo2DataVolumeId": "vol-2"}
    assert destinations.adoption(Aws(), outputs)["database_secret_arn"] == OWN


def test_doctor_of_a_subscription_looks_at_the_shared_host(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    resources(aws, "nami-shopify", "AWS::SQS::Queue")
    settings(aws, destination=["shared-mongo"])
    resources(aws, "nami-shared", "AWS::AutoScaling::AutoScalingGroup")
    assert host.look(target()).detail == "played by this machine"


def test_doctor_of_a_subscription_without_any_host_says_so(aws: Stub) -> None:
    resources(aws, "nami-shopify", "AWS::SQS::Queue")
    settings(aws, destination=["dynamodb"])
    assert host.look(target()).detail == "none of this subscription's own"


def test_doctor_looks_at_the_shared_disk_through_one_that_uses_it(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def find(asked_for: Target) -> Deployment:
        asked.append(asked_for.name)
        raise MissingToolError("no tunnel; install it")

    monkeypatch.setattr(mongo, "find", find)
    used(aws, "mongo", "Webhooks", "nami-jira")
    no_stack(aws)  # nami-Webhooks, which is an app of the user's own
    stack(aws, "jira")
    assert mongo._disk(target("shared"), silent).status == "warn"
    assert asked == ["jira"]


def test_disk_of_a_shared_host_that_nobody_uses_is_not_looked_at(aws: Stub) -> None:
    used(aws, "mongo")
    assert mongo._disk(target("shared"), silent).detail == "not looked at: nobody uses it yet"


def test_documents_in_two_hosts_are_read_from_the_first_destinations(
    aws: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = {"QueueUrl": "q", "DeadLetterQueueUrl": "d", "PostQueueFunctionName": "post"}
    outputs = {**queue, "DatabaseSecretArn": SECRET, "Mongo2DatabaseSecretArn": OWN, "Mongo2DataVolumeId": "vol-2"}
    found = Deployment(target(), outputs)
    found.drains[0].post_queue = Function("post", {"MONGO_SECRET_ARN": SECRET}, "/post")
    aws("secretsmanager").add_response("get_secret_value", {"SecretString": '{"username": "nami", "password": "x"}'})
    opened = []

    def to_host(host: Target, _tell: object) -> Any:
        opened.append(host.name)
        raise MissingToolError("no tunnel")

    monkeypatch.setattr(tunnel, "to_host", to_host)
    with pytest.raises(MissingToolError), tunnel.database(found):
        pass
    assert opened == ["shared"]


def test_settings_of_what_is_shared_are_saved_like_a_subscriptions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept_settings.save(target("shared", volume_size="50"))
    assert json.loads(Path("cdk.json").read_text()) == {"context": {"subscriptions": {"shared": {"volume_size": 50}}}}
    assert target("shared").settings.volume_size == 50


def test_deployment_that_changes_what_users_read_says_to_deploy_them_again(aws: Stub) -> None:
    stack(aws, **OUTPUTS)
    before = target("shared").describe()
    used(aws, "gateway", "nami-jira")
    used(aws, "mongo", "nami-shopify")
    stack(aws, **OUTPUTS | {"DatabaseSecretArn": OWN})
    lines = deploy._to_join(Deployed(target("shared"), before, []))
    assert lines["now"].startswith("nami deploy jira, nami deploy shopify: DatabaseSecretArn changed")


def test_deployment_that_changes_nothing_that_users_read_is_silent_on_them(aws: Stub) -> None:
    stack(aws, **OUTPUTS)
    before = target("shared").describe()
    used(aws, "gateway", "nami-jira")
    used(aws, "mongo")
    stack(aws, **OUTPUTS | {"DataVolumeId": "vol-2"})
    lines = deploy._to_join(Deployed(target("shared"), before, []))
    assert lines["used by"] == "jira"
    assert "now" not in lines


def test_local_up_takes_no_name_that_is_shared() -> None:
    assert str(run("local", "up", "shared").exception).startswith("name='shared': is reserved")
