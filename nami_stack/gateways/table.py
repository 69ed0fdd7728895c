"""The kinds of gateways: one entry each; what is added to it is taken everywhere."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GatewayKind:
    """A kind of gateway, known by its name in `GATEWAYS`.

    Args:
        construct: where its class is, as in `package.module:Class`; a `Gateway`, imported when one is made.
        writes_to_queues: whether it can do without a function: `ingest=direct`.
    """

    construct: str
    writes_to_queues: bool = False


GATEWAYS: dict[str, GatewayKind] = {
    "http": GatewayKind("nami_stack.gateways.http:HttpGateway"),
    "rest": GatewayKind("nami_stack.gateways.rest:RestGateway", writes_to_queues=True),
    "shared": GatewayKind("nami_stack.gateways.shared:SharedGateway"),
}
