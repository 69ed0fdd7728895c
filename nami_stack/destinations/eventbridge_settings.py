"""The settings of an event bus."""

from typing import Annotated

from nami_stack.section import Section, matches

_NAME = r"[A-Za-z0-9/._-]{1,256}"
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html
BUS = rf"{_NAME}|arn:aws[a-z-]*:events:[a-z0-9-]+:\d{{12}}:event-bus/{_NAME}"


class EventBridgeSettings(Section):
    """Which bus."""

    event_bus: Annotated[str, matches(BUS, "orders, or arn:aws:events:…:event-bus/orders for another account's")] = (
        "default"
    )
    """eventbridge: the bus: the account's `default`, another by its name, one of another account by its ARN."""
