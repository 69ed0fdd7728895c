"""What an app makes itself, in the same stack or in another, is taken as it is: constructs, and texts known at last."""

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm
from aws_cdk.assertions import Annotations, Match, Template

from nami_stack import (
    CustomDomain,
    DynamoTable,
    HostSettings,
    HttpBackend,
    HttpGateway,
    MongoDatabase,
    MongoHost,
    Network,
    PipelineSettings,
    ScalableWebhook,
    SettingsError,
    Signature,
    in_your_network,
)

Apps = Callable[..., cdk.App]


class Yours(cdk.Stack):
    """What an app has beside nami."""

    def __init__(self, scope: cdk.App, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.key = kms.Key(self, "Key")
        self.secret = secretsmanager.Secret(self, "Secret", encryption_key=self.key)
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            encryption_key=self.key,
        )
        self.vpc = ec2.Vpc(self, "Vpc", max_azs=1, restrict_default_security_group=False)
        self.zone = route53.PublicHostedZone(self, "Zone", zone_name="example.com")
        self.certificate = acm.Certificate(self, "Certificate", domain_name="hooks.example.com")
        self.url = ssm.StringParameter.value_for_string_parameter(self, "/shop/backend-url")


@pytest.fixture(params=["same stack", "another stack"])
def stacks(request: pytest.FixtureRequest, app_factory: Apps) -> tuple[Yours, cdk.Stack]:
    """Yours, and where nami is."""
    app = app_factory()
    yours = Yours(app, "Shop")
    return yours, yours if request.param == "same stack" else cdk.Stack(app, "Webhooks")


def at_last(stack: cdk.Stack, value: Any) -> Any:
    """What a template says for a value, which of another stack's is known once the app is synthesised."""
    Template.from_stack(stack)
    return stack.resolve(value)


def functions(stack: cdk.Stack, **variables: Any) -> list[dict[str, Any]]:
    """The functions of a stack that have these variables."""
    expected = {"Properties": {"Environment": {"Variables": variables}}}
    found = Template.from_stack(stack).find_resources("AWS::Lambda::Function", expected)
    return [function["Properties"] for function in found.values()]


def rights(stack: cdk.Stack) -> list[dict[str, Any]]:
    policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    return [statement for policy in policies for statement in policy["Properties"]["PolicyDocument"]["Statement"]]


def test_secret_is_what_the_sender_signs_with(stacks: tuple[Yours, cdk.Stack]) -> None:
    yours, stack = stacks
    signature = Signature.preset("shopify")
    ScalableWebhook(
        stack,
        "Orders",
        name="orders",
        signature=signature,
        signature_secret=yours.secret,
        destination=DynamoTable(stack, "T"),
    )
    arn = at_last(stack, yours.secret.secret_arn)
    assert len(functions(stack, SIGNATURE_SECRET_ARN=arn)) == 1
    assert {"Action": "secretsmanager:GetSecretValue", "Effect": "Allow", "Resource": arn} in rights(stack)
    made = 1 if stack is yours else 0
    Template.from_stack(stack).resource_count_is("AWS::SecretsManager::Secret", made)


def test_key_of_a_secret_is_the_functions_to_use_through_secrets_manager(stacks: tuple[Yours, cdk.Stack]) -> None:
    yours, stack = stacks
    ScalableWebhook(stack, "Orders", name="orders", destination=MongoDatabase(stack, "Atlas", secret=yours.secret))
    (right,) = (each for each in rights(stack) if each["Action"] == "kms:Decrypt")
    assert right["Resource"] == stack.resolve(yours.key.key_arn)
    assert "kms:ViaService" in json.dumps(right["Condition"])


def test_table_is_written_to_with_its_key(stacks: tuple[Yours, cdk.Stack]) -> None:
    yours, stack = stacks
    ScalableWebhook(stack, "Orders", name="orders", destination=DynamoTable(stack, "Table2", table=yours.table))
    assert len(functions(stack, DYNAMO_TABLE=at_last(stack, yours.table.table_name))) == 1
    actions = [set(each["Action"]) for each in rights(stack) if isinstance(each["Action"], list)]
    assert {"dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:UpdateItem"} in actions
    assert any("kms:Decrypt" in each and "kms:GenerateDataKey*" in each for each in actions)


def test_backend_may_be_known_at_deployment_alone(stacks: tuple[Yours, cdk.Stack]) -> None:
    yours, stack = stacks
    url = ssm.StringParameter.value_for_string_parameter(stack, "/shop/backend-url")
    ScalableWebhook(stack, "Orders", name="orders", destination=HttpBackend(stack, "Backend", url=f"https://{url}/in"))
    assert len(functions(stack, BACKEND_URL={"Fn::Join": ["", ["https://", stack.resolve(url), "/in"]]})) == 1
    assert yours.url


