"""All settings of one stack: of a subscription, or of what subscriptions share."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ValidationError, field_validator, model_validator

from nami_stack.destinations.mongo_host_settings import HostSettings
from nami_stack.destinations.named_settings import check_named, defaults_of, kind_of, reworded, settings_of
from nami_stack.destinations.settings import DestinationSettings
from nami_stack.destinations.table import DESTINATIONS, check_destinations
from nami_stack.gateways.settings import DomainSettings, GatewaySettings, check_direct, check_shared_gateway
from nami_stack.gateways.table import GATEWAYS
from nami_stack.names import LOCAL_CONTEXT, SHARED, check_environment, check_name, stack_name
from nami_stack.pipeline_settings import PipelineSettings
from nami_stack.section import Section, SettingsError, matches
from nami_stack.settings.context import (
    ENVIRONMENT_KEYS,
    OLD_NAMES,
    check_unambiguous,
    environment_entry,
    given_settings,
    subscriptions,
)
from nami_stack.settings.errors import first_line, unknown
from nami_stack.signature_settings import SignatureSettings
from nami_stack.watching.settings import AlarmSettings, WatchingSettings

Model = TypeVar("Model", bound=BaseModel)


class Environment(Section):
    """One of the `environments` of cdk.json, picked by `-c env=prod`."""

    name: Annotated[str, AfterValidator(check_environment)]
    """Part of the stacks' names (nami-<environment>-<subscription>), and their tag `nami:environment`."""
    account: str | None = None
    """The AWS account, 12 digits in quotes; that of the credentials where not given."""
    region: Annotated[str, matches(r"[a-z]{2}(-[a-z]+)+-\d{1,2}", "eu-west-1")] | None = None
    """The region, such as `eu-west-1`; the credentials' usual one where not given."""

    @field_validator("account", mode="before")
    @classmethod
    def _account(cls, value: object) -> object:
        if value is not None and not (isinstance(value, str) and re.fullmatch(r"[0-9]{12}", value)):
            raise ValueError('must be 12 digits in quotes, as in "123456789012"')
        return value

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self | None:
        """The environment that the CDK context picks; None where it picks none.

        Raises:
            SettingsError: one line that names the key, the rule and the remedy.
        """
        if (name := context.get("env")) in (None, ""):
            return None
        entry = environment_entry(context, check_environment(str(name)))
        known = [key for key in Subscription.model_fields if key not in ("name", "environment")]
        for key in entry:
            if key not in (*ENVIRONMENT_KEYS, *OLD_NAMES, *known):
                raise SettingsError(f"environments.{name}: {unknown(key, (*ENVIRONMENT_KEYS, *known))}")
        where = {key: entry[key] for key in ("account", "region") if entry.get(key) is not None}
        try:
            environment = cls.model_validate({"name": name, **where})
        except ValidationError as error:
            raise SettingsError(f"environments.{name}: {first_line(error, (), cls.model_fields)}") from None
        local = {"account": None, "region": None} if context.get(LOCAL_CONTEXT) else {}
        return environment.model_copy(update=local)


