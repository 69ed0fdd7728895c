"""Every setting of nami, as the command, the CDK app and the constructs read it."""

from nami_stack.destinations.http_settings import BACKEND_LATER, backend_batch
from nami_stack.destinations.mongo_host_settings import HostSettings
from nami_stack.gateways.settings import DomainSettings
from nami_stack.names import (
    ENVIRONMENT_TAG,
    LOCAL_CONTEXT,
    SETTINGS_METADATA,
    SHARED,
    check_environment,
    check_name,
    stack_name,
)
from nami_stack.pipeline_settings import PipelineSettings
from nami_stack.reporting_settings import no_way_out
from nami_stack.section import NamedIn, SettingsError, as_typed
from nami_stack.settings.context import OLD_NAMES, by_todays_names, given_settings
from nami_stack.settings.subscription import Environment, SharedSettings, Subscription, read_settings
from nami_stack.watching.settings import AlarmSettings, WatchingSettings

__all__ = [
    "BACKEND_LATER",
    "ENVIRONMENT_TAG",
    "LOCAL_CONTEXT",
    "OLD_NAMES",
    "SETTINGS_METADATA",
    "SHARED",
    "AlarmSettings",
    "DomainSettings",
    "Environment",
    "HostSettings",
    "NamedIn",
    "PipelineSettings",
    "SettingsError",
    "SharedSettings",
    "Subscription",
    "WatchingSettings",
    "as_typed",
    "backend_batch",
    "by_todays_names",
    "check_environment",
    "check_name",
    "given_settings",
    "no_way_out",
    "read_settings",
    "stack_name",
]
