"""The settings of what watches."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from nami_stack.section import Section, matches

# A webhook that has waited for longer raises an alarm, where a failed try does not hide it longer.
OLDEST_SECONDS = 300


class AlarmSettings(Section):
    """Who is told of what goes wrong, and what is written down."""

    alarms: bool = True
    """Alarms on what must not go unnoticed: docs/watching.md. About twelve, at 0.10 dollars a month each beyond the ten
    that an account has free."""
    alarm_email: Annotated[str, matches(r"[^@\s]+@[^@\s]+\.[^@\s]+", "ops@example.com")] | None = None
    """Who gets the alarms by mail, after a click in AWS's first one; others can join the topic of AlarmTopicArn."""
    access_logs: bool | None = None
    """A line for each request at the gateway. An HTTP API writes them unless this is false; a REST API only where it is
    true, since the account needs a role for that first: docs/watching.md."""

    @model_validator(mode="after")
    def _alarm_rules(self) -> Self:
        return self._without_alarms("alarm_email", self.alarm_email)

    def _without_alarms(self, key: str, value: object) -> Self:
        if not self.alarms and value is not None:
            raise ValueError(f"{key}: there are no alarms with alarms=false; leave one of them out")
        return self


class WatchingSettings(AlarmSettings):
    """What tells that something is wrong: docs/watching.md."""

    alarm_unauthorized: Annotated[int, Field(ge=1)] = 10
    """Webhooks within five minutes whose sender is not proven; so many raise the alarm."""
    alarm_silence: Annotated[int, Field(ge=5, le=7 * 24 * 60)] | None = None
    """Minutes without a webhook that raise the alarm; none do where not given."""
    dashboard: bool = True
    """A dashboard of the subscription. AWS charges 3 dollars a month for each beyond the three that an account has
    free."""

    @model_validator(mode="after")
    def _silence_rules(self) -> Self:
        return self._without_alarms("alarm_silence", self.alarm_silence)
