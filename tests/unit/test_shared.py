"""What is shared across stacks: the stack that has it, and subscriptions that join."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template

from nami_stack import (
    PipelineSettings,
    RestGateway,
    ScalableWebhook,
    SettingsError,
    SharedGateway,
    SharedMongo,
    SharedSettings,
    SharedStack,
    Signature,
    Subscription,
    WebhookStack,
)
from nami_stack.settings import read_settings
from tests.unit.test_app import run_here, stacks_in

AppFactory = Callable[..., cdk.App]
Synth = Callable[..., Template]
NETWORK = {
    "vpc_id": "vpc-0123456789abcdef0",
    "availability_zone": "eu-west-1a",
    "host_subnet_id": "subnet-0123456789abcdef0",
    "function_subnet_id": "subnet-0123456789abcdef1",
}
OF_ALL = {"gateway": "shared", "destination": "shared-mongo"}
PROD = {"environments": {"prod": {}}, "env": "prod"}


def share(app_factory: AppFactory, **context: Any) -> Template:
    return Template.from_stack(
        SharedStack(app_factory(), settings=SharedSettings.from_context({"name": "shared", **context}))
    )


@pytest.fixture(scope="module")
def shared(app_factory: AppFactory) -> Template:
    return share(app_factory)


@pytest.fixture(scope="module")
def user(synth: Synth) -> Template:
    """A subscription that has nothing to itself that can be shared."""
    return synth(**OF_ALL)


def published(template: Template) -> dict[str, Any]:
    """The value of each SSM parameter, by its name."""
    found = template.find_resources("AWS::SSM::Parameter").values()
    return {parameter["Properties"]["Name"]: parameter["Properties"]["Value"] for parameter in found}


def read(template: Template) -> set[str]:
    """The SSM parameters that a template reads when it is deployed."""
    parameters = template.to_json()["Parameters"].values()
    return {parameter["Default"] for parameter in parameters} - {"/cdk-bootstrap/hnb659fds/version"}


def value_of(name: str) -> dict[str, Any]:
    """A reference to what an SSM parameter says."""
    label = re.sub(r"[^A-Za-z0-9]", "", name)
    return {"Ref": Match.string_like_regexp(f"^SsmParameterValue{label}.*Parameter$")}


def imports(template: Template) -> set[str]:
    return set(re.findall(r'"Fn::ImportValue": "([^"]+)"', json.dumps(template.to_json()["Resources"])))


def exports(template: Template) -> dict[str, Any]:
    outputs = template.to_json()["Outputs"].values()
    return {output["Export"]["Name"]: output["Value"] for output in outputs if "Export" in output}


def error_of(**context: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        read_settings({"name": "shopify", **context})
    return str(caught.value)


# The stack that has it


def test_app_makes_one_stack_of_the_name_shared(tmp_path: Path) -> None:
    assert run_here(tmp_path, name="shared", instance_type="t4g.small") == ""
    assert stacks_in(tmp_path) == ["nami-shared"]
    template = json.loads((tmp_path / "nami-shared.template.json").read_text())
    assert template["Metadata"]["nami:settings"] == {"instance_type": "t4g.small"}


def test_there_is_one_gateway_one_network_and_one_host(shared: Template) -> None:
    for kind in ("AWS::ApiGatewayV2::Api", "AWS::EC2::VPC", "AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::Volume"):
        shared.resource_count_is(kind, 1)


def test_gateways_stage_deploys_other_stacks_routes_by_itself(shared: Template) -> None:
    shared.has_resource_properties("AWS::ApiGatewayV2::Stage", {"StageName": "$default", "AutoDeploy": True})


def test_no_subscription_is_in_it(shared: Template) -> None:
    shared.resource_count_is("AWS::SQS::Queue", 0)
    shared.resource_count_is("AWS::ApiGatewayV2::Route", 0)


def test_what_holds_data_keeps_its_logical_ids(shared: Template) -> None:
    assert list(shared.find_resources("AWS::EC2::Volume")) == ["MongoHostDataVolumeDC9397A7"]
    assert list(shared.find_resources("AWS::SecretsManager::Secret")) == ["MongoHostSecret9C6E61B7"]


def test_other_stacks_functions_reach_the_secret_from_the_functions_subnet_alone(shared: Template) -> None:
    (subnet,) = (
        each["Properties"]["CidrBlock"]
        for key, each in shared.find_resources("AWS::EC2::Subnet").items()
        if "PrivateSubnet" in key
    )
    shared.has_resource_properties(
        "AWS::EC2::SecurityGroup",
        {
            "GroupDescription": "Secrets Manager endpoint",
            "SecurityGroupIngress": [Match.object_like({"CidrIp": subnet, "FromPort": 443, "ToPort": 443})],
        },
    )


def test_nobody_is_let_into_the_host_but_by_a_subscriptions_rule(shared: Template) -> None:
    assert "27017" not in json.dumps(shared.find_resources("AWS::EC2::SecurityGroupIngress"))
    shared.has_resource_properties(
        "AWS::EC2::SecurityGroup", {"GroupDescription": "MongoDB host", "SecurityGroupIngress": Match.absent()}
    )


@pytest.mark.parametrize("context", [{"egress": "nat"}, {"egress": "ipv6"}, NETWORK], ids=["nat", "ipv6", "adopted"])
def test_same_ids_are_published_of_every_network(
    app_factory: AppFactory, shared: Template, context: dict[str, str]
) -> None:
    assert published(share(app_factory, **context)).keys() == published(shared).keys()


@pytest.mark.parametrize(("egress", "said"), [("none", "false"), ("ipv6", "true")])
def test_functions_are_told_whether_the_shared_network_has_ipv6(
    app_factory: AppFactory, egress: str, said: str
) -> None:
    assert published(share(app_factory, egress=egress))["/nami-shared/functions-use-ipv6"] == said


def test_function_uses_ipv6_where_the_shared_network_has_it(user: Template) -> None:
    told = value_of("/nami-shared/functions-use-ipv6")
    variables = Match.object_like({"AWS_USE_DUALSTACK_ENDPOINT": told})
    user.has_resource_properties(
        "AWS::Lambda::Function",
        {"VpcConfig": Match.object_like({"Ipv6AllowedForDualStack": told}), "Environment": {"Variables": variables}},
    )


def test_adopted_network_is_published_as_it_is(app_factory: AppFactory) -> None:
    values = published(share(app_factory, **NETWORK))
    assert values["/nami-shared/vpc-id"] == NETWORK["vpc_id"]
    assert values["/nami-shared/function-subnet-id"] == NETWORK["function_subnet_id"]


def test_domain_is_every_subscriptions(app_factory: AppFactory) -> None:
    certificate = "arn:aws:acm:eu-central-1:123456789012:certificate/0123"
    template = share(app_factory, domain_name="hooks.example.com", certificate_arn=certificate)
    template.has_resource_properties("AWS::ApiGatewayV2::ApiMapping", {"ApiMappingKey": Match.absent()})
    assert published(template)["/nami-shared/gateway-url"] == "https://hooks.example.com"


def test_its_settings_are_kept_like_a_subscriptions() -> None:
    context = {"name": "shared", "subscriptions": {"shared": {"volume_size": 50}}}
    assert SharedSettings.from_context(context).volume_size == 50


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"batch_size": 3}, "batch_size: is a setting of subscriptions, not of what they share; leave it out"),
        ({"gateway": "http"}, "gateway: is a setting of subscriptions, not of what they share; leave it out"),
        ({"volumesize": 3}, "volumesize: is not a setting; did you mean volume_size?"),
        ({"environment": "prod"}, "environment: is not a setting; did you mean env?"),
        ({"volume_size": 0}, "volume_size=0: must be greater than or equal to 1; the default is 10"),
        ({"vpc_id": NETWORK["vpc_id"]}, "vpc_id: a network of yours is named by"),
        ({"hosted_zone_id": "Z0123"}, "hosted_zone_id: goes with a domain that is made here"),
        ({"env": "prod"}, "env='prod': is not among the environments"),
    ],
)
def test_bad_setting_of_what_is_shared_is_one_line(context: dict[str, Any], message: str) -> None:
    assert error_of(name="shared", **context).startswith(message)


# A subscription that joins


def test_nothing_that_is_shared_is_the_subscriptions_own(user: Template) -> None:
    kinds = {resource["Type"] for resource in user.to_json()["Resources"].values()}
    own = {
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::Stage",
        "AWS::EC2::VPC",
        "AWS::EC2::Subnet",
        "AWS::EC2::Volume",
    }
    assert kinds & (own | {"AWS::AutoScaling::AutoScalingGroup", "AWS::Route53::HostedZone"}) == set()
    user.resource_count_is("AWS::SecretsManager::Secret", 0)


def test_all_that_is_read_is_published(user: Template, shared: Template) -> None:
    assert read(user) == set(published(shared))


def test_route_and_integration_join_the_shared_api(user: Template) -> None:
    api = value_of("/nami-shared/gateway-id")
    user.has_resource_properties("AWS::ApiGatewayV2::Route", {"ApiId": api, "RouteKey": "POST /nami/shopify"})
    user.has_resource_properties("AWS::ApiGatewayV2::Integration", {"ApiId": api, "PayloadFormatVersion": "2.0"})


def test_shared_api_may_call_the_function_for_its_own_path_alone(user: Template) -> None:
    (permission,) = user.find_resources("AWS::Lambda::Permission").values()
    assert permission["Properties"]["Principal"] == "apigateway.amazonaws.com"
    assert permission["Properties"]["SourceArn"]["Fn::Join"][1][-1] == "/*/*/nami/shopify"


def test_handshakes_method_is_a_route_too(synth: Synth) -> None:
    routes = synth(gateway="shared", destination="dynamodb", signature="meta").find_resources(
        "AWS::ApiGatewayV2::Route"
    )
    assert {r["Properties"]["RouteKey"] for r in routes.values()} == {"GET /nami/shopify", "POST /nami/shopify"}


def test_endpoint_is_at_the_shared_url(user: Template) -> None:
    user.has_output(
        "EndpointUrl", {"Value": {"Fn::Join": ["", [value_of("/nami-shared/gateway-url"), "/nami/shopify"]]}}
    )


def test_post_queue_function_stands_in_the_shared_network(user: Template) -> None:
    group = Match.object_like({"Fn::GetAtt": Match.any_value()})
    user.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "VpcConfig": {"SubnetIds": [value_of("/nami-shared/function-subnet-id")], "SecurityGroupIds": [group]},
            "Environment": {
                "Variables": Match.object_like(
                    {
                        "DESTINATION": "mongo",
                        "MONGO_HOST": value_of("/nami-shared/mongo-host"),
                        "MONGO_SECRET_ARN": value_of("/nami-shared/database-secret-arn"),
                        "MONGO_COLLECTION": "shopify",
                    }
                )
            },
        },
    )


def test_post_queue_function_may_read_the_hosts_secret_and_no_other(user: Template) -> None:
    policies = user.find_resources("AWS::IAM::Policy")
    (policy,) = [each["Properties"]["PolicyDocument"] for key, each in policies.items() if "PostQueueRole" in key]
    readable = [each["Resource"] for each in policy["Statement"] if each["Action"] == "secretsmanager:GetSecretValue"]
    functions = user.find_resources("AWS::Lambda::Function")
    (function,) = [each["Properties"] for key, each in functions.items() if "PostQueue" in key]
    assert readable == [function["Environment"]["Variables"]["MONGO_SECRET_ARN"]]


def test_host_lets_the_subscriptions_function_in_by_the_subscriptions_own_rule(user: Template) -> None:
    (group,) = user.find_resources("AWS::EC2::SecurityGroup")
    (rule,) = user.find_resources("AWS::EC2::SecurityGroupIngress").values()
    user.has_resource_properties(
        "AWS::EC2::SecurityGroupIngress",
        {"GroupId": value_of("/nami-shared/mongo-security-group-id"), "FromPort": 27017, "ToPort": 27017},
    )
    assert rule["Properties"]["SourceSecurityGroupId"] == {"Fn::GetAtt": [group, "GroupId"]}


def test_post_queue_function_may_read_the_hosts_secret_and_the_other_function_may_not(user: Template) -> None:
    readers = [
        key
        for key, policy in user.find_resources("AWS::IAM::Policy").items()
        if "secretsmanager:GetSecretValue" in json.dumps(policy)
    ]
    assert [key.startswith("WebhookMongoPostQueueRole") for key in readers] == [True]


def test_documents_secret_is_an_output(user: Template) -> None:
    user.has_output("DatabaseSecretArn", {"Value": value_of("/nami-shared/database-secret-arn")})
    assert "DataVolumeId" not in user.to_json()["Outputs"]


def test_nothing_but_what_others_must_find_has_a_fixed_name(user: Template, shared: Template) -> None:
    for template in (user, shared):
        text = json.dumps(template.to_json()["Resources"])
        # An access log's begins as AWS asks for, and goes on with the stack's name.
        names = r'"(?:Function|Role|(?:\w+)?Group|Bucket|Queue|LaunchTemplate)Name": "(?!/aws/vendedlogs/nami/nami-)'
        assert re.findall(names, text) == []
    assert shared.find_resources("AWS::SecretsManager::Secret", {"Properties": {"Name": Match.any_value()}}) == {}


def test_what_a_subscription_uses_can_neither_go_nor_change_under_it(user: Template, shared: Template) -> None:
    assert imports(user) == {"nami-shared-gateway", "nami-shared-mongo"}
    tied = exports(shared)
    values = published(shared)
    assert tied["nami-shared-gateway"] == values["/nami-shared/gateway-id"]
    ids = ("vpc-id", "function-subnet-id", "mongo-security-group-id")
    assert tied["nami-shared-mongo"] == {"Fn::Join": [" ", [values[f"/nami-shared/{each}"] for each in ids]]}


def test_only_what_is_used_is_held(synth: Synth) -> None:
    assert imports(synth(gateway="shared", destination="dynamodb")) == {"nami-shared-gateway"}
    assert imports(synth(destination="shared-mongo")) == {"nami-shared-mongo"}


def test_shared_host_is_one_of_several_destinations(synth: Synth) -> None:
    template = synth(destination="dynamodb,shared-mongo")
    template.resource_count_is("AWS::SQS::Queue", 4)
    template.has_output("MongoQueueUrl", {})
    template.has_output("MongoDatabaseSecretArn", {"Value": value_of("/nami-shared/database-secret-arn")})


def test_a_host_of_its_own_goes_beside_the_shared_one(synth: Synth) -> None:
    synth(destination="mongo-host,shared-mongo").has_output("Mongo2QueueUrl", {})


def test_order_is_kept_on_the_shared_ones_too(synth: Synth) -> None:
    synth(**OF_ALL, order_by="$.id").has_resource_properties("AWS::SQS::Queue", {"FifoQueue": True})


def test_an_environment_has_its_own(app_factory: AppFactory) -> None:
    shared = share(app_factory, **PROD)
    user = Template.from_stack(
        WebhookStack(app_factory(), subscription=Subscription.from_context({"name": "shopify", **OF_ALL, **PROD}))
    )
    assert read(user) == set(published(shared))
    assert all(name.startswith("/nami-prod-shared/") for name in read(user))
    assert imports(user) == set(exports(shared))


def test_settings_of_an_environments_subscriptions_do_not_concern_what_they_share() -> None:
    environments = {"prod": {"batch_size": 50, "volume_size": 40, "subscriptions": {"shared": {"egress": "nat"}}}}
    settings = SharedSettings.from_context({"name": "shared", "env": "prod", "environments": environments})
    assert (settings.volume_size, settings.egress, settings.stack_name) == (40, "nat", "nami-prod-shared")


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (
            {"gateway": "shared", "throttle_rate": 5, "throttle_burst": 5},
            "throttle_rate: the shared gateway is not this",
        ),
        (
            {"gateway": "shared", "domain_name": "hooks.example.com"},
            "domain_name='hooks.example.com': the shared gateway has one domain for all; give it to name=shared",
        ),
        ({"gateway": "shared", "ingest": "direct"}, "ingest='direct': an HTTP API can't write the envelope"),
        (
            {"destination": "shared-mongo", "volume_size": 50},
            "volume_size: is for the shared host; give it to name=shared, or leave volume_size out",
        ),
        ({"destination": "shared-mongo", "egress": "nat"}, "egress: is for the shared host; give it to name=shared"),
        ({"destination": "shared-mongo", "table_name": "shop"}, "table_name: belongs to destination=dynamodb"),
        (
            {"destination": "shared-mongo", "gateway": "rest", "ingest": "direct", "signature": "shopify"},
            "ingest='direct': what is not genuine goes to a quarantine queue, and no function of this destination can",
        ),
    ],
)
def test_what_can_not_be_shared_is_one_line(context: dict[str, Any], message: str) -> None:
    assert error_of(**context).startswith(message)


def test_direct_mode_without_a_signature_writes_to_the_shared_host(synth: Synth) -> None:
    template = synth(destination="shared-mongo", gateway="rest", ingest="direct")
    template.resource_count_is("AWS::EC2::VPCEndpoint", 0)


def test_construct_refuses_what_the_settings_refuse(app_factory: AppFactory) -> None:
    stack = cdk.Stack(app_factory(), "Mine")
    with pytest.raises(SettingsError, match="no function of this destination can send to it"):
        ScalableWebhook(
            stack,
            "Shopify",
            name="shopify",
            gateway=RestGateway(stack, "Rest"),
            destination=SharedMongo(stack, "Mongo"),
            signature=Signature.preset("shopify"),
            settings=PipelineSettings(ingest="direct"),
        )


def test_another_app_joins_by_the_constructs(app_factory: AppFactory) -> None:
    stack = cdk.Stack(app_factory(), "Mine")
    gateway, mongo = SharedGateway(stack, "Gateway"), SharedMongo(stack, "Mongo", stack="nami-prod-shared")
    for name in ("shopify", "jira"):
        ScalableWebhook(stack, name.title(), name=name, gateway=gateway, destination=mongo)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::ApiGatewayV2::Integration", 2)
    template.resource_count_is("AWS::EC2::SecurityGroupIngress", 2)
    assert imports(template) == {"nami-shared-gateway", "nami-prod-shared-mongo"}