class Subscription(
    PipelineSettings,
    GatewaySettings,
    DomainSettings,
    SignatureSettings,
    DestinationSettings,
    HostSettings,
    WatchingSettings,
):
    """One subscription: what `cdk deploy -c name=shopify` deploys."""

    name: Annotated[str, AfterValidator(check_name)]
    """Of the stack (nami-<name>), the route (/nami/<name>) and the collection (<name>)."""
    environment: Environment | None = None
    """Where it is deployed to; without one, to wherever the credentials lead."""

    @property
    def stack_name(self) -> str:
        """Of its CloudFormation stack."""
        return stack_name(self.name, self.environment_name)

    @property
    def environment_name(self) -> str:
        """Of the environment that this is deployed to; empty without one."""
        return self.environment.name if self.environment else ""

    @property
    def longest_pause(self) -> int:
        """Seconds from one try of a webhook to the next, at the most: a backend may say when it wants it again."""
        # Of those with names each is asked by itself.
        kinds = self.destination if self.destinations is None else ()
        delay = max((DESTINATIONS[kind].longest_delay for kind in kinds), default=0)
        return max(self.visibility_timeout, self.post_queue_timeout + delay)

    @property
    def each(self) -> dict[str, Self]:
        """The settings by destination, each as if it were the only one; one without a name goes by its kind.

        Raises:
            SettingsError: something is wrong with one that has a name.
        """
        if self.destinations is None:
            return {kind: self.model_copy(update={"destination": (kind,)}) for kind in self.destination}
        return {name: self.way_to(name, {}) for name in self.destinations}

    @property
    def with_function(self) -> dict[str, Self]:
        """Of `each`, those that a function takes webhooks to."""
        return {name: way for name, way in self.each.items() if DESTINATIONS[way.destination[0]].has_function}

    def way_to(self, destination: str | None, own: Mapping[str, Any]) -> Self:
        """The settings of one destination, as if it were the only one."""
        named = self.destinations or {}
        if destination not in named:
            return super().way_to(destination, own)
        kind, asked = kind_of(destination, named[destination]), settings_of(destination, named[destination])
        try:
            return type(self).model_validate({**defaults_of(kind, self.given), "destinations": None, **asked})
        except ValidationError as error:
            line = first_line(error, (), type(self).model_fields)
            raise SettingsError(reworded(destination, kind, line)) from None

    @model_validator(mode="after")
    def _rules_of_parts(self) -> Self:
        if self.destinations is None:
            check_destinations(self.destination, self, self)
        else:
            check_named(self.destinations, self.given)
            _ = self.each  # raises what is wrong with one of them
        check_shared_gateway(self.gateway, self.domain_name, self.access_logs)
        return self

    @model_validator(mode="after")
    def _direct_rules(self) -> Self:
        if self.ingest == "direct":
            check_direct(
                writes_to_queues=GATEWAYS[self.gateway].writes_to_queues,
                signature=self.build_signature(),
                destinations=len(self.kinds),
                order_by=self.order_by,
                deduplicate_by=self.deduplicate_by,
                filters=any(each.filter is not None for each in self.each.values()),
                reaches_queues=all(DESTINATIONS[kind].reaches_queues for kind in self.kinds),
            )
        elif self.direct_content_types:
            raise ValueError("direct_content_types: every type is taken without ingest=direct; leave it out")
        return self

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self:
        """Read one subscription's settings from the CDK context: see `given_settings` for which wins.

        Raises:
            SettingsError: one line that names the key, the rule and the remedy.
        """
        name = context.get("name")
        if name in (None, ""):
            kept = subscriptions(context, "subscriptions")
            known = f" (cdk.json has {', '.join(sorted(kept))})" if kept else ""
            raise SettingsError(f"name: which subscription? Give it as -c name=shopify{known}")
        name = check_name(str(name))
        environment = Environment.from_context(context)
        return _validated(cls, context, name, environment, given_settings(context, name))


class SharedSettings(DomainSettings, HostSettings, AlarmSettings):
    """What subscriptions share: what `cdk deploy -c name=shared` deploys."""

    name: Literal["shared"] = "shared"
    """Of the stack: nami-shared."""
    environment: Environment | None = None
    """Where it is deployed to; without one, to wherever the credentials lead."""

    @property
    def stack_name(self) -> str:
        """Of its CloudFormation stack."""
        return stack_name(self.name, self.environment.name if self.environment else None)

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self:
        """Read the settings from the CDK context, as a subscription's are read: see `given_settings`.

        Raises:
            SettingsError: one line that names the key, the rule and the remedy.
        """
        environment = Environment.from_context(context)
        settings = given_settings(context, SHARED, _known(cls))
        for key in settings:
            if key in Subscription.model_fields and key not in cls.model_fields:
                raise SettingsError(f"{key}: is a setting of subscriptions, not of what they share; leave it out")
        return _validated(cls, context, SHARED, environment, settings)


def read_settings(context: Mapping[str, Any]) -> Subscription | SharedSettings:
    """The settings of the stack that the CDK context names: of a subscription, or of what they share.

    Raises:
        SettingsError: one line that names the key, the rule and the remedy.
    """
    return (SharedSettings if context.get("name") == SHARED else Subscription).from_context(context)


def _known(model: type[BaseModel]) -> tuple[str, ...]:
    return ("env", *(key for key in model.model_fields if key != "environment"))


def _validated(
    model: type[Model], context: Mapping[str, Any], name: str, environment: Environment | None, settings: dict[str, Any]
) -> Model:
    check_unambiguous(context, name, environment.name if environment else None)
    try:
        return model.model_validate({**settings, "name": name, "environment": environment})
    except ValidationError as error:
        raise SettingsError(first_line(error, _known(model), model.model_fields)) from None
