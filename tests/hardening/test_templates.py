"""Every example and every setting, under cdk-nag, cfn-lint, the CDK's own checks, and an attacker's eyes."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3

from nami_stack import Subscription, functions
from nami_stack.assets import APP
from tests.hardening.conftest import VARIANTS, Assembly, apps_in, findings, synthesise

# Each of cfn-lint's rules that may speak, and why.
LINT_SILENCED = {"W3005": "the CDK names each dependency, also one that a GetAtt makes anyway"}


ACCOUNT = '"AWS::AccountId"|123456789012'
Assemblies = dict[str, Assembly]


def test_every_setting_is_set_in_some_variant() -> None:
    used = {key for settings in VARIANTS.values() for key in settings} | {"name", "environment"}  # by `env`
    assert sorted(set(Subscription.model_fields) - used) == [], "set each to something else in VARIANTS"


def test_everything_was_synthesised(assemblies: Assemblies) -> None:
    # A synthesis that a finding ends has written its templates before.
    assert [assembly.name for assembly in assemblies.values() if not assembly.resources] == []


# cdk-nag.


def test_cdk_nag_finds_nothing_that_is_not_acknowledged(assemblies: Assemblies) -> None:
    found = {name: findings(assembly.report["AwsSolutions"]) for name, assembly in assemblies.items()}
    assert {name: each for name, each in found.items() if each} == {}


def test_every_acknowledgment_says_why(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        silenced = assembly.report["AwsSolutions"]["suppressedViolations"]
        assert [finding for finding in silenced if len(finding["reason"].split()) < 4] == []


def test_no_acknowledgment_outlives_its_finding(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        met = {
            (finding["acknowledgedAt"], finding["acknowledgedId"])
            for plugin in assembly.report.values()
            for finding in plugin.get("suppressedViolations", [])
        }
        assert sorted(acknowledgments(assembly) - met) == [], assembly.name


def acknowledgments(assembly: Assembly) -> set[tuple[str, str]]:
    """(construct, rule) of what the stacks say of AwsSolutions."""
    return {
        (path.lstrip("/"), rule)
        for file in assembly.folder.glob("*.metadata.json")
        for path, entries in json.loads(file.read_text()).items()
        for entry in entries
        if entry["type"] == "aws:cdk:acknowledged-rules"
        for rule in entry["data"]
        if rule.startswith("AwsSolutions::")
    }


def test_finding_that_nobody_acknowledged_is_found(tmp_path: Path) -> None:
    with apps_in(tmp_path, {}):
        app = cdk.App()
        s3.Bucket(cdk.Stack(app, "Careless"), "Bucket")
        with pytest.raises(RuntimeError, match="ValidationFailed"):
            app.synth()
    found = findings(Assembly("careless", {}, tmp_path).report["AwsSolutions"])
    assert ("AwsSolutions-S1", "Careless/Bucket/Resource") in found


def test_acknowledgment_taken_away_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "acknowledge", lambda *_: None)
    found = findings(synthesise(tmp_path, APP, "", {"name": "shopify"}).report["AwsSolutions"])
    assert {rule.partition("[")[0] for rule, _ in found} >= {"AwsSolutions-L1", "AwsSolutions-IAM5"}


# cfn-lint.


def lint(*templates: Path) -> list[tuple[str, str, str]]:
    """(template, rule, message) of each match."""
    program = Path(sys.executable).with_name("cfn-lint")
    result = subprocess.run(
        [program, "--format", "json", "--", *templates],
        capture_output=True,
        text=True,
        check=False,
        cwd=templates[0].parent,
    )
    assert result.stdout, result.stderr
    return [(match["Filename"], match["Rule"]["Id"], match["Message"]) for match in json.loads(result.stdout)]


@pytest.fixture(scope="module")
def linted(assemblies: dict[str, Assembly]) -> list[tuple[str, str, str]]:
    return lint(*(template for assembly in assemblies.values() for template in assembly.templates))


def test_cfn_lint_finds_nothing(assemblies: Assemblies, linted: list[tuple[str, str, str]]) -> None:
    for assembly in assemblies.values():
        silenced = dict(LINT_SILENCED)
        if "availability_zone" in assembly.context or assembly.name == "your_network":
            silenced["W3010"] = "the zone is the user's own"
        mine = set(map(str, assembly.templates))
        assert [match for match in linted if match[0] in mine and match[1] not in silenced] == [], assembly.name


def test_cfn_lint_sees_a_bad_template(tmp_path: Path) -> None:
    template = tmp_path / "bad.template.json"
    template.write_text('{"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"Colour": "red"}}}}')
    assert [rule for _, rule, _ in lint(template)] == ["E3002"]


# The CDK's own validation.


def test_validation_of_the_cdk_finds_nothing(assemblies: Assemblies) -> None:
    found = {
        name: findings(assembly.report.get("CloudFormation Validate", {})) for name, assembly in assemblies.items()
    }
    assert {name: each for name, each in found.items() if each} == {}


def test_validation_of_the_cdk_is_on(tmp_path: Path) -> None:
    with apps_in(tmp_path, {}):
        app = cdk.App()
        ec2.CfnVolume(cdk.Stack(app, "Careless"), "Volume", availability_zone="eu-west-1a", size=1, encrypted=True)
        app.synth()
    found = findings(Assembly("careless", {}, tmp_path).report["CloudFormation Validate"])
    assert found == [("W3010", "Careless/Volume")]


def test_only_warning_is_that_everybody_may_send(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        warned = {rule for rule, _ in findings(assembly.report.get("Construct Annotations", {}))}
        assert warned <= {"Annotation::nami:unsigned"}
        assert not (warned and assembly.context.get("signature")), assembly.name


# What an attacker would look for.


def statements(assembly: Assembly) -> Iterator[tuple[str, dict[str, Any]]]:
    """(logical id, statement) of all that a role may do."""
    for key, properties in assembly.of_type("AWS::IAM::Policy").items():
        for statement in properties["PolicyDocument"]["Statement"]:
            yield key, statement
    for key, properties in assembly.of_type("AWS::IAM::Role").items():
        for policy in properties.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield key, statement


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def denies_plain_http(policies: list[dict[str, Any]], reference: str, key: str) -> bool:
    return any(
        statement["Effect"] == "Deny"
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        and statement["Principal"] == {"AWS": "*"}
        for policy in policies
        if reference in json.dumps(policy[key])
        for statement in policy["PolicyDocument"]["Statement"]
    )


def test_every_queue_is_encrypted_and_takes_tls_only(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        policies = list(assembly.of_type("AWS::SQS::QueuePolicy").values())
        for key, queue in assembly.of_type("AWS::SQS::Queue").items():
            assert queue["SqsManagedSseEnabled"] is True, (assembly.name, key)
            assert denies_plain_http(policies, f'"{key}"', "Queues"), (assembly.name, key)


def test_every_bucket_is_private_and_encrypted_and_takes_tls_only(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        policies = list(assembly.of_type("AWS::S3::BucketPolicy").values())
        for key, bucket in assembly.of_type("AWS::S3::Bucket").items():
            assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, (assembly.name, key)
            assert bucket["BucketEncryption"], (assembly.name, key)
            assert denies_plain_http(policies, f'"{key}"', "Bucket"), (assembly.name, key)


def test_every_caller_of_a_function_is_one_resource_of_this_account(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        for key, permission in assembly.of_type("AWS::Lambda::Permission").items():
            assert permission["Action"] == "lambda:InvokeFunction", (assembly.name, key)
            assert permission["Principal"].endswith(".amazonaws.com"), (assembly.name, key)
            assert re.search(ACCOUNT, json.dumps(permission["SourceArn"])), (assembly.name, key)


def test_no_right_is_a_wildcard_of_actions(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        # X-Ray and the like have few, but none with a star is needed.
        actions = [(key, action) for key, statement in statements(assembly) for action in listed(statement["Action"])]
        assert [(key, action) for key, action in actions if "*" in action] == []


def test_no_role_has_a_managed_policy(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        roles = assembly.of_type("AWS::IAM::Role")
        assert [key for key, role in roles.items() if role.get("ManagedPolicyArns")] == []


def test_what_kept_queues_point_to_is_kept(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        kept = {
            key: resource.get("DeletionPolicy")
            for key, resource in assembly.resources.items()
            if resource["Type"] in ("AWS::SQS::Queue", "AWS::S3::Bucket")
        }
        assert set(kept.values()) <= {"Retain", "RetainExceptOnCreate"}, assembly.name


def test_only_services_may_take_a_role_on(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        for key, role in assembly.of_type("AWS::IAM::Role").items():
            for statement in role["AssumeRolePolicyDocument"]["Statement"]:
                assert list(statement["Principal"]) == ["Service"], (assembly.name, key)


def test_code_in_a_function_may_not_touch_network_interfaces(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        given = [
            s for _, s in statements(assembly) if s["Effect"] == "Allow" and "ec2:CreateNetworkInterface" in s["Action"]
        ]
        denied = [
            statement["Action"]
            for _, statement in statements(assembly)
            if statement["Effect"] == "Deny"
            and statement["Condition"] == {"Null": {"lambda:SourceFunctionArn": "false"}}
            and statement["Resource"] == "*"
        ]
        assert [statement["Action"] for statement in given] == denied


def test_only_the_instance_metadata_with_a_token_is_served(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        for template in assembly.of_type("AWS::EC2::LaunchTemplate").values():
            assert template["LaunchTemplateData"]["MetadataOptions"]["HttpTokens"] == "required"


def test_no_security_group_lets_the_internet_in(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        rules = [
            *assembly.of_type("AWS::EC2::SecurityGroupIngress").values(),
            *(
                rule
                for group in assembly.of_type("AWS::EC2::SecurityGroup").values()
                for rule in group.get("SecurityGroupIngress", [])
            ),
        ]
        assert [rule for rule in rules if rule.get("CidrIp") == "0.0.0.0/0" or "CidrIpv6" in rule] == []


def test_every_network_keeps_flow_logs(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        logged = [flow_log["ResourceId"] for flow_log in assembly.of_type("AWS::EC2::FlowLog").values()]
        assert logged == [{"Ref": key} for key in assembly.of_type("AWS::EC2::VPC")]


def test_flow_logs_are_written_for_this_accounts_flow_logs_only(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        for role in assembly.of_type("AWS::IAM::Role").values():
            (statement, *_) = role["AssumeRolePolicyDocument"]["Statement"]
            if statement["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}:
                assert re.search(ACCOUNT, json.dumps(statement["Condition"]["StringEquals"]["aws:SourceAccount"]))
                assert "vpc-flow-log/*" in json.dumps(statement["Condition"]["ArnLike"])


def test_endpoints_of_an_isolated_network_pass_this_accounts_credentials_only(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        if assembly.of_type("AWS::EC2::NatGateway"):
            continue  # there are other ways out
        for key, endpoint in assembly.of_type("AWS::EC2::VPCEndpoint").items():
            (statement,) = endpoint["PolicyDocument"]["Statement"]
            assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}}, (
                assembly.name,
                key,
            )


def test_every_log_ends(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        groups = assembly.of_type("AWS::Logs::LogGroup")
        assert [key for key, group in groups.items() if not group.get("RetentionInDays")] == [], assembly.name


def test_no_template_holds_a_secrets_value(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        for key, secret in assembly.of_type("AWS::SecretsManager::Secret").items():
            assert "SecretString" not in secret, (assembly.name, key)
        for template in assembly.templates:
            assert not re.search(r"\{\{resolve:(secretsmanager|ssm-secure)", template.read_text())


def test_no_environment_holds_more_of_a_secret_than_its_arn(assemblies: Assemblies) -> None:
    for assembly in assemblies.values():
        secrets = assembly.of_type("AWS::SecretsManager::Secret")
        for function in assembly.of_type("AWS::Lambda::Function").values():
            for key, value in function.get("Environment", {}).get("Variables", {}).items():
                if re.search("SECRET|PASSWORD|TOKEN|API_KEY|URI$", key):
                    text = json.dumps(value)  # of a secret here, or of the shared stack's by a parameter of SSM
                    assert text.startswith(('"arn:', '{"Ref": "SsmParameterValue')) or any(
                        f'"{secret}"' in text for secret in secrets
                    ), (
                        assembly.name,
                        key,
                    )
