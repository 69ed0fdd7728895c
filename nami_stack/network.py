"""The network of a MongoDB host: one zone, with a place for the host and one for the functions that write to it."""

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from nami_stack.acknowledge import acknowledge_zone
from nami_stack.log_group import LogGroup
from nami_stack.settings import HostSettings, SettingsError

# By this the functions, and SDKs in them, take the names of AWS's services that have IPv6 addresses too:
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html
DUAL_STACK = "AWS_USE_DUALSTACK_ENDPOINT"


class Network(Construct):
    """A VPC of its own, or the caller's.

    Its own has one availability zone, because a volume lives in one and a second would only add traffic between zones.
    Where none is given, EC2 chooses it for the first subnet, once: the first of `Fn::GetAZs` can become another, and
    then every subnet, and the volume, would be made anew.
    With `egress="none"` the host stands in a public subnet (it takes its packages and image from the internet, and lets
    nothing in) and the functions in an isolated one, with a gateway endpoint for S3 and interface endpoints for
    Secrets Manager and SQS, which alone of this network cost. With `egress="ipv6"` the functions' subnet has IPv6
    addresses too and an egress-only internet gateway, which nobody comes in by, and no endpoint; a function there
    reaches AWS by the services' dual-stack names. With `egress="nat"` both stand in a private subnet behind a NAT
    gateway, which takes the place of the interface endpoints.

    A VPC of the same app is given as `vpc` with `host_subnet` and `function_subnet`, of one zone.

    An adopted VPC, by these or by the settings (`vpc_id` with `availability_zone`, `host_subnet_id`,
    `function_subnet_id`) is used as it is, without a look-up at synthesis. Its owner owes: DNS support and DNS host
    names switched on; both subnets in that zone; from the host's subnet a way to the internet (a public address by the
    subnet's own setting, or NAT); from the functions' subnet a way to Secrets Manager, SQS and S3 (endpoints or NAT);
    without the one to SQS a database that is away costs webhooks their tries. A Secrets Manager endpoint with private
    DNS must let both in. At most one `MongoHost` zone of a name can serve a VPC; the names are made so that two hosts
    do not collide.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc | None = None,
        host_subnet: ec2.ISubnet | None = None,
        function_subnet: ec2.ISubnet | None = None,
        settings: HostSettings | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        settings = settings or HostSettings()
        self.vpc: ec2.IVpc
        self.host_subnet: ec2.ISubnet
        self.function_subnet: ec2.ISubnet
        self.zone = settings.availability_zone or ""
        self.functions_use_ipv6 = settings.egress == "ipv6"
        self._secrets_security_group: ec2.SecurityGroup | None = None
        if vpc or host_subnet or function_subnet:
            self._take(vpc, host_subnet, function_subnet, settings)
        elif settings.vpc_id:
            self._adopt(settings)
        else:
            self._create(settings)

    def allow_secrets(self, security_group: ec2.ISecurityGroup) -> ec2.CfnSecurityGroupIngress | None:
        """Let members of this group reach Secrets Manager; None: nothing stands in their way.

        Private DNS sends everybody in the VPC to the endpoint, so the host needs it as well as the functions.
        """
        if self._secrets_security_group is None:
            return None
        return ec2.CfnSecurityGroupIngress(
            cast("Construct", security_group),  # beside the group, which may be in another stack
            "ToSecretsManager",
            group_id=self._secrets_security_group.security_group_id,
            source_security_group_id=security_group.security_group_id,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            description="Secrets Manager",
        )

    def let_functions_read_secrets(self) -> None:
        """Let all that stands in the functions' subnet reach Secrets Manager, other stacks' functions too."""
        if self._secrets_security_group:
            subnet = ec2.Peer.ipv4(self.function_subnet.ipv4_cidr_block)
            self._secrets_security_group.add_ingress_rule(subnet, ec2.Port.tcp(443), "Secrets Manager")

    def _take(
        self,
        vpc: ec2.IVpc | None,
        host_subnet: ec2.ISubnet | None,
        function_subnet: ec2.ISubnet | None,
        settings: HostSettings,
    ) -> None:
        if not (vpc and host_subnet and function_subnet):
            raise SettingsError("Network: vpc, host_subnet and function_subnet go together; give all three")
        if settings.vpc_id or settings.egress != "none":
            raise SettingsError("Network: vpc is a network of yours; leave vpc_id and egress out of the settings")
        self.vpc, self.host_subnet, self.function_subnet = vpc, host_subnet, function_subnet
        self.zone = settings.availability_zone or _zone_of(host_subnet)

    def _adopt(self, settings: HostSettings) -> None:
        zones = [self.zone]
        self.vpc = ec2.Vpc.from_vpc_attributes(self, "Vpc", vpc_id=settings.vpc_id or "", availability_zones=zones)
        self.host_subnet, self.function_subnet = (
            ec2.Subnet.from_subnet_attributes(self, key, subnet_id=subnet_id or "", availability_zone=self.zone)
            for key, subnet_id in (
                ("HostSubnet", settings.host_subnet_id),
                ("FunctionSubnet", settings.function_subnet_id),
            )
        )
        for subnet in (self.host_subnet, self.function_subnet):
            cdk.Annotations.of(subnet).acknowledge_warning(
                "@aws-cdk/aws-ec2:noSubnetRouteTableId", "no route is added to a network of the caller's"
            )

    def _create(self, settings: HostSettings) -> None:
        nat, ipv6 = settings.egress == "nat", settings.egress == "ipv6"
        private = ec2.SubnetType.PRIVATE_WITH_EGRESS if nat else ec2.SubnetType.PRIVATE_ISOLATED
        zone = settings.availability_zone
        vpc = ec2.Vpc(
            self,
            "Vpc",
            availability_zones=[zone] if zone else None,
            max_azs=None if zone else 1,
            nat_gateways=1 if nat else 0,
            ip_protocol=ec2.IpProtocol.DUAL_STACK if ipv6 else None,
            subnet_configuration=[
                # The host keeps its IPv4 address: what it calls (Session Manager, the image's registry, AWS) has other
                # names for IPv6, and most of it must be told to use them.
                ec2.SubnetConfiguration(
                    name="Public",
                    subnet_type=ec2.SubnetType.PUBLIC,
                    **({"map_public_ip_on_launch": True, "ipv6_assign_address_on_creation": False} if ipv6 else {}),
                ),
                ec2.SubnetConfiguration(name="Private", subnet_type=private),
            ],
            # Nothing is in the default group; emptying its rules would take a function and a role in every stack.
            restrict_default_security_group=False,
        )
        if zone:
            acknowledge_zone(vpc)
        else:
            self.zone = _one_zone([*vpc.public_subnets, *vpc.select_subnets(subnet_type=private).subnets])
        self._keep_flow_logs(vpc)
        self.vpc = vpc
        (self.function_subnet,) = vpc.select_subnets(subnet_type=private).subnets
        (self.host_subnet,) = [self.function_subnet] if nat else vpc.public_subnets
        if nat:
            # The host shares the route, and its packages come from Amazon's buckets, which take no credentials.
            vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        elif ipv6:
            self._let_out_over_ipv6(vpc)
        else:
            self._add_endpoints(vpc)

    def _let_out_over_ipv6(self, vpc: ec2.Vpc) -> None:
        """A way out for the functions, by which nobody comes in; it costs nothing."""
        gateway = ec2.CfnEgressOnlyInternetGateway(self, "EgressOnlyGateway", vpc_id=vpc.vpc_id)
        cast("ec2.Subnet", self.function_subnet).add_route(
            "OverIpv6",
            router_type=ec2.RouterType.EGRESS_ONLY_INTERNET_GATEWAY,
            router_id=gateway.attr_id,
            destination_ipv6_cidr_block="::/0",
        )

    def _add_endpoints(self, vpc: ec2.Vpc) -> None:
        """What a function without a way out needs of AWS."""
        subnets = ec2.SubnetSelection(subnets=[self.function_subnet])
        s3 = vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3, subnets=[subnets])
        s3.add_to_policy(of_this_account("s3:*"))
        self._secrets_security_group = ec2.SecurityGroup(
            self, "SecretsSecurityGroup", vpc=vpc, description="Secrets Manager endpoint", allow_all_outbound=False
        )
        for endpoint_id, service, action in (
            ("SecretsManager", ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER, "secretsmanager:*"),
            # While the database is away, the function sends webhooks back, which costs them no try.
            ("Sqs", ec2.InterfaceVpcEndpointAwsService.SQS, "sqs:*"),
        ):
            endpoint = vpc.add_interface_endpoint(
                endpoint_id,
                service=service,
                subnets=subnets,
                security_groups=[self._secrets_security_group],
                open=False,  # the groups of the host and the functions, and not the whole VPC
            )
            endpoint.add_to_policy(of_this_account(action))

    def _keep_flow_logs(self, vpc: ec2.Vpc) -> None:
        """Who connected to what, and who tried to; at some megabytes a month it costs a few cents."""
        stack = cdk.Stack.of(self)
        flow_log_arn = stack.format_arn(service="ec2", resource="vpc-flow-log", resource_name="*")
        # Both conditions as https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html advises.
        role = iam.Role(
            self,
            "FlowLogsRole",
            assumed_by=service_of_this_account(self, "vpc-flow-logs.amazonaws.com", source_arn=flow_log_arn),
        )
        log_group = LogGroup(self, "FlowLogs", days=30)
        flow_log = vpc.add_flow_log("FlowLog", destination=ec2.FlowLogDestination.to_cloud_watch_logs(log_group, role))
        flow_log.node.add_dependency(role)  # and thereby its rights


def _zone_of(subnet: ec2.ISubnet) -> str:
    """Of a subnet that the app makes, as EC2 says it: what the CDK says can become another with the region's zones."""
    made = subnet.node.default_child
    return made.attr_availability_zone if isinstance(made, ec2.CfnSubnet) else subnet.availability_zone


