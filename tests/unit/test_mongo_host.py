import json
import shutil
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import boto3
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Annotations, Match, Template
from botocore.stub import Stubber
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from nami_stack import HostSettings, MongoHost, SettingsError
from nami_stack.assets import EC2_USERDATA
from nami_stack.destinations.mongo_host import host_script

Synth = Callable[..., Template]

SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:Mongo-abcdef"
ADOPTED_VOLUME = {
    "data_volume_id": "vol-0123456789abcdef0",
    "availability_zone": "eu-west-1a",
    "database_secret_arn": SECRET_ARN,
}
ADOPTED_NETWORK = {
    "vpc_id": "vpc-0123456789abcdef0",
    "availability_zone": "eu-west-1a",
    "host_subnet_id": "subnet-0123456789abcdef0",
    "function_subnet_id": "subnet-0123456789abcdef1",
}


def find(template: Template, kind: str, **properties: Any) -> dict[str, Any]:
    """Return the one resource of this type, properties and all."""
    (found,) = template.find_resources(kind, {"Properties": properties}).values()
    return dict(found)


def logical_id(template: Template, kind: str) -> str:
    (found,) = template.find_resources(kind)
    return str(found)


def user_data(template: Template) -> str:
    """Return the user data, with {Name} where CloudFormation puts something in."""
    data = find(template, "AWS::EC2::LaunchTemplate")["Properties"]["LaunchTemplateData"]["UserData"]
    parts = data["Fn::Base64"]["Fn::Join"][1]
    return "".join(part if isinstance(part, str) else f"{{{part['Ref']}}}" for part in parts)


def host_statements(template: Template) -> list[dict[str, Any]]:
    """Return what the instance may do."""
    role = next(key for key in template.find_resources("AWS::IAM::Role") if key.startswith("MongoHostRole"))
    policies = template.find_resources("AWS::IAM::Policy", {"Properties": {"Roles": [{"Ref": role}]}})
    return [s for policy in policies.values() for s in policy["Properties"]["PolicyDocument"]["Statement"]]


def actions(statement: dict[str, Any]) -> list[str]:
    action = statement["Action"]
    return [action] if isinstance(action, str) else list(action)


# What holds data.


def test_logical_ids_of_what_holds_data_never_change(template: Template) -> None:
    assert logical_id(template, "AWS::EC2::Volume") == "MongoHostDataVolumeDC9397A7"
    assert logical_id(template, "AWS::SecretsManager::Secret") == "MongoHostSecret9C6E61B7"