def test_certificate_and_zone_serve_the_domain(stacks: tuple[Yours, cdk.Stack]) -> None:
    yours, stack = stacks
    domain = CustomDomain(
        stack, "Domain", domain_name="hooks.example.com", certificate=yours.certificate, hosted_zone=yours.zone
    )
    HttpGateway(stack, "Gateway", domain=domain)
    template = Template.from_stack(stack)
    arn = stack.resolve(yours.certificate.certificate_arn)
    template.has_resource_properties(
        "AWS::ApiGatewayV2::DomainName", {"DomainNameConfigurations": [Match.object_like({"CertificateArn": arn})]}
    )
    zone = stack.resolve(yours.zone.hosted_zone_id)
    template.resource_properties_count_is("AWS::Route53::RecordSet", {"HostedZoneId": zone}, 2)


def test_host_and_function_stand_in_your_vpc(stacks: tuple[Yours, cdk.Stack]) -> None:
    yours, stack = stacks
    network = Network(
        stack,
        "Network",
        vpc=yours.vpc,
        host_subnet=yours.vpc.public_subnets[0],
        function_subnet=yours.vpc.private_subnets[0],
    )
    ScalableWebhook(stack, "Orders", name="orders", destination=MongoHost(stack, "Mongo", network=network))
    template = Template.from_stack(stack)
    host, function = (
        stack.resolve(subnet.subnet_id) for subnet in (yours.vpc.public_subnets[0], yours.vpc.private_subnets[0])
    )
    template.has_resource_properties("AWS::AutoScaling::AutoScalingGroup", {"VPCZoneIdentifier": [host]})
    assert [f["VpcConfig"]["SubnetIds"] for f in functions(stack, DESTINATION="mongo")] == [[function]]
    template.resource_count_is("AWS::EC2::VPC", 1 if stack is yours else 0)


def test_volume_is_in_the_zone_that_ec2_gave_your_subnet(stacks: tuple[Yours, cdk.Stack]) -> None:
    yours, stack = stacks
    public, private = yours.vpc.public_subnets[0], yours.vpc.private_subnets[0]
    network = Network(stack, "Network", vpc=yours.vpc, host_subnet=public, function_subnet=private)
    MongoHost(stack, "Mongo", network=network)
    (volume,) = Template.from_stack(stack).find_resources("AWS::EC2::Volume").values()
    assert "Fn::GetAZs" not in json.dumps(volume)


def test_function_beside_a_database_stands_in_your_vpc(stacks: tuple[Yours, cdk.Stack]) -> None:
    yours, stack = stacks
    placement = in_your_network(stack, yours.vpc, yours.vpc.private_subnets[0])
    database = MongoDatabase(stack, "Atlas", secret=yours.secret, placement=placement)
    webhook = ScalableWebhook(stack, "Orders", name="orders", destination=database)
    (function,) = functions(stack, DESTINATION="mongo")
    assert function["VpcConfig"]["SubnetIds"] == [stack.resolve(yours.vpc.private_subnets[0].subnet_id)]
    assert webhook.post_queue_function.is_bound_to_vpc


def test_ids_in_settings_may_be_known_at_deployment_alone(stacks: tuple[Yours, cdk.Stack]) -> None:
    yours, stack = stacks
    volume = ec2.CfnVolume(yours, "Volume", availability_zone="eu-west-1a", size=10)
    settings = HostSettings(
        data_volume_id=volume.ref,
        database_secret_arn=yours.secret.secret_arn,
        availability_zone="eu-west-1a",
        vpc_id=yours.vpc.vpc_id,
        host_subnet_id=yours.vpc.public_subnets[0].subnet_id,
        function_subnet_id=yours.vpc.private_subnets[0].subnet_id,
    )
    host = MongoHost(stack, "Mongo", settings=settings)
    assert stack.resolve(host.data_volume_id) == stack.resolve(volume.ref)
    assert at_last(stack, host.secret.secret_arn) == at_last(stack, yours.secret.secret_arn)
    Annotations.from_stack(stack).has_no_error("*", Match.any_value())


def test_text_that_only_looks_like_a_token_is_refused() -> None:
    with pytest.raises(ValueError, match="must look like vpc-"):
        HostSettings(vpc_id="${Token[x y]}")


def test_secret_by_its_name_is_readable_whatever_its_ending(app_factory: Apps) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    secret = secretsmanager.Secret.from_secret_name_v2(stack, "Named", "atlas")
    ScalableWebhook(stack, "Orders", name="orders", destination=MongoDatabase(stack, "Atlas", secret=secret))
    said = json.dumps([each["Resource"] for each in rights(stack) if each["Action"] == "secretsmanager:GetSecretValue"])
    assert ":secret:atlas-??????" in said