def _one_zone(subnets: list[ec2.ISubnet]) -> str:
    """Let EC2 choose the zone of the first subnet, and put the others into the same."""
    first, *others = [cast("ec2.CfnSubnet", subnet.node.default_child) for subnet in subnets]
    first.add_property_deletion_override("AvailabilityZone")
    for other in others:
        other.availability_zone = first.attr_availability_zone
    return first.attr_availability_zone


def allow_https_over_ipv6(function: lambda_.Function) -> None:
    """Let a function out over IPv6 to HTTPS and nothing else; over IPv4 its group lets all out, to no route."""
    function.connections.allow_to(ec2.Peer.any_ipv6(), ec2.Port.tcp(443), "HTTPS")


def service_of_this_account(scope: Construct, service: str, *, source_arn: str) -> iam.ServicePrincipal:
    """A service of AWS, where it acts for this account and for what has such an ARN, and for nobody else."""
    return iam.ServicePrincipal(
        service,
        conditions={
            "StringEquals": {"aws:SourceAccount": cdk.Stack.of(scope).account},
            "ArnLike": {"aws:SourceArn": source_arn},
        },
    )


def of_this_account(action: str) -> iam.PolicyStatement:
    """What an endpoint lets through: not the credentials of another account, with which data could be carried off."""
    return iam.PolicyStatement(
        principals=[iam.AnyPrincipal()],
        actions=[action],
        resources=["*"],
        conditions={"StringEquals": {"aws:PrincipalAccount": cdk.Aws.ACCOUNT_ID}},
    )
