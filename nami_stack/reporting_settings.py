"""Where functions report beside CloudWatch: the settings, and what is wrong with them."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import model_validator

from nami_stack.section import Section, SettingsError, is_token, matches

# https://docs.datadoghq.com/getting_started/site/
DatadogSite = Literal[
    "datadoghq.com",
    "datadoghq.eu",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "uk1.datadoghq.com",
    "ddog-gov.com",
    "us2.ddog-gov.com",
]


class ReportingSettings(Section):
    """Where functions report beside CloudWatch: docs/watching.md."""

    tracing: bool = False
    """X-Ray follows a share of the webhooks through a REST API and the functions; an HTTP API has no tracing."""
    sentry_dsn: str | None = None
    """Errors of the functions go to the Sentry project with this DSN, without a webhook's content: docs/watching.md."""
    datadog_site: DatadogSite | None = None
    """Metrics, traces and logs of the functions go to Datadog there, by its layers: docs/watching.md."""
    datadog_api_key_secret_arn: (
        Annotated[
            str,
            matches(
                r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}",
                "arn:aws:secretsmanager:…:secret:datadog-AbCdEf, whole, with its random ending",
            ),
        ]
        | None
    ) = None
    """The secret that is Datadog's API key and nothing else, with datadog_site."""

    @model_validator(mode="after")
    def _reporting_rules(self) -> Self:
        if self.sentry_dsn and not is_token(self.sentry_dsn):
            check_sentry_dsn(self.sentry_dsn)
        given = {key: getattr(self, key) for key in ("datadog_site", "datadog_api_key_secret_arn")}
        if any(given.values()) and not all(given.values()):
            missing, there = sorted(given, key=lambda key: given[key] is not None)
            raise ValueError(f"{there}: goes with {missing}; give both, or neither")
        return self

    @property
    def reports_to(self) -> str:
        """The setting by which the functions report to a service on the internet; empty where they do not."""
        return "sentry_dsn" if self.sentry_dsn else "datadog_site" if self.datadog_site else ""


def check_sentry_dsn(dsn: str) -> str:
    """Return the DSN of a Sentry project where it can stand in a function's settings for everybody to read.

    Its key is public: it lets one send events and read nothing
    (https://docs.sentry.io/concepts/key-terms/dsn-explainer/).

    Raises:
        SettingsError: it is none, or holds a secret.
    """
    form = "must look like https://0123456789abcdef@o1.ingest.sentry.io/2"
    try:
        parts = urlsplit(dsn)
        host, password, _ = parts.hostname, parts.password, parts.port
    except ValueError:
        raise SettingsError(f"sentry_dsn: {form}") from None
    if password is not None:
        raise SettingsError(
            "sentry_dsn: holds a secret key after its public one, as DSNs of old did, and everybody could read it in "
            "the function's settings; leave it out, Sentry does not need it"
        )
    if parts.scheme != "https" or not host or not parts.username or not re.fullmatch(r"(/[^/\s]+)*/\d+", parts.path):
        raise SettingsError(f"sentry_dsn: {form}")
    return dsn


def no_way_out(key: str) -> str:
    """What is wrong where a function that should report to the internet stands in a network without a way to it."""
    return (
        f"{key}: the post-queue function stands in a subnet without a way out over IPv4, and could not report "
        f"anything; give egress=nat, or leave {key} out"
    )