def test_secret_that_nothing_is_signed_with_is_refused(app_factory: Apps) -> None:
    yours = Yours(app_factory(), "Shop")
    with pytest.raises(SettingsError, match=r"^orders: signature_secret: nothing is signed with it; give signature"):
        ScalableWebhook(yours, "Orders", name="orders", signature_secret=yours.secret)


def test_half_a_vpc_is_refused(app_factory: Apps) -> None:
    yours = Yours(app_factory(), "Shop")
    with pytest.raises(SettingsError, match="go together; give all three"):
        Network(yours, "Network", vpc=yours.vpc)


# What other constructs do with a webhook.


def webhook(stack: cdk.Stack, **options: Any) -> ScalableWebhook:
    destination = options.pop("destination", None) or DynamoTable(stack, "Table")
    options = {"signature": Signature.preset("shopify"), **options}
    return ScalableWebhook(stack, "Orders", name="orders", destination=destination, **options)


def test_metrics_are_what_the_functions_count(app_factory: Apps) -> None:
    made = webhook(cdk.Stack(app_factory(), "Shop"))
    metrics = [
        *(made.metric_received(), made.metric_enqueued(), made.metric_stored(), made.metric_duplicates()),
        *(made.metric_failed(), made.metric_away(), made.metric_age()),
    ]
    assert [metric.metric_name for metric in metrics] == [
        *("Received", "Enqueued", "Stored", "Duplicates", "Failed", "Away", "Age"),
    ]
    assert all(dict(metric.dimensions or {}) == {"subscription": "orders"} for metric in metrics)
    assert [metric.statistic for metric in metrics] == ["Sum"] * 6 + ["p99"]


def test_refusals_are_told_apart_by_their_reason(app_factory: Apps) -> None:
    made = webhook(cdk.Stack(app_factory(), "Shop"))
    metric = made.metric_refused("too-large", period=cdk.Duration.minutes(5))
    assert dict(metric.dimensions or {}) == {"subscription": "orders", "refused": "too-large"}
    assert metric.period.to_minutes() == 5
    with pytest.raises(SettingsError, match="reason='forged' must be one of signature, source, "):
        made.metric_refused("forged")


def test_secret_can_be_written_by_who_rotates_it(app_factory: Apps) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    role = iam.Role(stack, "Rotation", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    made = webhook(stack)
    made.grant_put_secret(role)
    assert made.signature_secret
    arn = stack.resolve(made.signature_secret.secret_arn)
    assert any("secretsmanager:PutSecretValue" in each["Action"] and each["Resource"] == arn for each in rights(stack))


def test_signature_without_a_secret_has_none_to_write(app_factory: Apps) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    with pytest.raises(SettingsError, match=r"^orders: its signature has no secret"):
        webhook(stack, signature=Signature.none()).grant_put_secret(iam.User(stack, "User"))


def test_dead_letters_can_be_read_with_their_bodies_and_redriven(app_factory: Apps) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    made = webhook(stack)
    for act in (made.grant_read_dead_letters, made.grant_redrive):
        act(iam.User(stack, act.__name__))
    policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy")
    reader, driver = (
        json.dumps(next(policy for key, policy in policies.items() if key.startswith(name)))
        for name in ("grantreaddeadletters", "grantredrive")
    )
    assert "sqs:ReceiveMessage" in reader
    assert "s3:GetObject*" in reader
    assert "sqs:StartMessageMoveTask" in driver
    assert "sqs:SendMessage" in driver
    assert "s3:GetObject" not in driver


def test_webhook_in_a_vpc_is_let_into_what_is_there(app_factory: Apps) -> None:
    yours = Yours(app_factory(), "Shop")
    placement = in_your_network(yours, yours.vpc, yours.vpc.private_subnets[0])
    made = webhook(yours, destination=MongoDatabase(yours, "Mongo", secret=yours.secret, placement=placement))
    cache = ec2.SecurityGroup(yours, "Cache", vpc=yours.vpc)
    cache.connections.allow_from(made, ec2.Port.tcp(6379))
    (group,) = made.connections.security_groups
    Template.from_stack(yours).has_resource_properties(
        "AWS::EC2::SecurityGroupIngress",
        {"FromPort": 6379, "SourceSecurityGroupId": yours.resolve(group.security_group_id)},
    )


def test_webhook_outside_of_a_vpc_has_no_connections(app_factory: Apps) -> None:
    made = webhook(cdk.Stack(app_factory(), "Shop"))
    with pytest.raises(SettingsError, match=r"^orders: no function of it stands in a VPC"):
        _ = made.connections


def test_environment_that_is_known_at_deployment_alone_costs_no_error(app_factory: Apps) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    source = ssm.StringParameter.value_for_string_parameter(stack, "/shop/office")
    made = webhook(stack, settings=PipelineSettings(allowed_sources=(source,)))
    assert isinstance(made.pre_queue_function, lambda_.Function)
    assert len(functions(stack, ALLOWED_SOURCES=stack.resolve(source))) == 1
