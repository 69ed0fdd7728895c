"""Local AWS: ministack, and what this project's template needs beyond it. `python -m nami_local.aws`.

ministack is a local AWS whose CloudFormation lacks some of our template's resource types. They are registered here,
from outside, in ministack's own internals: hence the exact version, and the check that says when they have moved.
"""

import asyncio
import base64
import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from nami_local import batches, concurrency, depths, gateway, rights, scans, serving, settling, tags, workers
from nami_local.guard import guard

MINISTACK_VERSION = "1.5.33"

# (physical id, attributes), as ministack's handlers return it.
_Created = tuple[str, dict[str, str]]
_Properties = dict[str, Any]

_ARM64_IMAGE = "ami-0a1b2c3d4e5f60718"
_IPV6_BLOCK = "2001:db8:1234:1a00::/56"  # of each VPC: nothing is routed by it
_IMAGE_PARAMETERS = tuple(
    f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-{kernel}-arm64"
    for kernel in ("default", "6.1", "6.12", "6.18")
)
_SECRET_LINE = re.compile(r"^\s*(?:export\s+)?NAMI_SECRET_ARN=[\"']?([^\"'\s]+)", re.MULTILINE)


def check_version() -> None:
    """Raise RuntimeError, with the remedy, where another version of ministack is installed."""
    installed = importlib.metadata.version("ministack")
    if installed != MINISTACK_VERSION:
        raise RuntimeError(
            f"ministack {installed} is installed, and nami extends the internals of {MINISTACK_VERSION}; "
            f"pip install ministack=={MINISTACK_VERSION}"
        )


def register(mongo_uri: str) -> None:
    """Add the missing resource types, and play the MongoDB host.

    Args:
        mongo_uri: what the host's secret gets as its `uri`, when the host's Auto Scaling group is made.

    Raises:
        AttributeError, KeyError: ministack's internals have moved.
    """
    from ministack.services import ssm  # noqa: PLC0415 (the CLI reads this module's constants without ministack)
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    handlers = provisioners._RESOURCE_HANDLERS
    for image in _IMAGE_PARAMETERS:
        ssm._PUBLIC_AMI_PARAMETERS.setdefault(image, _ARM64_IMAGE)
    handlers["AWS::EC2::Volume"] = _volume()
    handlers["AWS::EC2::SecurityGroupIngress"] = _security_group_rule("IpPermissions")
    handlers["AWS::EC2::SecurityGroupEgress"] = _security_group_rule("IpPermissionsEgress")
    handlers["AWS::EC2::EIP"] = _elastic_ip()
    handlers["AWS::EC2::NatGateway"] = _nat_gateway()
    handlers["AWS::EC2::VPCCidrBlock"] = _nothing_to_do()
    handlers["AWS::EC2::EgressOnlyInternetGateway"] = _egress_only_gateway()
    handlers["AWS::EC2::FlowLog"] = _nothing_to_do()
    handlers["AWS::DLM::LifecyclePolicy"] = _nothing_to_do()
    handlers["AWS::WAFv2::WebACLAssociation"] = _nothing_to_do()
    # Empties a bucket before its deletion, in JavaScript with an SDK that is not here; this S3 deletes full ones.
    handlers["Custom::S3AutoDeleteObjects"] = _nothing_to_do()
    _give_vpc_its_cidr_blocks(handlers["AWS::EC2::VPC"])
    _let_ref_be_the_arn(handlers["AWS::SecretsManager::Secret"])
    _play_host(handlers["AWS::AutoScaling::AutoScalingGroup"], mongo_uri)
    gateway.register(handlers)
    concurrency.register(handlers)
    tags.register()


def _volume() -> dict[str, Callable[..., Any]]:
    from ministack.services import ec2  # noqa: PLC0415

    def create(_logical_id: str, properties: _Properties, _stack: str) -> _Created:
        known = set(ec2._volumes.keys())
        ec2._create_volume(
            {
                "AvailabilityZone": properties["AvailabilityZone"],
                "Size": str(properties.get("Size", 8)),
                "VolumeType": properties.get("VolumeType", "gp2"),
                "Encrypted": str(properties.get("Encrypted", False)),
            }
        )
        volume_id = next(key for key in ec2._volumes if key not in known)
        ec2._tags[volume_id] = list(properties.get("Tags", []))
        return volume_id, {"VolumeId": volume_id}

    def update(volume_id: str, old: _Properties, new: _Properties, stack: str) -> _Created:
        if old.get("AvailabilityZone") != new.get("AvailabilityZone"):
            return create("", new, stack)
        ec2._volumes[volume_id]["Size"] = int(new.get("Size", 8))
        ec2._tags[volume_id] = list(new.get("Tags", []))
        return volume_id, {"VolumeId": volume_id}

    def delete(volume_id: str, _properties: _Properties) -> None:
        ec2._volumes.pop(volume_id, None)
        ec2._tags.pop(volume_id, None)

    return {"create": create, "update": update, "delete": delete}


