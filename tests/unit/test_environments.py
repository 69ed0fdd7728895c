"""`-c env=prod`: whose settings win, what a wrong environment is told, and what becomes of the stack."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nami_stack import Environment, SettingsError, Subscription, WebhookStack
from nami_stack.settings import check_environment, stack_name
from tests.unit.test_app import run_here, stacks_in

ACCOUNT = "111122223333"
PROD = {"account": ACCOUNT, "region": "eu-central-1"}


def read(**context: Any) -> Subscription:
    return Subscription.from_context({"name": "shopify", **context})


def error_of(**context: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        read(**context)
    return str(caught.value)


def test_environment_is_a_part_of_the_stacks_name() -> None:
    assert stack_name("shopify") == "nami-shopify"
    assert stack_name("shopify", "prod") == "nami-prod-shopify"
    assert read(env="prod", environments={"prod": {}}).stack_name == "nami-prod-shopify"


def test_empty_env_is_none() -> None:
    assert read(env="").environment is None


LAYERS: dict[str, Any] = {
    "subscriptions": {"shopify": {"batch_size": 2, "max_receives": 2, "batch_window": 2, "post_queue_timeout": 20}},
    "environments": {
        "prod": {
            "max_receives": 3,
            "batch_window": 3,
            "post_queue_timeout": 30,
            "subscriptions": {
                "shopify": {"batch_window": 4, "post_queue_timeout": 40},
                "jira": {"batch_size": 9},
            },
        },
        "dev": {"batch_size": 10},
    },
}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("maximum_concurrency", 5),  # the default
        ("batch_size", 2),  # the subscription's, wherever it runs
        ("max_receives", 3),  # the environment's
        ("batch_window", 4),  # the subscription's in this environment
        ("post_queue_timeout", 50),  # the command line's
    ],
)
def test_each_layer_wins_over_those_before_it(key: str, value: int) -> None:
    assert getattr(read(env="prod", post_queue_timeout="50", **LAYERS), key) == value


def test_no_environment_takes_nothing_of_any() -> None:
    assert read(**LAYERS).max_receives == 2


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (
            {"env": "prd", "environments": {"prod": {}, "staging": {}}},
            "env='prd': is not among the environments of cdk.json; did you mean prod?",
        ),
        (
            {"env": "live", "environments": {"prod": {}, "dev": {}}},
            "env='live': is not among the environments of cdk.json; there are dev, prod",
        ),
        (
            {"env": "prod"},
            "env='prod': is not among the environments of cdk.json; "
            'put {"environments": {"prod": {}}} into the context of cdk.json',
        ),
        (
            {"env": "prod", "environments": {"prod": {"acount": ACCOUNT}}},
            "environments.prod: acount: is not a setting; did you mean account?",
        ),
        (
            {"env": "prod", "environments": {"prod": {"batchsize": 3}}},
            "environments.prod: batchsize: is not a setting; did you mean batch_size?",
        ),
        (
            {"env": "prod", "environments": {"prod": {"account": "12"}}},
            "environments.prod: account='12': must be 12 digits in quotes, as in \"123456789012\"",
        ),
        (
            {"env": "prod", "environments": {"prod": {"account": 123456789012}}},
            'environments.prod: account=123456789012: must be 12 digits in quotes, as in "123456789012"',
        ),
        (
            {"env": "prod", "environments": {"prod": {"region": "Frankfurt"}}},
            "environments.prod: region='Frankfurt': must look like eu-west-1",
        ),
        (
            {"env": "prod", "environments": {"prod": {"subscriptions": ["shopify"]}}},
            'environments.prod.subscriptions: must be {"<name>": {"<setting>": …}} in the context of cdk.json',
        ),
        ({"environments": ["prod"]}, 'environments: must be {"<name>": {"account": …, "region": …, "<setting>": …}}'),
        ({"environment": "prod"}, "environment: is not a setting; did you mean env?"),
        ({"env": "shared"}, "env='shared': is reserved for what subscriptions share; choose another name"),
        (
            {"env": "Prod-EU"},
            "env='Prod-EU': must be 1 to 16 lower-case letters and digits, and begin with a letter; try env=prodeu",
        ),
        ({"env": "prod", "name": "shared", "environments": {"prod": {}}}, "name='shared': is reserved"),
    ],
)
def test_wrong_environment_is_one_line_with_a_remedy(context: dict[str, Any], message: str) -> None:
    found = error_of(**context)
    assert found.startswith(message)
    assert len(found.splitlines()) == 1


@given(st.text(min_size=1, max_size=40))
def test_any_bad_environment_name_is_told_a_good_one(name: str) -> None:
    try:
        check_environment(name)
    except SettingsError as error:
        message = str(error)
        assert len(message.splitlines()) == 1
        if "try env=" in message:
            check_environment(message.rpartition("try env=")[2])


def test_two_subscriptions_of_cdk_json_never_share_a_stack() -> None:
    both: dict[str, Any] = {"subscriptions": {"prod-shopify": {}}, "environments": {"prod": {}}}
    assert error_of(env="prod", **both) == (
        "env='prod': nami-prod-shopify is the stack of the subscription prod-shopify too; rename one of them"
    )
    assert error_of(name="prod-shopify", **both) == (
        "name='prod-shopify': nami-prod-shopify would be the stack of shopify in the environment prod too; "
        "choose another name"
    )


def test_local_aws_takes_an_environment_without_its_account_and_region() -> None:
    context = {"env": "prod", "environments": {"prod": PROD}, "nami:local": "true"}
    assert Environment.from_context(context) == Environment(name="prod")


Apps = Callable[..., cdk.App]


def stack_of(app: cdk.App, **context: Any) -> WebhookStack:
    return WebhookStack(app, subscription=read(env="prod", environments={"prod": PROD}, **context))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"egress": "nat"},
        {"availability_zone": "eu-central-1b"},
        {"gateway": "rest", "destination": "dynamodb"},
    ],
    ids=str,
)
def test_nothing_is_looked_up_for_an_explicit_account_and_region(app_factory: Apps, settings: dict[str, str]) -> None:
    app = app_factory()
    stack_of(app, **settings)
    manifest = json.loads(Path(app.synth().directory, "manifest.json").read_text())
    assert "missing" not in manifest
    assert manifest["artifacts"]["nami-prod-shopify"]["environment"] == f"aws://{ACCOUNT}/eu-central-1"


def test_region_alone_leaves_the_account_to_the_credentials(app_factory: Apps) -> None:
    app = app_factory()
    environments = {"prod": {"region": "eu-central-1"}}
    WebhookStack(app, subscription=read(env="prod", environments=environments, destination="dynamodb"))
    manifest = json.loads(Path(app.synth().directory, "manifest.json").read_text())
    assert manifest["artifacts"]["nami-prod-shopify"]["environment"] == "aws://unknown-account/eu-central-1"


def test_stack_and_its_queues_carry_the_environments_tag(app_factory: Apps) -> None:
    app = app_factory()
    stack = stack_of(app, destination="dynamodb")
    found = app.synth().get_stack_by_name("nami-prod-shopify")
    tags = {"nami:subscription": "shopify", "nami:environment": "prod"}
    assert found.tags == tags
    queues = [r for r in found.template["Resources"].values() if r["Type"] == "AWS::SQS::Queue"]
    assert queues
    for queue in queues:
        assert tags.items() <= {tag["Key"]: tag["Value"] for tag in queue["Properties"]["Tags"]}.items()
    assert stack.stack_name == "nami-prod-shopify"


def test_app_synthesises_the_environments_stack_alone(tmp_path: Path) -> None:
    assert run_here(tmp_path, name="shopify", env="prod", environments={"prod": PROD}) == ""
    assert stacks_in(tmp_path) == ["nami-prod-shopify"]
    template = json.loads((tmp_path / "nami-prod-shopify.template.json").read_text())
    assert template["Metadata"]["nami:settings"] == {}


def test_app_tells_of_an_unknown_environment_in_one_line(tmp_path: Path) -> None:
    line = "error: env='prd': is not among the environments of cdk.json; did you mean prod?"
    assert run_here(tmp_path, name="shopify", env="prd", environments={"prod": {}}) == line


def test_metrics_of_an_environment_are_its_own(app_factory: Apps) -> None:
    app = app_factory()
    stack_of(app, destination="dynamodb", signature="shopify")
    resources = app.synth().get_stack_by_name("nami-prod-shopify").template["Resources"].values()
    functions = [r["Properties"] for r in resources if r["Type"] == "AWS::Lambda::Function"]
    told = [f["Environment"]["Variables"] for f in functions if "Environment" in f]
    assert [v["NAMI_METRICS_NAME"] for v in told if "NAMI_SUBSCRIPTION" in v] == ["prod-shopify"] * 2
    own = [
        dimension["Value"]
        for r in resources
        if r["Type"] == "AWS::CloudWatch::Alarm" and r["Properties"].get("Namespace") == "nami"
        for dimension in r["Properties"]["Dimensions"]
        if dimension["Name"] == "subscription"
    ]
    assert own
    assert set(own) == {"prod-shopify"}
    (dashboard,) = [json.dumps(r) for r in resources if r["Type"] == "AWS::CloudWatch::Dashboard"]
    assert "prod-shopify" in dashboard
    assert '\\"subscription\\",\\"shopify\\"' not in dashboard


def test_stack_of_a_callers_own_app_takes_an_environment(app_factory: Apps) -> None:
    subscription = Subscription(
        name="shopify", destination=("dynamodb",), environment=Environment(name="prod", region="eu-west-1")
    )
    stack = WebhookStack(app_factory(), subscription=subscription)
    assert (stack.stack_name, stack.region) == ("nami-prod-shopify", "eu-west-1")