@pytest.mark.parametrize("kind", ["AWS::EC2::Volume", "AWS::SecretsManager::Secret"])
def test_what_holds_data_outlives_the_stack_and_its_own_replacement(template: Template, kind: str) -> None:
    template.has_resource(kind, {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"})


def test_volume_is_encrypted_gp3_of_10_gib_with_a_tag_for_backups(template: Template) -> None:
    volume = find(template, "AWS::EC2::Volume")["Properties"]
    assert (volume["Encrypted"], volume["VolumeType"], volume["Size"]) == (True, "gp3", 10)
    assert {"Key": "nami:backup", "Value": "mongo"} in volume["Tags"]


def test_volume_is_in_the_zone_of_the_host(template: Template) -> None:
    zone = find(template, "AWS::EC2::Volume")["Properties"]["AvailabilityZone"]
    (subnet,) = find(template, "AWS::AutoScaling::AutoScalingGroup")["Properties"]["VPCZoneIdentifier"]
    assert zone == {"Fn::GetAtt": [subnet["Ref"], "AvailabilityZone"]}


def test_password_rule_never_changes_because_that_would_make_another_password(template: Template) -> None:
    assert find(template, "AWS::SecretsManager::Secret")["Properties"]["GenerateSecretString"] == {
        "ExcludePunctuation": True,
        "GenerateStringKey": "password",
        "PasswordLength": 32,
        "SecretStringTemplate": '{"username": "nami"}',
    }


@pytest.mark.parametrize("end", [";touch${IFS}/tmp/x", "$(id)", "`id`", " x", "\nx", "'", '"', "&", "|id"])
def test_secret_that_a_shell_would_read_as_more_is_none(end: str) -> None:
    with pytest.raises(ValidationError, match="must look like arn:aws:secretsmanager"):
        HostSettings(
            data_volume_id=ADOPTED_VOLUME["data_volume_id"],
            availability_zone=ADOPTED_VOLUME["availability_zone"],
            database_secret_arn=SECRET_ARN + end,
        )


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_no_value_of_the_user_data_is_more_than_a_value_to_bash(value: str) -> None:
    assigned = host_script({"NAMI_VALUE": value}).removesuffix(host_script({}))
    run = subprocess.run(["bash", "-c", f'{assigned}\nprintf %s "$NAMI_VALUE"'], capture_output=True, check=True)
    assert run.stdout.decode() == value


def test_bigger_volume_makes_a_new_host_which_grows_the_file_system(synth: Synth, template: Template) -> None:
    assert user_data(synth(volume_size=40)) != user_data(template)


def test_adopted_volume_and_secret_are_used_and_none_is_made(synth: Synth) -> None:
    template = synth(**ADOPTED_VOLUME)
    template.resource_count_is("AWS::EC2::Volume", 0)
    template.resource_count_is("AWS::SecretsManager::Secret", 0)
    lines = user_data(template).splitlines()
    assert {"NAMI_VOLUME_ID=vol-0123456789abcdef0", f"NAMI_SECRET_ARN={SECRET_ARN}"} <= set(lines)


def test_host_stands_in_the_zone_of_the_adopted_volume(synth: Synth) -> None:
    subnets = synth(**ADOPTED_VOLUME).find_resources("AWS::EC2::Subnet").values()
    assert {subnet["Properties"]["AvailabilityZone"] for subnet in subnets} == {"eu-west-1a"}


# The group and its instance.


def test_group_has_exactly_one_instance(template: Template) -> None:
    group = find(template, "AWS::AutoScaling::AutoScalingGroup")["Properties"]
    assert (group["MinSize"], group["MaxSize"]) == ("1", "1")


def test_deployment_waits_until_the_new_host_signals(template: Template) -> None:
    group = find(template, "AWS::AutoScaling::AutoScalingGroup")
    assert group["CreationPolicy"]["ResourceSignal"] == {"Count": 1, "Timeout": "PT15M"}
    update = group["UpdatePolicy"]["AutoScalingRollingUpdate"]
    assert (update["WaitOnResourceSignals"], update["PauseTime"]) == (True, "PT15M")


def test_replacement_frees_the_volume_before_it_starts_the_new_host(template: Template) -> None:
    update = find(template, "AWS::AutoScaling::AutoScalingGroup")["UpdatePolicy"]["AutoScalingRollingUpdate"]
    assert (update["MinInstancesInService"], update["MaxBatchSize"]) == (0, 1)


def test_host_is_replaced_each_month_by_one_with_the_newest_amazon_linux(template: Template) -> None:
    group = find(template, "AWS::AutoScaling::AutoScalingGroup")["Properties"]
    assert group["MaxInstanceLifetime"] == 30 * 24 * 3600
    assert group["InstanceMaintenancePolicy"] == {"MinHealthyPercentage": 0, "MaxHealthyPercentage": 100}


def test_host_can_be_left_as_it_is(synth: Synth) -> None:
    group = find(synth(host_days=0), "AWS::AutoScaling::AutoScalingGroup")["Properties"]
    assert "MaxInstanceLifetime" not in group


@pytest.mark.parametrize(
    ("instance_type", "specification"), [("t4g.small", {"CpuCredits": "unlimited"}), ("m8g.medium", None)]
)
def test_only_a_burstable_type_has_credits(
    synth: Synth, instance_type: str, specification: dict[str, str] | None
) -> None:
    template = synth(instance_type=instance_type)
    data = find(template, "AWS::EC2::LaunchTemplate")["Properties"]["LaunchTemplateData"]
    assert data.get("CreditSpecification") == specification
    alarms = template.find_resources("AWS::CloudWatch::Alarm").values()
    charged = [alarm for alarm in alarms if alarm["Properties"].get("MetricName") == "CPUSurplusCreditsCharged"]
    assert len(charged) == (specification is not None)


def test_signal_names_the_group(template: Template) -> None:
    group = logical_id(template, "AWS::AutoScaling::AutoScalingGroup")
    assert f"\nNAMI_LOGICAL_ID={group}\n" in user_data(template)


def test_new_image_does_not_change_the_template(template: Template) -> None:
    data = find(template, "AWS::EC2::LaunchTemplate")["Properties"]["LaunchTemplateData"]
    assert data["ImageId"].startswith("resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-")
    assert data["ImageId"].endswith("-arm64")
    assert {p["Type"] for p in template.find_parameters("*").values()} <= {"AWS::SSM::Parameter::Value<String>"}


def test_instance_metadata_needs_a_token_and_is_out_of_reach_of_containers(template: Template) -> None:
    data = find(template, "AWS::EC2::LaunchTemplate")["Properties"]["LaunchTemplateData"]
    assert data["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}


def test_root_volume_is_encrypted(template: Template) -> None:
    data = find(template, "AWS::EC2::LaunchTemplate")["Properties"]["LaunchTemplateData"]
    assert [mapping["Ebs"]["Encrypted"] for mapping in data["BlockDeviceMappings"]] == [True]


def test_there_is_no_ssh_key(template: Template) -> None:
    template.resource_count_is("AWS::EC2::KeyPair", 0)
    assert "KeyName" not in find(template, "AWS::EC2::LaunchTemplate")["Properties"]["LaunchTemplateData"]


def test_instance_starts_only_with_its_rights_a_way_out_and_a_way_to_its_secret(template: Template) -> None:
    before = find(template, "AWS::AutoScaling::AutoScalingGroup")["DependsOn"]
    kinds = {template.to_json()["Resources"][key]["Type"] for key in before}
    assert {"AWS::EC2::Route", "AWS::EC2::SecurityGroupIngress"} <= kinds
    launch = find(template, "AWS::EC2::LaunchTemplate")["DependsOn"]
    assert any(template.to_json()["Resources"][key]["Type"] == "AWS::IAM::Policy" for key in launch)


# The user data.


def test_user_data_begins_as_a_script_with_the_variables_above_it(template: Template) -> None:
    first, *lines = user_data(template).splitlines()
    assert first == "#!/bin/bash"
    variables = [line for line in lines[: lines.index("set -Eeuo pipefail")] if not line.startswith("#")]
    assert variables
    assert all(line.startswith("NAMI_") for line in variables)


def test_every_variable_that_the_script_needs_is_given(template: Template) -> None:
    script = user_data(template)
    needed = {word.removeprefix("${").removesuffix(":?}") for word in script.replace('"', " ").split() if ":?}" in word}
    assert needed
    assert all(f"\n{name}=" in script for name in needed)


def test_user_data_fits_into_what_ec2_takes(template: Template) -> None:
    assert len(user_data(template).encode()) < 15_000  # the limit is 16,384, and ids are longer than their names here


def test_mongo_image_is_pinned_to_a_release(template: Template) -> None:
    (image,) = [line for line in user_data(template).splitlines() if line.startswith("NAMI_MONGO_IMAGE=")]
    release, _, digest = image.partition("@sha256:")
    assert len(release.rpartition(":")[2].split(".")) == 3
    assert len(digest) == 64


def test_kernel_is_of_a_named_line_since_mongodb_does_not_start_on_every_one(template: Template) -> None:
    data = find(template, "AWS::EC2::LaunchTemplate")["Properties"]["LaunchTemplateData"]
    line = data["ImageId"].partition("al2023-ami-kernel-")[2].removesuffix("-arm64")
    assert tuple(map(int, line.split("."))) < (6, 19)


def test_shell_scripts_pass_shellcheck() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    tests = Path(__file__).parents[1] / "host" / "bin"
    scripts = [*EC2_USERDATA.glob("*.sh"), *tests.iterdir()]
    command = [shellcheck if shellcheck.exists() else shutil.which("shellcheck") or "shellcheck", *scripts]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


# Rights.


def test_only_what_cannot_be_narrowed_is_allowed_on_everything(template: Template) -> None:
    everywhere = {action for s in host_statements(template) if s["Resource"] == "*" for action in actions(s)}
    assert everywhere == {
        "cloudwatch:PutMetricData",
        "ec2:DescribeVolumes",
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    }


def test_host_puts_metrics_into_one_namespace_alone(template: Template) -> None:
    (statement,) = [s for s in host_statements(template) if actions(s) == ["cloudwatch:PutMetricData"]]
    assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": "nami"}}


def test_no_right_of_the_host_is_a_wildcard(template: Template) -> None:
    assert not [action for s in host_statements(template) for action in actions(s) if "*" in action]


def test_host_has_no_managed_policy(template: Template) -> None:
    role = find(
        template,
        "AWS::IAM::Role",
        AssumeRolePolicyDocument=Match.object_like(
            {"Statement": [Match.object_like({"Principal": {"Service": "ec2.amazonaws.com"}})]}
        ),
    )
    assert "ManagedPolicyArns" not in role["Properties"]


def test_host_attaches_its_own_volume_to_its_own_instance_only(template: Template) -> None:
    volume = {"Ref": logical_id(template, "AWS::EC2::Volume")}
    attach = [s for s in host_statements(template) if "ec2:AttachVolume" in actions(s)]
    on_volume, on_instance = sorted(attach, key=lambda s: "Condition" in s)
    assert on_volume["Resource"]["Fn::Join"][1][-1] == volume
    assert on_instance["Condition"] == {"StringEquals": {"aws:ResourceTag/nami:data-volume": volume}}
    tags = find(template, "AWS::AutoScaling::AutoScalingGroup")["Properties"]["Tags"]
    assert {"Key": "nami:data-volume", "PropagateAtLaunch": True, "Value": volume} in tags


def test_host_reads_one_secret(template: Template) -> None:
    (read,) = [s for s in host_statements(template) if "secretsmanager:GetSecretValue" in actions(s)]
    assert read["Resource"] == {"Ref": logical_id(template, "AWS::SecretsManager::Secret")}


def test_host_writes_one_name(template: Template) -> None:
    (write,) = [s for s in host_statements(template) if "route53:ChangeResourceRecordSets" in actions(s)]
    record = write["Condition"]["ForAllValues:StringEquals"]
    (name,) = record["route53:ChangeResourceRecordSetsNormalizedRecordNames"]
    assert f"\nNAMI_DNS_NAME={name}\n" in user_data(template)
    assert record["route53:ChangeResourceRecordSetsActions"] == ["UPSERT"]


def test_host_signals_this_stack_only(template: Template) -> None:
    (signal,) = [s for s in host_statements(template) if "cloudformation:SignalResource" in actions(s)]
    assert signal["Resource"] == {"Ref": "AWS::StackId"}


# The network.


def host_group(template: Template) -> dict[str, Any]:
    return {
        "Fn::GetAtt": [logical_ids(template, "AWS::EC2::SecurityGroup", GroupDescription="MongoDB host"), "GroupId"]
    }


def logical_ids(template: Template, kind: str, **properties: Any) -> str:
    (found,) = template.find_resources(kind, {"Properties": properties})
    return str(found)


def test_only_the_function_reaches_the_host_and_only_mongodb(template: Template) -> None:
    (rule,) = template.find_resources(
        "AWS::EC2::SecurityGroupIngress", {"Properties": {"GroupId": host_group(template)}}
    ).values()
    rule = rule["Properties"]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 27017, 27017)
    function = find(template, "AWS::Lambda::Function", VpcConfig=Match.any_value())["Properties"]
    assert [rule["SourceSecurityGroupId"]] == function["VpcConfig"]["SecurityGroupIds"]
    group = find(template, "AWS::EC2::SecurityGroup", GroupDescription="MongoDB host")["Properties"]
    assert "SecurityGroupIngress" not in group


def test_host_reaches_nothing_but_https(template: Template) -> None:
    group = find(template, "AWS::EC2::SecurityGroup", GroupDescription="MongoDB host")["Properties"]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupEgress"]] == [(443, 443)]


def test_no_security_group_lets_addresses_in(template: Template) -> None:
    groups = template.find_resources("AWS::EC2::SecurityGroup").values()
    assert not [group for group in groups if "SecurityGroupIngress" in group["Properties"]]
    rules = template.find_resources("AWS::EC2::SecurityGroupIngress").values()
    assert all("SourceSecurityGroupId" in rule["Properties"] for rule in rules)


def test_function_has_no_way_out_but_the_endpoints(template: Template) -> None:
    resources = template.to_json()["Resources"]
    (subnet,) = find(template, "AWS::Lambda::Function", VpcConfig=Match.any_value())["Properties"]["VpcConfig"][
        "SubnetIds"
    ]
    (table,) = [
        r["Properties"]["RouteTableId"]
        for r in resources.values()
        if r["Type"] == "AWS::EC2::SubnetRouteTableAssociation" and r["Properties"]["SubnetId"] == subnet
    ]
    assert not template.find_resources("AWS::EC2::Route", {"Properties": {"RouteTableId": table}})
    assert table in find(template, "AWS::EC2::VPCEndpoint", VpcEndpointType="Gateway")["Properties"]["RouteTableIds"]


@pytest.mark.parametrize("service", ["secretsmanager", "sqs"])
def test_host_and_function_both_reach_the_endpoints(template: Template, service: str) -> None:
    """Secrets Manager; and SQS, to which the function sends back what waits for the database."""
    endpoints = template.find_resources("AWS::EC2::VPCEndpoint").values()
    (endpoint,) = [each["Properties"] for each in endpoints if f".{service}" in str(each["Properties"]["ServiceName"])]
    (group,) = endpoint["SecurityGroupIds"]
    rules = template.find_resources("AWS::EC2::SecurityGroupIngress", {"Properties": {"GroupId": group}}).values()
    sources = [rule["Properties"]["SourceSecurityGroupId"] for rule in rules]
    function = find(template, "AWS::Lambda::Function", VpcConfig=Match.any_value())["Properties"]
    assert len(sources) == 2
    assert host_group(template) in sources
    assert function["VpcConfig"]["SecurityGroupIds"][0] in sources
    assert {rule["Properties"]["FromPort"] for rule in rules} == {443}


def test_without_nat_only_the_interface_endpoints_cost(template: Template) -> None:
    template.resource_count_is("AWS::EC2::NatGateway", 0)
    template.resource_count_is("AWS::EC2::EIP", 0)
    template.resource_properties_count_is("AWS::EC2::VPCEndpoint", {"VpcEndpointType": "Interface"}, 2)


def test_with_nat_host_and_function_stand_in_the_private_subnet_behind_it(synth: Synth) -> None:
    template = synth(egress="nat")
    template.resource_count_is("AWS::EC2::NatGateway", 1)
    template.resource_properties_count_is("AWS::EC2::VPCEndpoint", {"VpcEndpointType": "Interface"}, 0)
    (host,) = find(template, "AWS::AutoScaling::AutoScalingGroup")["Properties"]["VPCZoneIdentifier"]
    function = find(template, "AWS::Lambda::Function", VpcConfig=Match.any_value())["Properties"]
    assert function["VpcConfig"]["SubnetIds"] == [host]
    assert template.find_resources("AWS::EC2::Subnet")[host["Ref"]]["Properties"]["MapPublicIpOnLaunch"] is False


def test_over_ipv6_the_function_has_a_way_out_and_nothing_costs(synth: Synth) -> None:
    template = synth(egress="ipv6")
    for kind in ("VPCEndpoint", "NatGateway", "EIP"):
        template.resource_count_is(f"AWS::EC2::{kind}", 0)
    function = find(template, "AWS::Lambda::Function", VpcConfig=Match.any_value())["Properties"]
    assert function["VpcConfig"]["Ipv6AllowedForDualStack"] is True
    assert function["Environment"]["Variables"]["AWS_USE_DUALSTACK_ENDPOINT"] == "true"
    (subnet,) = function["VpcConfig"]["SubnetIds"]
    assert "Ipv6CidrBlock" in template.find_resources("AWS::EC2::Subnet")[subnet["Ref"]]["Properties"]
    table = find(template, "AWS::EC2::SubnetRouteTableAssociation", SubnetId=subnet)["Properties"]["RouteTableId"]
    gateway = {"Fn::GetAtt": [logical_id(template, "AWS::EC2::EgressOnlyInternetGateway"), "Id"]}
    route = find(template, "AWS::EC2::Route", RouteTableId=table)["Properties"]
    assert (route["DestinationIpv6CidrBlock"], route["EgressOnlyInternetGatewayId"]) == ("::/0", gateway)


def test_over_ipv6_the_function_gets_out_to_https_alone(synth: Synth) -> None:
    template = synth(egress="ipv6")
    function = find(template, "AWS::Lambda::Function", VpcConfig=Match.any_value())["Properties"]
    (group,) = function["VpcConfig"]["SecurityGroupIds"]
    rules = template.find_resources("AWS::EC2::SecurityGroup")[group["Fn::GetAtt"][0]]["Properties"]
    (rule,) = (rule for rule in rules["SecurityGroupEgress"] if "CidrIpv6" in rule)
    assert (rule["CidrIpv6"], rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("::/0", "tcp", 443, 443)
    assert "SecurityGroupIngress" not in rules


def test_over_ipv6_the_host_keeps_its_ipv4_address_and_gets_no_other(synth: Synth) -> None:
    template = synth(egress="ipv6")
    (host,) = find(template, "AWS::AutoScaling::AutoScalingGroup")["Properties"]["VPCZoneIdentifier"]
    subnet = template.find_resources("AWS::EC2::Subnet")[host["Ref"]]["Properties"]
    assert (subnet["MapPublicIpOnLaunch"], subnet["AssignIpv6AddressOnCreation"]) == (True, False)
    groups = template.find_resources(
        "AWS::EC2::SecurityGroup", {"Properties": {"GroupDescription": "MongoDB host"}}
    ).values()
    assert "CidrIpv6" not in json.dumps(list(groups))


def test_no_function_uses_ipv6_unasked(template: Template) -> None:
    said = json.dumps(template.to_json())
    assert "Ipv6" not in said
    assert "AWS_USE_DUALSTACK_ENDPOINT" not in said


@pytest.mark.parametrize("egress", ["none", "ipv6", "nat"])
def test_network_has_one_zone_that_ec2_chooses_once(synth: Synth, egress: str) -> None:
    template = synth(egress=egress)
    subnets = template.find_resources("AWS::EC2::Subnet")
    (first,) = (key for key, subnet in subnets.items() if "AvailabilityZone" not in subnet["Properties"])
    zone = {"Fn::GetAtt": [first, "AvailabilityZone"]}
    assert [subnet["Properties"]["AvailabilityZone"] for key, subnet in subnets.items() if key != first] == [zone]
    assert find(template, "AWS::EC2::Volume")["Properties"]["AvailabilityZone"] == zone
    assert "Fn::GetAZs" not in json.dumps(template.to_json())


def test_adopted_network_is_used_as_it_is(synth: Synth) -> None:
    template = synth(**ADOPTED_NETWORK)
    for kind in ("VPC", "Subnet", "InternetGateway", "VPCEndpoint", "NatGateway", "Route"):
        template.resource_count_is(f"AWS::EC2::{kind}", 0)
    group = find(template, "AWS::AutoScaling::AutoScalingGroup")["Properties"]
    assert group["VPCZoneIdentifier"] == ["subnet-0123456789abcdef0"]
    function = find(template, "AWS::Lambda::Function", VpcConfig=Match.any_value())["Properties"]
    assert function["VpcConfig"]["SubnetIds"] == ["subnet-0123456789abcdef1"]
    assert find(template, "AWS::EC2::Volume")["Properties"]["AvailabilityZone"] == "eu-west-1a"


def test_adopted_network_needs_no_look_up(app_factory: Callable[..., cdk.App]) -> None:
    app = app_factory()
    stack = cdk.Stack(app, "Stack")
    MongoHost(stack, "Host", settings=HostSettings(**ADOPTED_NETWORK))
    Annotations.from_stack(stack).has_no_warning("*", Match.any_value())
    assert "missing" not in json.loads(Path(app.synth().directory, "manifest.json").read_text())


def test_two_hosts_in_one_network_have_names_of_their_own(app_factory: Callable[..., cdk.App]) -> None:
    stack = cdk.Stack(app_factory(), "Stack")
    first = MongoHost(stack, "First")
    second = MongoHost(stack, "Second", network=first.network)
    assert first.dns_name != second.dns_name
    Template.from_stack(stack).resource_count_is("AWS::EC2::VPC", 1)


def test_host_brings_no_warnings(app_factory: Callable[..., cdk.App]) -> None:
    stack = cdk.Stack(app_factory(), "Stack")
    MongoHost(stack, "Host")
    Annotations.from_stack(stack).has_no_warning("*", Match.any_value())


# The private zone, and how it goes.


def test_zone_is_private_and_the_name_is_in_it(template: Template) -> None:
    zone = find(template, "AWS::Route53::HostedZone", VPCs=Match.any_value())["Properties"]["Name"]
    assert f".{zone.rstrip('.')}\n" in user_data(template)


def test_host_goes_before_the_zone_is_emptied(template: Template) -> None:
    emptied = logical_id(template, "Custom::EmptiedZone")
    assert emptied in find(template, "AWS::AutoScaling::AutoScalingGroup")["DependsOn"]


def test_zone_is_emptied_before_it_goes(template: Template) -> None:
    emptied = find(template, "Custom::EmptiedZone")["Properties"]
    assert emptied["HostedZoneId"] == {"Ref": logical_id(template, "AWS::Route53::HostedZone")}


def test_emptying_function_keeps_its_rights_until_the_zone_is_empty(template: Template) -> None:
    token = find(template, "Custom::EmptiedZone")["Properties"]["ServiceToken"]["Fn::GetAtt"][0]
    function = template.find_resources("AWS::Lambda::Function")[token]
    assert any(key in function["DependsOn"] for key in template.find_resources("AWS::IAM::Policy"))


class CloudFormation:
    """Runs the inline code as CloudFormation does, and keeps its answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
        self.route53 = boto3.client(
            "route53", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        self.stub = Stubber(self.route53)
        self.answers: list[dict[str, Any]] = []
        self.physical_id = "Z1"  # of one that was made before it remembered the availability zone
        self.module = types.ModuleType("index")
        monkeypatch.setattr("boto3.client", lambda _: self.route53)
        monkeypatch.setattr("urllib3.PoolManager.request", lambda _pool, *given, **more: self._answer(*given, **more))
        exec(code, self.module.__dict__)

    def _answer(self, method: str, url: str, body: str) -> None:
        assert (method, url) == ("PUT", "https://answer.example")
        self.answers.append(json.loads(body))

    def send(self, request: str, *, zone: str | None = None, key: str | None = None) -> dict[str, Any]:
        event = {"RequestType": request, "ResponseURL": "https://answer.example", "StackId": "s", "RequestId": "r"}
        properties = {"HostedZoneId": "Z1"} | ({"AvailabilityZone": zone} if zone else {})
        properties |= {"VolumeKey": key} if key else {}
        if request != "Create":
            event["PhysicalResourceId"] = self.physical_id
        with self.stub:
            self.module.handler({**event, "LogicalResourceId": "l", "ResourceProperties": properties}, None)
        if request == "Create":
            self.physical_id = self.answers[-1]["PhysicalResourceId"]
        self.stub.assert_no_pending_responses()
        return self.answers[-1]


OWN = [
    {"Name": "x.nami.internal.", "Type": "NS", "TTL": 1, "ResourceRecords": [{"Value": "ns"}]},
    {"Name": "x.nami.internal.", "Type": "SOA", "TTL": 1, "ResourceRecords": [{"Value": "soa"}]},
]
ADDRESS = {"Name": "mongo.x.nami.internal.", "Type": "A", "TTL": 10, "ResourceRecords": [{"Value": "10.0.0.4"}]}


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch, template: Template) -> CloudFormation:
    token = find(template, "Custom::EmptiedZone")["Properties"]["ServiceToken"]["Fn::GetAtt"][0]
    function = template.find_resources("AWS::Lambda::Function")[token]
    return CloudFormation(monkeypatch, function["Properties"]["Code"]["ZipFile"])


def list_records(cloudformation: CloudFormation, records: list[dict[str, Any]]) -> None:
    answer = {"ResourceRecordSets": records, "IsTruncated": False, "MaxItems": "300"}
    cloudformation.stub.add_response("list_resource_record_sets", answer, {"HostedZoneId": "Z1"})


def test_delete_takes_the_hosts_record_and_leaves_the_zones_own(cloudformation: CloudFormation) -> None:
    list_records(cloudformation, [*OWN, ADDRESS])
    cloudformation.stub.add_response(
        "change_resource_record_sets",
        {"ChangeInfo": {"Id": "c", "Status": "PENDING", "SubmittedAt": 0}},
        {"HostedZoneId": "Z1", "ChangeBatch": {"Changes": [{"Action": "DELETE", "ResourceRecordSet": ADDRESS}]}},
    )
    assert cloudformation.send("Delete")["Status"] == "SUCCESS"


def test_delete_of_a_zone_without_a_record_succeeds(cloudformation: CloudFormation) -> None:
    list_records(cloudformation, OWN)
    assert cloudformation.send("Delete")["Status"] == "SUCCESS"


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_nothing_is_deleted_before_the_stack_goes(cloudformation: CloudFormation, request_type: str) -> None:
    assert cloudformation.send(request_type) == {
        "Status": "SUCCESS",
        "PhysicalResourceId": "Z1",
        "StackId": "s",
        "RequestId": "r",
        "LogicalResourceId": "l",
    }


def test_failure_is_answered_with_its_reason(cloudformation: CloudFormation) -> None:
    cloudformation.stub.add_client_error("list_resource_record_sets", "AccessDenied", "no")
    answer = cloudformation.send("Delete")
    assert answer["Status"] == "FAILED"
    assert "AccessDenied" in answer["Reason"]


# Backups.


@pytest.fixture(scope="module")
def backed_up(synth: Synth) -> Template:
    return synth(backup_days=7)


def host_tag(template: Template) -> str:
    (tag,) = [t["Value"] for t in find(template, "AWS::EC2::Volume")["Properties"]["Tags"] if t["Key"] == "nami:host"]
    return str(tag)


def test_nothing_is_backed_up_unless_asked_for(template: Template) -> None:
    template.resource_count_is("AWS::DLM::LifecyclePolicy", 0)


def test_volume_is_found_by_a_tag_that_no_other_stacks_volume_has(backed_up: Template, app_factory: Any) -> None:
    policy = find(backed_up, "AWS::DLM::LifecyclePolicy")["Properties"]
    assert policy["PolicyDetails"]["TargetTags"] == [{"Key": "nami:host", "Value": host_tag(backed_up)}]
    hosts = [MongoHost(cdk.Stack(app_factory(), stack), "MongoHost") for stack in ("nami-shopify", "nami-jira")]
    assert len({host.dns_name for host in hosts}) == 2


def test_snapshot_is_made_daily_and_kept_as_many_days(backed_up: Template) -> None:
    (schedule,) = find(backed_up, "AWS::DLM::LifecyclePolicy")["Properties"]["PolicyDetails"]["Schedules"]
    assert (schedule["CreateRule"]["Interval"], schedule["CreateRule"]["IntervalUnit"]) == (24, "HOURS")
    assert schedule["RetainRule"] == {"Count": 7}


def backup_statements(template: Template) -> list[dict[str, Any]]:
    role = next(key for key in template.find_resources("AWS::IAM::Role") if key.startswith("MongoHostBackupRole"))
    policies = template.find_resources("AWS::IAM::Policy", {"Properties": {"Roles": [{"Ref": role}]}})
    return [s for policy in policies.values() for s in policy["Properties"]["PolicyDocument"]["Statement"]]


def test_backups_may_delete_no_snapshots_but_this_hosts(backed_up: Template) -> None:
    (statement,) = [s for s in backup_statements(backed_up) if "ec2:DeleteSnapshot" in actions(s)]
    assert statement["Condition"] == {"StringEquals": {"aws:ResourceTag/nami:host": host_tag(backed_up)}}
    (schedule,) = find(backed_up, "AWS::DLM::LifecyclePolicy")["Properties"]["PolicyDetails"]["Schedules"]
    assert schedule["CopyTags"] is True  # else the snapshots would lack the tag


def test_backups_may_read_no_volume_but_this_hosts(backed_up: Template) -> None:
    (statement,) = [s for s in backup_statements(backed_up) if "ec2:CreateSnapshot" in actions(s)]
    volume, snapshot = (json.dumps(resource) for resource in statement["Resource"])
    assert logical_id(backed_up, "AWS::EC2::Volume") in volume
    assert ":snapshot/*" in snapshot


def test_backups_change_neither_the_volume_nor_the_host(backed_up: Template, template: Template) -> None:
    assert user_data(backed_up) == user_data(template)
    assert find(backed_up, "AWS::EC2::Volume") == find(template, "AWS::EC2::Volume")


def test_backups_use_no_key_but_the_volumes_own_and_through_ec2_alone(synth: Synth, backed_up: Template) -> None:
    assert "kms:" not in json.dumps(backup_statements(backed_up))
    rights = [s for s in backup_statements(synth(volume_key_arn=KEY, backup_days=7)) if "kms:" in json.dumps(s)]
    through = {"Fn::Join": ["", ["ec2.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}]]}
    assert [(s["Resource"], s["Condition"]["StringEquals"]) for s in rights] == [(KEY, {"kms:ViaService": through})] * 2
    grant, use = rights
    assert (grant["Action"], grant["Condition"]["Bool"]) == ("kms:CreateGrant", {"kms:GrantIsForAWSResource": "true"})
    assert {"kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext"} < set(use["Action"])


def test_adopted_volume_is_tagged_by_its_host_which_may_set_that_tag_alone(synth: Synth) -> None:
    template = synth(**ADOPTED_VOLUME, backup_days=7)
    (tag,) = find(template, "AWS::DLM::LifecyclePolicy")["Properties"]["PolicyDetails"]["TargetTags"]
    assert f"NAMI_VOLUME_TAG=Key=nami:host,Value={tag['Value']}" in user_data(template).splitlines()
    (statement,) = [s for s in host_statements(template) if actions(s) == ["ec2:CreateTags"]]
    assert "volume/vol-0123456789abcdef0" in json.dumps(statement["Resource"])
    assert statement["Condition"] == {
        "StringEquals": {"aws:RequestTag/nami:host": tag["Value"]},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["nami:host"]},
    }


def test_host_tags_nothing_where_its_stack_made_the_volume(backed_up: Template) -> None:
    assert not [s for s in host_statements(backed_up) if "ec2:CreateTags" in actions(s)]


# The availability zone of the volume.


def test_volume_is_made_only_where_its_zone_may_be(template: Template) -> None:
    volume = find(template, "AWS::EC2::Volume")
    assert logical_id(template, "Custom::EmptiedZone") in volume["DependsOn"]
    zone = volume["Properties"]["AvailabilityZone"]
    assert find(template, "Custom::EmptiedZone")["Properties"]["AvailabilityZone"] == zone


def test_adopted_volume_is_where_it_is(synth: Synth) -> None:
    assert "AvailabilityZone" not in find(synth(**ADOPTED_VOLUME), "Custom::EmptiedZone")["Properties"]


def test_another_zone_is_refused_with_the_way_to_it(cloudformation: CloudFormation) -> None:
    cloudformation.send("Create", zone="eu-west-1a")
    answer = cloudformation.send("Update", zone="eu-west-1b")
    assert answer["Status"] == "FAILED"
    assert "the data volume is in eu-west-1a" in answer["Reason"]
    assert "data_volume_id" in answer["Reason"]


def test_rollback_of_what_was_refused_succeeds(cloudformation: CloudFormation) -> None:
    cloudformation.send("Create", zone="eu-west-1a")
    refused = cloudformation.send("Update", zone="eu-west-1b")
    answer = cloudformation.send("Update", zone="eu-west-1a")
    assert answer["Status"] == "SUCCESS"
    assert answer["PhysicalResourceId"] == refused["PhysicalResourceId"] == "Z1/eu-west-1a"


def test_adopting_a_volume_is_no_move(cloudformation: CloudFormation) -> None:
    created = cloudformation.send("Create", zone="eu-west-1a")
    answer = cloudformation.send("Update")
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", created["PhysicalResourceId"])


def test_what_was_made_before_keeps_its_id_which_another_would_have_deleted(cloudformation: CloudFormation) -> None:
    answer = cloudformation.send("Update", zone="eu-west-1a")
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "Z1")


# A key of the account's own.

KEY = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
OTHER_KEY = KEY.replace("1111", "6666")
DEFAULT_KEY = "the key that was the account's default"


def test_both_volumes_are_encrypted_with_the_key_that_is_given(synth: Synth) -> None:
    template = synth(volume_key_arn=KEY)
    assert find(template, "AWS::EC2::Volume")["Properties"]["KmsKeyId"] == KEY
    data = find(template, "AWS::EC2::LaunchTemplate")["Properties"]["LaunchTemplateData"]
    assert [device["Ebs"]["KmsKeyId"] for device in data["BlockDeviceMappings"]] == [KEY]


def test_key_is_told_to_who_adopts_the_volume(synth: Synth) -> None:
    assert synth(volume_key_arn=KEY).to_json()["Outputs"]["VolumeKeyArn"]["Value"] == KEY


def test_without_a_key_the_accounts_default_is_left_to_ebs(template: Template) -> None:
    assert "KmsKeyId" not in json.dumps(template.to_json())
    assert "kms:" not in json.dumps(host_statements(template))


def test_host_may_let_ec2_decrypt_its_volume_and_nobody_else(synth: Synth) -> None:
    (statement,) = [s for s in host_statements(synth(volume_key_arn=KEY)) if "kms" in json.dumps(s["Action"])]
    assert (statement["Action"], statement["Resource"]) == ("kms:CreateGrant", KEY)
    assert statement["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}
    service = {"Fn::Join": ["", ["ec2.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}]]}
    assert statement["Condition"]["StringEquals"] == {"kms:ViaService": service}


def test_adopted_volume_is_attached_with_its_key(synth: Synth) -> None:
    template = synth(**ADOPTED_VOLUME, volume_key_arn=KEY)
    assert [s for s in host_statements(template) if s["Action"] == "kms:CreateGrant"]
    assert "VolumeKey" not in find(template, "Custom::EmptiedZone")["Properties"]


@pytest.mark.parametrize("made_in", ["same stack", "another stack"])
def test_key_of_the_app_lets_auto_scaling_use_it(app_factory: Callable[..., cdk.App], made_in: str) -> None:
    app = app_factory()
    keys = cdk.Stack(app, "Keys")
    stack = keys if made_in == "same stack" else cdk.Stack(app, "Stack")
    MongoHost(stack, "Host", volume_key=kms.Key(keys, "Key"))
    Template.from_stack(stack).has_resource_properties("AWS::EC2::Volume", {"KmsKeyId": Match.any_value()})
    statements = find(Template.from_stack(keys), "AWS::KMS::Key")["Properties"]["KeyPolicy"]["Statement"]
    use, grant = (s for s in statements if "AWSServiceRoleForAutoScaling" in json.dumps(s["Principal"]))
    assert "kms:Decrypt" in use["Action"]
    assert (grant["Action"], grant["Condition"]) == ("kms:CreateGrant", {"Bool": {"kms:GrantIsForAWSResource": "true"}})


def test_key_is_given_once(app_factory: Callable[..., cdk.App]) -> None:
    stack = cdk.Stack(app_factory(), "Stack")
    with pytest.raises(SettingsError, match=r"^volume_key_arn: the key is given as volume_key"):
        MongoHost(stack, "Host", volume_key=kms.Key(stack, "Key"), settings=HostSettings(volume_key_arn=KEY))


def test_alias_is_no_key() -> None:
    with pytest.raises(ValidationError, match="must look like arn:aws:kms:…:key/…"):
        HostSettings(volume_key_arn="arn:aws:kms:eu-west-1:123456789012:alias/ours")


@pytest.mark.parametrize(("kept", "asked"), [(KEY, OTHER_KEY), (KEY, None), (None, KEY)])
def test_another_key_is_refused_before_a_volume_could_be_made(
    cloudformation: CloudFormation, kept: str | None, asked: str | None
) -> None:
    cloudformation.send("Create", zone="eu-west-1a", key=kept)
    answer = cloudformation.send("Update", zone="eu-west-1a", key=asked)
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == (
        f"volume_key_arn: the data volume is encrypted with {kept or DEFAULT_KEY}; "
        "leave that setting as it was, or move a snapshot and give it as data_volume_id"
    )
    assert cloudformation.send("Update", zone="eu-west-1a", key=kept)["Status"] == "SUCCESS"  # the rollback