def _security_group_rule(direction: str) -> dict[str, Callable[..., Any]]:
    from ministack.services import ec2  # noqa: PLC0415
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    def create(_logical_id: str, properties: _Properties, _stack: str) -> _Created:
        group = ec2._security_groups.get(properties["GroupId"])
        if group is None:
            raise ValueError(f"security group {properties['GroupId']} does not exist")
        group[direction].extend(provisioners._ec2_sg_permissions([properties]))
        rule_id = f"sgr-{os.urandom(8).hex()}0"
        return rule_id, {"Id": rule_id}

    def delete(_rule_id: str, properties: _Properties) -> None:
        group = ec2._security_groups.get(properties["GroupId"])
        for rule in provisioners._ec2_sg_permissions([properties]):
            if group and rule in group[direction]:
                group[direction].remove(rule)

    def update(rule_id: str, old: _Properties, new: _Properties, stack: str) -> _Created:
        delete(rule_id, old)
        return create("", new, stack)

    return {"create": create, "update": update, "delete": delete}


def _elastic_ip() -> dict[str, Callable[..., Any]]:
    from ministack.services import ec2  # noqa: PLC0415

    def attributes(address: dict[str, Any]) -> _Created:
        return address["PublicIp"], {"AllocationId": address["AllocationId"], "PublicIp": address["PublicIp"]}

    def find(public_ip: str) -> dict[str, Any] | None:
        return next((a for a in ec2._addresses.values() if a["PublicIp"] == public_ip), None)

    def create(_logical_id: str, properties: _Properties, _stack: str) -> _Created:
        known = set(ec2._addresses.keys())
        ec2._allocate_address({"Domain": properties.get("Domain", "vpc")})
        return attributes(next(ec2._addresses[key] for key in ec2._addresses if key not in known))

    def update(public_ip: str, _old: _Properties, new: _Properties, stack: str) -> _Created:
        address = find(public_ip)
        return attributes(address) if address else create("", new, stack)

    def delete(public_ip: str, _properties: _Properties) -> None:
        if address := find(public_ip):
            ec2._addresses.pop(address["AllocationId"], None)

    return {"create": create, "update": update, "delete": delete}


def _gateway(
    gateways: Any, make: Callable[[_Properties], object], *keys: str, attribute: str
) -> dict[str, Callable[..., Any]]:
    """A kind of EC2's gateways, which ministack makes of these properties and CloudFormation knows by the attribute."""

    def create(_logical_id: str, properties: _Properties, _stack: str) -> _Created:
        known = set(gateways.keys())
        make({key: properties[key] for key in keys if key in properties})
        gateway_id = next(key for key in gateways if key not in known)
        return gateway_id, {attribute: gateway_id}

    def update(gateway_id: str, _old: _Properties, _new: _Properties, _stack: str) -> _Created:
        return gateway_id, {attribute: gateway_id}

    def delete(gateway_id: str, _properties: _Properties) -> None:
        gateways.pop(gateway_id, None)

    return {"create": create, "update": update, "delete": delete}


def _nat_gateway() -> dict[str, Callable[..., Any]]:
    from ministack.services import ec2  # noqa: PLC0415

    keys = ("SubnetId", "AllocationId")
    return _gateway(ec2._nat_gateways, ec2._create_nat_gateway, *keys, attribute="NatGatewayId")


def _egress_only_gateway() -> dict[str, Callable[..., Any]]:
    from ministack.services import ec2  # noqa: PLC0415

    return _gateway(ec2._egress_igws, ec2._create_egress_only_igw, "VpcId", attribute="Id")


def _nothing_to_do() -> dict[str, Callable[..., Any]]:
    def made(its_id: str, *_: object) -> _Created:
        return its_id, {}

    return {"create": made, "update": made, "delete": lambda *_: None}


def _give_vpc_its_cidr_blocks(handler: dict[str, Any]) -> None:
    from ministack.services import ec2  # noqa: PLC0415

    def with_block(made: _Created, _properties: _Properties) -> _Created:
        vpc_id, attributes = made
        blocks = {"CidrBlock": ec2._vpcs[vpc_id]["CidrBlock"], "Ipv6CidrBlocks": [_IPV6_BLOCK]}
        return vpc_id, {**attributes, **blocks}

    gateway.also(handler, with_block)


