"""The settings of a MongoDB host and its network."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nami_stack.pipeline_settings import PipelineSettings
from nami_stack.reporting_settings import no_way_out
from nami_stack.section import Section, matches

Subnet = Annotated[str, matches(r"subnet-([0-9a-f]{8}|[0-9a-f]{17})", "subnet-0123456789abcdef0")]


class HostSettings(Section):
    """The MongoDB host and the network that it stands in."""

    instance_type: Annotated[
        # Not a1: MongoDB takes ARMv8.2-A and later, which Graviton2 is the first of.
        # https://www.mongodb.com/docs/manual/administration/production-notes/#arm64
        str,
        matches(r"[a-z]+\d+g[a-z]*\.[a-z0-9]+", "t4g.micro, an arm64 type with Graviton2 or later"),
    ] = "t4g.micro"
    """EC2 type, arm64 (Graviton2 or later): the cheapest that holds MongoDB (1 GiB)."""
    volume_size: Annotated[int, Field(ge=1, le=16_384)] = 10
    """GiB of the data volume, kept on destroy. It can grow with a later deployment, never shrink."""
    host_days: Annotated[int, Field(ge=0, le=365)] = 30
    """Days after which a new host with the newest Amazon Linux takes the place of the old one; 0: never by itself."""
    backup_days: Annotated[int, Field(ge=0, le=365)] = 0
    """Days that a snapshot of the data volume is kept, of which one is made each night; 0: none is."""
    data_volume_id: Annotated[str, matches(r"vol-([0-9a-f]{8}|[0-9a-f]{17})", "vol-0123456789abcdef0")] | None = None
    """An existing data volume to adopt, with its availability_zone and database_secret_arn."""
    availability_zone: Annotated[str, matches(r"[a-z]{2}(-[a-z]+)+-\d[a-z]", "eu-west-1a")] | None = None
    """Zone of the host and its volume, once and for all; where not given, EC2 chooses it."""
    database_secret_arn: (
        Annotated[
            # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html says what a name has.
            str,
            matches(
                r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+",
                "arn:aws:secretsmanager:…:secret:…",
            ),
        ]
        | None
    ) = None
    """The secret with the root credentials that the adopted volume was set up with; mongo-database: with the `uri`."""
    egress: Literal["none", "ipv6", "nat"] = "none"
    """ipv6: functions reach AWS, and what else speaks HTTPS over IPv6, without endpoints that cost. nat: they reach the
    internet through a NAT gateway, and nothing else has a public address."""
    vpc_id: Annotated[str, matches(r"vpc-([0-9a-f]{8}|[0-9a-f]{17})", "vpc-0123456789abcdef0")] | None = None
    """A VPC of yours to use, with host_subnet_id, function_subnet_id and availability_zone."""
    host_subnet_id: Subnet | None = None
    """Subnet of the host in vpc_id; it needs a way to the internet."""
    function_subnet_id: Subnet | None = None
    """Subnet of the post-queue function in vpc_id; it needs a way to Secrets Manager and S3."""

    @property
    def has_host(self) -> bool:
        """Whether there is a MongoDB host that the rules below are about."""
        return True

    @property
    def is_burstable(self) -> bool:
        """Whether the type earns CPU credits."""
        return self.instance_type.startswith("t")

    @property
    def has_database(self) -> bool:
        """Whether database_secret_arn is that of an existing database."""
        return False

    @model_validator(mode="after")
    def _host_rules(self) -> Self:
        if not self.has_host:
            return self
        network = ("vpc_id", "host_subnet_id", "function_subnet_id")
        yours = [key for key in network if getattr(self, key)]
        if yours and (missing := self._missing(*network, "availability_zone")):
            raise ValueError(
                f"{yours[0]}: a network of yours is named by {', '.join(network)} and availability_zone together; "
                f"give {missing} too"
            )
        if yours and self.egress != "none":
            raise ValueError(f"egress={self.egress!r}: nami adds no gateway to a VPC of yours; leave egress out")
        if self.data_volume_id and (missing := self._missing("availability_zone", "database_secret_arn")):
            raise ValueError(
                f"data_volume_id={self.data_volume_id!r}: an adopted volume needs its zone and the credentials that it "
                f"was set up with; give {missing} too"
            )
        if self.database_secret_arn and not self.data_volume_id and not self.has_database:
            raise ValueError(
                "database_secret_arn: goes with an adopted volume, since a new one is set up with a new password; "
                "give data_volume_id too"
            )
        return self

    def _missing(self, *keys: str) -> str:
        return " and ".join(key for key in keys if not getattr(self, key))


def check_host(settings: HostSettings, pipeline: PipelineSettings) -> None:
    """Raise ValueError where the functions beside the host could not report what they should."""
    if pipeline.reports_to and settings.egress != "nat" and not settings.vpc_id:
        raise ValueError(no_way_out(pipeline.reports_to))
