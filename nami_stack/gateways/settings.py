"""The settings of gateways."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from nami_stack.gateways.table import GATEWAYS
from nami_stack.names import SHARED
from nami_stack.section import NamedIn, Section, SettingsError, matches, separated
from nami_stack.signature import Signature

_LIMITS = ("throttle_rate", "throttle_burst")


class GatewaySettings(Section):
    """What producers send to."""

    gateway: Annotated[str, NamedIn(GATEWAYS)] = "http"
    """http: an HTTP API, at under a third of the cost; rest: a REST API, for what the settings below need; shared: the
    HTTP API of `name=shared`."""
    throttle_rate: Annotated[int, Field(ge=1)] | None = None
    """http, rest: webhooks a second, above which producers get 429; the account's limit where not given."""
    throttle_burst: Annotated[int, Field(ge=1)] | None = None
    """http, rest: webhooks at once, with throttle_rate."""
    web_acl_arn: (
        Annotated[
            str,
            matches(
                r"arn:aws[a-z-]*:wafv2:[^:]+:\d{12}:regional/webacl/[^/]+/[^/]+", "arn:aws:wafv2:…:regional/webacl/…"
            ),
        ]
        | None
    ) = None
    """rest: a regional AWS WAF web ACL that looks at each request first."""
    direct_content_types: Annotated[
        tuple[Annotated[str, matches(r"[^\s/]+/[^\s/;]+", "application/json")], ...], separated()
    ] = ()
    """ingest=direct: content types that are taken beside the common ones; others get 415."""

    @model_validator(mode="after")
    def _gateway_rules(self) -> Self:
        if self.gateway != "rest" and self.web_acl_arn is not None:
            raise ValueError(f"web_acl_arn={self.web_acl_arn!r}: an HTTP API has none; give gateway=rest")
        if self.gateway == "shared" and (limits := [key for key in _LIMITS if getattr(self, key) is not None]):
            raise ValueError(f"{limits[0]}: the shared gateway is not this subscription's to limit; give gateway=http")
        if bool(self.throttle_rate) != bool(self.throttle_burst):
            raise ValueError("throttle_rate: goes with throttle_burst; give both, or neither")
        return self


class DomainSettings(Section):
    """A name of yours for the gateway."""

    domain_name: Annotated[str, matches(r"(?!-)[a-z0-9-]+(\.[a-z0-9-]+)+", "hooks.example.com")] | None = None
    """A name of yours for the endpoint. Without certificate_arn the domain must be there already, and the endpoint is
    below /<name> on it, so that several subscriptions share it."""
    certificate_arn: (
        Annotated[str, matches(r"arn:aws[a-z-]*:acm:[^:]+:\d{12}:certificate/.+", "arn:aws:acm:…")] | None
    ) = None
    """Its certificate, in the region of the stack."""
    hosted_zone_id: Annotated[str, matches(r"Z[A-Z0-9]+", "Z0123456789ABCDEFGHIJ")] | None = None
    """The Route 53 zone that gets the domain's records; where not given, make them yourself."""

    @model_validator(mode="after")
    def _domain_rules(self) -> Self:
        if self.certificate_arn and not self.domain_name:
            raise ValueError("certificate_arn: of which domain? Give it as domain_name=hooks.example.com")
        if self.hosted_zone_id and not self.certificate_arn:
            raise ValueError("hosted_zone_id: goes with a domain that is made here; give certificate_arn too")
        return self


def check_direct(
    *,
    writes_to_queues: bool,
    signature: Signature | None,
    destinations: int,
    order_by: str | None,
    deduplicate_by: tuple[str, ...],
    filters: bool,
    reaches_queues: bool,
) -> None:
    """Raise SettingsError where `ingest=direct` can't do what a function between the gateway and the queue does."""
    direct = "ingest='direct':"
    if not writes_to_queues:
        raise SettingsError(f"{direct} an HTTP API can't write the envelope; give gateway=rest")
    if destinations > 1:
        raise SettingsError(f"{direct} the gateway writes to one queue, and each destination has its own; leave it out")
    if order_by:
        raise SettingsError(
            f"{direct} the gateway can't tell the groups of order_by={order_by!r}; leave one of them out"
        )
    if filters:
        raise SettingsError(f"{direct} no function looks at the filter before the queue; leave one of the two out")
    if deduplicate_by and not (signature and signature.has_secret):
        raise SettingsError(
            f"{direct} the gateway gives each request an id of its own, and behind the queue only a function that "
            "verifies looks at deduplicate_by; give a signature, or leave one of the two out"
        )
    if signature and signature.has_handshake:
        raise SettingsError(
            f"{direct} signature={signature.scheme} has a handshake, which a function must answer; leave ingest out"
        )
    if signature and signature.fetches:
        raise SettingsError(
            f"{direct} signature={signature.scheme} needs the sender's key or certificate from the internet, which the "
            "post-queue function may not reach; leave ingest out"
        )
    if signature and signature.has_secret and not reaches_queues:
        raise SettingsError(
            f"{direct} what is not genuine goes to a quarantine queue, and no function of this destination can send "
            "to it; leave ingest out, or give another destination"
        )


def check_shared_gateway(gateway: str, domain_name: str | None, access_logs: bool | None) -> None:
    """Raise SettingsError where the gateway is shared, and a subscription would have what is for all."""
    if gateway == "shared" and domain_name:
        raise SettingsError(
            f"domain_name={domain_name!r}: the shared gateway has one domain for all; "
            f"give it to name={SHARED}, or leave it out"
        )
    if gateway == "shared" and access_logs is not None:
        raise SettingsError(f"access_logs: are the shared gateway's; give it to name={SHARED}, or leave it out")