def _let_ref_be_the_arn(handler: dict[str, Any]) -> None:
    """On AWS, `Ref` of a secret is its ARN; ministack's is its name, and then an output named …Arn is none."""
    from ministack.services import secretsmanager  # noqa: PLC0415

    create, update, delete = handler["create"], handler["update"], handler["delete"]

    def name(arn: str) -> str:
        return next((key for key, secret in secretsmanager._secrets.items() if secret["ARN"] == arn), arn)

    def create_by_arn(*args: Any) -> _Created:
        _, attributes = create(*args)
        return attributes["Arn"], attributes

    def update_by_arn(arn: str, *args: Any) -> _Created:
        _, attributes = update(name(arn), *args)
        return attributes["Arn"], attributes

    def delete_by_arn(arn: str, *args: Any) -> None:
        delete(name(arn), *args)

    handler.update(create=create_by_arn, update=update_by_arn, delete=delete_by_arn)


def _play_host(handler: dict[str, Any], mongo_uri: str) -> None:
    """When the host's Auto Scaling group is made, tell the host's secret where the database of this machine is."""

    def tell(made: _Created, group: _Properties) -> _Created:
        if secret_id := _host_secret(group):
            _add_to_secret(secret_id, mongo_uri)
        return made

    gateway.also(handler, tell)


def _host_secret(group: _Properties) -> str | None:
    """The secret that the user data of the group's launch template names; None where the group is no MongoDB host."""
    from ministack.services import ec2  # noqa: PLC0415

    template = ec2._launch_templates.get((group.get("LaunchTemplate") or {}).get("LaunchTemplateId"))
    if not template:
        return None
    user_data = template["Versions"][-1]["LaunchTemplateData"].get("UserData", "")
    found = _SECRET_LINE.search(base64.b64decode(user_data).decode(errors="replace"))
    return found.group(1) if found else None


def _add_to_secret(secret_id: str, mongo_uri: str) -> None:
    from ministack.services import secretsmanager  # noqa: PLC0415

    status, _, body = secretsmanager._get_secret_value({"SecretId": secret_id})
    if status != 200:
        raise ValueError(f"the MongoDB host's secret {secret_id} can not be read: {body!r}")
    value = json.loads(json.loads(body)["SecretString"]) | {"uri": mongo_uri}
    secretsmanager._put_secret_value({"SecretId": secret_id, "SecretString": json.dumps(value)})


def let_bytes_be() -> None:
    """ministack's HTTP API puts U+FFFD in place of what is no UTF-8, where the type says that a body is text.

    Which loses it, as gzip's bytes are lost under application/json. Here such a body is base64, like other binary ones.
    """
    from ministack.services import apigateway  # noqa: PLC0415

    invoke, is_text = apigateway._invoke_lambda_proxy, apigateway._v2_request_body_is_text
    is_utf8: ContextVar[bool] = ContextVar("is_utf8", default=True)

    async def invoke_with_bytes(*given: Any, **named: Any) -> Any:
        body: bytes = given[6]
        try:
            body.decode()
            is_utf8.set(True)
        except UnicodeDecodeError:
            is_utf8.set(False)
        return await invoke(*given, **named)

    apigateway._invoke_lambda_proxy = invoke_with_bytes
    apigateway._v2_request_body_is_text = lambda content_type: is_utf8.get() and is_text(content_type)


def let_roles_bear_the_token() -> str:
    """Give whoever takes a role on, such as the CDK CLI, the token that the guard asks for, and return it."""
    from ministack.services import sts  # noqa: PLC0415

    if token := os.environ["AWS_SESSION_TOKEN"]:
        assert callable(sts._gen_session_token)  # noqa: S101 (else a patch of nothing)
        sts._gen_session_token = lambda: token
    return token


def main() -> None:
    """Run until SIGTERM. The environment names the ports, and either NAMI_MONGO_URI or the database to run."""
    check_version()
    # Taken out of the environment, because the functions inherit it and on AWS would see none of this.
    mongo_uri = os.environ.pop("NAMI_MONGO_URI")
    database = json.loads(os.environ.pop("NAMI_DATABASE_COMMAND", "null"))
    from ministack import app  # noqa: PLC0415

    register(mongo_uri)
    workers.register()
    batches.register()
    scans.register()
    rights.register()
    let_bytes_be()
    gateway.let_options_reach_their_route()
    settling.register()
    depths.sample()
    if sys.platform != "win32":
        import uvloop  # noqa: PLC0415

        asyncio.run = uvloop.run  # by which ministack runs its server
    serving.register()
    app.app = guard(app.app, app._resolve_custom_domain_request, let_roles_bear_the_token())
    host = None
    if database:
        # The host sees its standard input close when this process is gone, however it went, and then stops.
        host = subprocess.Popen([sys.executable, "-m", "nami_local.host", *database], stdin=subprocess.PIPE)
    try:
        app.main()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if host:
            host.terminate()
            host.wait()


if __name__ == "__main__":
    main()
