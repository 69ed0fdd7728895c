"""MongoDB on one EC2 instance that replaces itself, with its data on a volume that outlives it."""

import shlex
from collections.abc import Sequence
from typing import Any, Self, cast

import aws_cdk as cdk
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dlm as dlm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from nami_runtime.log import NAMESPACE
from nami_stack import names
from nami_stack.acknowledge import acknowledge, right_to
from nami_stack.assets import EC2_USERDATA
from nami_stack.destinations import mongo_volume
from nami_stack.destinations.destination import Destination
from nami_stack.destinations.mongo_backups import HOST_TAG, backup_alarm, backups
from nami_stack.destinations.mongo_release import AMAZON_LINUX, MONGO_IMAGE
from nami_stack.destinations.mongo_zones import zone_keeper
from nami_stack.functions import PythonFunction
from nami_stack.network import DUAL_STACK, Network, allow_https_over_ipv6
from nami_stack.settings import HostSettings, Subscription
from nami_stack.watching.alarm import Alarm, Missing
from nami_stack.watching.graph import Graph, graph
from nami_stack.watching.metrics import FIVE_MINUTES, MINUTE, own
from nami_stack.watching.naming import place

MONGO_PORT = 27017
DISK_FULL_PERCENT = 80
# What the Session Manager agent asks for; AmazonSSMManagedInstanceCore would also read every parameter of the account:
# https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
SESSION_MANAGER_ACTIONS = [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
]


def host_script(variables: dict[str, str]) -> str:
    """Return the user data without its first line."""
    script = (EC2_USERDATA / "mongo_host.sh").read_text().removeprefix("#!/bin/bash\n")
    # What CloudFormation fills in are ids and names of its own; all else bash must not expand.
    quoted = {key: value if cdk.Token.is_unresolved(value) else shlex.quote(value) for key, value in variables.items()}
    return "\n".join([*(f"{key}={value}" for key, value in quoted.items()), script])


class MongoHost(Destination):
    """A destination: a MongoDB server on an Auto Scaling group of exactly one instance, so that a lost one comes back.

    One host can serve several subscriptions. While it is away (a new image or type, a bigger volume, a lost machine:
    two to four minutes) the queue holds the webhooks.

    What holds data stays when the stack is destroyed: the volume, and the secret with the root credentials, because
    MongoDB takes those only once, on an empty volume. Adopting a volume (`data_volume_id`) therefore takes its secret
    (`database_secret_arn`) and its `availability_zone` along. Who adopts owes: a volume that no other instance holds,
    blank or with the XFS file system that a host made; a secret of the form `{"username": …, "password": …}`, which
    the AWS-managed key or one that the host's role may use encrypts.

    Args:
        network: shared with other hosts where given; else made, or adopted, as the settings say.
        volume_key: what its volumes are encrypted with, in place of `volume_key_arn`; Auto Scaling may use it.
    """

    kind = "mongo"
    serves_many = True

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: Network | None = None,
        volume_key: kms.IKey | None = None,
        settings: HostSettings | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        settings = settings or HostSettings()
        self.network = network or Network(self, "Network", settings=settings)
        self.secret = self._secret(settings)
        self.volume_key = mongo_volume.volume_key(self, volume_key, settings.volume_key_arn)
        label = cdk.Names.unique_resource_name(self, max_length=63, separator="-").lower()
        # A zone for each host, because a VPC takes each name once.
        zone = route53.PrivateHostedZone(self, "Zone", zone_name=f"{label}.nami.internal", vpc=self.network.vpc)
        self.dns_name = f"mongo.{zone.zone_name}"
        key = self.volume_key.key_arn if self.volume_key else ""
        keeper = zone_keeper(self, zone, *(("", "") if settings.data_volume_id else (self.network.zone, key)))
        self.data_volume_id = self._data_volume_id(settings, keeper)
        self._is_burstable = settings.is_burstable
        self.backups: dlm.CfnLifecyclePolicy | None = None
        if days := settings.backup_days:
            volume_id, volume_key = self.data_volume_id, self.volume_key
            self.backups = backups(self, name=self.dns_name, volume_id=volume_id, key=volume_key, days=days)

        self.security_group = ec2.SecurityGroup(
            self, "SecurityGroup", vpc=self.network.vpc, description="MongoDB host", allow_all_outbound=False
        )
        self.security_group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "Packages, the image, AWS")
        user_data = ec2.UserData.for_linux(shebang="#!/bin/bash")
        template = self._launch_template(settings, self._role(zone, settings), user_data)
        self.auto_scaling_group = self._auto_scaling_group(settings, template)
        user_data.add_commands(host_script(self._variables(settings, zone)))

        for dependency in (
            keeper,  # it must go after the host, which writes the record, and before the zone
            self.network.allow_secrets(self.security_group),
            self.network.host_subnet.internet_connectivity_established,
        ):
            if dependency is not None:
                self.auto_scaling_group.node.add_dependency(dependency)

    @classmethod
    def of(cls, scope: Construct, subscription: Subscription, placement: dict[str, Any]) -> Self:
        """The host that the settings ask for; the secret is not its own where an existing database is there too."""
        own = (
            subscription.model_copy(update={"database_secret_arn": None}) if subscription.has_database else subscription
        )
        return cls(scope, cls.__name__, settings=own)

    @property
    def placement(self) -> dict[str, Any]:
        """Keyword arguments of `lambda_.Function`: where a function stands that writes to this host."""
        subnets = ec2.SubnetSelection(subnets=[self.network.function_subnet])
        ipv6 = {"ipv6_allowed_for_dual_stack": True} if self.network.functions_use_ipv6 else {}
        return {"vpc": self.network.vpc, "vpc_subnets": subnets, **ipv6}

    @property
    def outputs(self) -> dict[str, str]:
        """What a user needs of it after a deployment."""
        return {
            names.DATABASE_SECRET_ARN: self.secret.secret_arn,
            names.DATA_VOLUME_ID: self.data_volume_id,
            **({names.VOLUME_KEY_ARN: self.volume_key.key_arn} if self.volume_key else {}),
        }

    def environment(self, name: str) -> dict[str, str]:
        """What a function must know to write the webhooks of the subscription `name`, to a collection of that name."""
        return {
            "MONGO_HOST": self.dns_name,
            "MONGO_SECRET_ARN": self.secret.secret_arn,
            "MONGO_DATABASE": "nami",
            "MONGO_COLLECTION": name,
            **({DUAL_STACK: "true"} if self.network.functions_use_ipv6 else {}),
        }

    def grant_write(self, function: PythonFunction) -> None:
        """Let the function connect, and read the credentials."""
        function.allow_secret(self.secret)
        for security_group in function.connections.security_groups:
            # The host's side alone: the function's group lets all out, and another rule there would be idle.
            self.security_group.add_ingress_rule(security_group, ec2.Port.tcp(MONGO_PORT), "MongoDB")
            self.network.allow_secrets(security_group)
        if self.network.functions_use_ipv6:
            allow_https_over_ipv6(function)

    def alarms(self, which: str) -> Sequence[Alarm]:  # named by where the host is, since several may have it
        """On the host's instance, its disks and its backups."""
        here = place(self)
        alarms = [
            Alarm(
                f"{here}-status",
                self._metric("StatusCheckFailed", "Maximum"),
                periods=(2, 2),
                # Between a lost instance and its successor there is none to check.
                missing=Missing.IGNORE,
                what="The MongoDB host fails EC2's status checks.",
                why="For two minutes: one check can fail by chance.",
                todo="Wait ten minutes. The Auto Scaling group replaces the host by itself, the data volume moves "
                "along, and the queue keeps the webhooks. If it stays away, the group's activity history says why.",
            ),
            Alarm(
                f"{here}-disk",
                own("DiskUsed", "Maximum", period=FIVE_MINUTES, host=self.dns_name),
                above=DISK_FULL_PERCENT,
                periods=(3, 3),
                # Who can't be asked may be full.
                missing=Missing.BREACHING,
                after=self.auto_scaling_group,
                what=f"A disk of the MongoDB host is over {DISK_FULL_PERCENT} % full, or the host has said nothing for "
                "15 minutes.",
                why="The rest is time to act in: a full volume ends MongoDB.",
                todo="Deploy with a bigger volume_size, and the file system grows with it. On the host, df -h tells "
                "which disk it is, and journalctl -u nami-host -u nami-disk why it is silent.",
            ),
        ]
        if self._is_burstable:
            alarms.append(
                Alarm(
                    f"{here}-credits",
                    self._metric("CPUSurplusCreditsCharged", "Maximum", period=FIVE_MINUTES),
                    periods=(3, 3),
                    what="The MongoDB host works more than its type includes, and the surplus is charged.",
                    why="Over 0: a whole day's credits are spent, and each vCPU costs 0.04 dollars an hour more.",
                    todo="Where that goes on, deploy with a larger instance_type, which is then cheaper and faster.",
                )
            )
        if self.backups:
            alarms.append(backup_alarm(here, policy_id=self.backups.ref))
        return alarms

    def graphs(self) -> Sequence[Graph]:
        """How busy the host is, and how full."""
        cpu = self._metric("CPUUtilization", "Average", period=FIVE_MINUTES)
        disk = own("DiskUsed", "Maximum", period=FIVE_MINUTES, host=self.dns_name)
        failed = self._metric("StatusCheckFailed", "Maximum")
        return [graph("MongoDB host, %", [cpu, disk], right=[failed])]

    def _metric(self, name: str, statistic: str, *, period: cdk.Duration = MINUTE) -> cloudwatch.Metric:
        """What EC2 says of the instance, whichever it is: status checks come each minute, the rest each five.

        Neither needs detailed monitoring:
        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html
        """
        return cloudwatch.Metric(
            namespace="AWS/EC2",
            metric_name=name,
            dimensions_map={"AutoScalingGroupName": self.auto_scaling_group.auto_scaling_group_name},
            statistic=statistic,
            period=period,
        )

    def _variables(self, settings: HostSettings, zone: route53.IHostedZone) -> dict[str, str]:
        """What the user data begins with."""
        signalled = cast("autoscaling.CfnAutoScalingGroup", self.auto_scaling_group.node.default_child)
        stack = cdk.Stack.of(self)
        variables = {
            "NAMI_SECRET_ARN": self.secret.secret_arn,
            "NAMI_VOLUME_ID": self.data_volume_id,
            "NAMI_REGION": stack.region,
            "NAMI_ZONE_ID": zone.hosted_zone_id,
            "NAMI_DNS_NAME": self.dns_name,
            "NAMI_MONGO_IMAGE": MONGO_IMAGE,
            "NAMI_STACK": stack.stack_id,
            "NAMI_LOGICAL_ID": stack.get_logical_id(signalled),
        }
        if settings.data_volume_id and settings.backup_days:
            variables["NAMI_VOLUME_TAG"] = f"Key={HOST_TAG},Value={self.dns_name}"
        if not settings.data_volume_id:
            # Read by nobody: a bigger volume thereby makes a new host, and that grows the file system.
            variables["NAMI_VOLUME_SIZE"] = str(settings.volume_size)
        return variables

    def _secret(self, settings: HostSettings) -> secretsmanager.ISecret:
        if settings.database_secret_arn:
            return secretsmanager.Secret.from_secret_complete_arn(self, "Secret", settings.database_secret_arn)
        secret = secretsmanager.Secret(
            self,
            "Secret",
            description="Root credentials of MongoDB; its data volume is of no use without them",
            # Any change here makes a new password, which an existing volume does not take.
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template='{"username": "nami"}',  # noqa: S106 - the generated password is put in there
                generate_string_key="password",
                exclude_punctuation=True,
                password_length=32,
            ),
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        acknowledge(secret, "MongoDB takes this password once, on an empty volume; it is changed there first", "SMG4")
        return secret

    def _data_volume_id(self, settings: HostSettings, keeper: cdk.CustomResource) -> str:
        if settings.data_volume_id:
            return settings.data_volume_id
        volume = mongo_volume.data_volume(self, settings, zone=self.network.zone, key=self.volume_key)
        volume.node.add_dependency(keeper)  # and is not made where that refuses
        cdk.Tags.of(volume).add(HOST_TAG, self.dns_name)
        return volume.ref

    def _launch_template(self, settings: HostSettings, role: iam.Role, user_data: ec2.UserData) -> ec2.LaunchTemplate:
        return ec2.LaunchTemplate(
            self,
            "LaunchTemplate",
            instance_type=ec2.InstanceType(settings.instance_type),
            machine_image=ec2.MachineImage.resolve_ssm_parameter_at_launch(AMAZON_LINUX),
            role=role,
            security_group=self.security_group,
            user_data=user_data,
            require_imdsv2=True,
            http_put_response_hop_limit=1,  # the instance, and not the containers on it
            # T4g's standard mode begins without credits, and a first boot at a tenth of each vCPU takes too long. What
            # this can cost, the alarm on surplus credits tells.
            cpu_credits=ec2.CpuCredits.UNLIMITED if settings.is_burstable else None,
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        8, encrypted=True, volume_type=ec2.EbsDeviceVolumeType.GP3, kms_key=self.volume_key
                    ),
                )
            ],
        )

    def _auto_scaling_group(self, settings: HostSettings, template: ec2.LaunchTemplate) -> autoscaling.AutoScalingGroup:
        # A first boot takes about three minutes; a predecessor may hold the volume for up to ten.
        timeout = cdk.Duration.minutes(15)
        group = autoscaling.AutoScalingGroup(
            self,
            "Group",
            vpc=self.network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnets=[self.network.host_subnet]),
            launch_template=template,
            min_capacity=1,
            max_capacity=1,
            # A new one has the newest Amazon Linux.
            max_instance_lifetime=cdk.Duration.days(settings.host_days) if settings.host_days else None,
            signals=autoscaling.Signals.wait_for_count(1, timeout=timeout),
            # The old instance goes first: two cannot hold the volume.
            update_policy=autoscaling.UpdatePolicy.rolling_update(
                max_batch_size=1, min_instances_in_service=0, pause_time=timeout, wait_on_resource_signals=True
            ),
        )
        # The old instance goes first here too, when its days are over: AWS would begin with the new one.
        # https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-maintenance-policy-overview-and-considerations.html
        cast(
            "autoscaling.CfnAutoScalingGroup", group.node.default_child
        ).instance_maintenance_policy = autoscaling.CfnAutoScalingGroup.InstanceMaintenancePolicyProperty(
            min_healthy_percentage=0, max_healthy_percentage=100
        )
        cdk.Tags.of(group).add("Name", self.node.path)
        cdk.Tags.of(group).add("nami:data-volume", self.data_volume_id)
        acknowledge(group, "one instance, which replaces itself: what matters is whether the database answers", "AS3")
        return group

    def _role(self, zone: route53.IHostedZone, settings: HostSettings) -> iam.Role:
        stack = cdk.Stack.of(self)

        def ec2_arn(resource: str, name: str) -> str:
            return stack.format_arn(service="ec2", resource=resource, resource_name=name)

        def allow(*actions: str, on: str = "*", **conditions: Any) -> iam.PolicyStatement:
            return iam.PolicyStatement(actions=list(actions), resources=[on], conditions=conditions or None)

        served = {"aws:ResourceTag/nami:data-volume": self.data_volume_id}
        record = {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": [self.dns_name],
            "route53:ChangeResourceRecordSetsRecordTypes": ["A"],
            "route53:ChangeResourceRecordSetsActions": ["UPSERT"],
        }
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        # The right to signal this stack comes with the group's signals.
        for statement in (
            allow("ec2:DescribeVolumes"),
            allow("ec2:AttachVolume", on=ec2_arn("volume", self.data_volume_id)),
            allow("ec2:AttachVolume", on=ec2_arn("instance", "*"), StringEquals=served),
            allow("secretsmanager:GetSecretValue", on=self.secret.secret_arn),
            allow("route53:ChangeResourceRecordSets", on=zone.hosted_zone_arn, **{"ForAllValues:StringEquals": record}),
            allow(*SESSION_MANAGER_ACTIONS),
            allow("cloudwatch:PutMetricData", StringEquals={"cloudwatch:namespace": NAMESPACE}),
        ):
            role.add_to_policy(statement)
        if self.volume_key:
            role.add_to_policy(mongo_volume.right_to_attach(self, self.volume_key))
        if settings.data_volume_id and settings.backup_days:
            role.add_to_policy(
                allow(
                    "ec2:CreateTags",
                    on=ec2_arn("volume", self.data_volume_id),
                    StringEquals={f"aws:RequestTag/{HOST_TAG}": self.dns_name},
                    **{"ForAllValues:StringEquals": {"aws:TagKeys": [HOST_TAG]}},
                )
            )
        acknowledge(
            role,
            "these actions take no ARN, but for AttachVolume, which is for instances with this volume's tag",
            right_to(self, "*"),
            right_to(self, ec2_arn("instance", "*")),
        )
        return role
