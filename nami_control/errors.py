"""What goes wrong: each error names its cause and, where there is one, the remedy."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from nami_stack.settings import SettingsError, as_typed


@dataclass(frozen=True)
class Command:
    """A command of nami's that a remedy names, such as `dlq list shopify`."""

    words: str


Remedy = tuple[str | Command, ...]
"""What to do, as text with the commands in it."""


def word(remedy: Remedy, nami: str) -> str:
    """A remedy as text; `nami` is how the command is typed, with what keeps it on the same AWS and environment."""
    return "".join(f"{nami} {part.words}" if isinstance(part, Command) else part for part in remedy)


def as_flags(settings: Mapping[str, object]) -> str:
    """Settings as one types them."""
    return " ".join(f"{flag(key)} {shlex.quote(as_typed(value))}" for key, value in settings.items())


def flag(key: str) -> str:
    """`batch_size` as `--batch-size`."""
    return f"--{key.replace('_', '-')}"


class NamiError(Exception):
    """A failure that the user is told about in one line: the cause, and after it the remedy.

    `nami` is how its commands are to be typed. `exit_code` is what a command that fails with it ends with, and tells
    which kind it is.
    """

    exit_code = 1

    def __init__(self, cause: str, *remedy: str | Command) -> None:
        super().__init__(cause)
        self.cause, self.remedy, self.nami = cause, remedy, "nami"

    def __str__(self) -> str:
        return f"{self.cause}; {word(self.remedy, self.nami)}" if self.remedy else self.cause


class UsageError(NamiError):
    """What was typed does not fit: a name, a setting, a file. The code is the one that a wrong flag gets too."""

    exit_code = 2


@contextmanager
def usage_errors() -> Iterator[None]:
    """Settings that break a rule are what was typed wrong."""
    try:
        yield
    except SettingsError as error:
        raise UsageError(str(error)) from None


class NotRunningError(NamiError):
    """Nothing of that name is up."""

    exit_code = 3


class PortInUseError(NamiError):
    """Another program listens where local AWS should."""

    exit_code = 4


class MissingToolError(NamiError):
    """A program or package that the command needs is not installed."""

    exit_code = 5


class DeployError(NamiError):
    """Synthesis, bootstrap or deployment failed."""

    exit_code = 6


class DatabaseError(NamiError):
    """The database could not be started or reached."""

    exit_code = 7


class LocalAwsError(NamiError):
    """Local AWS did not start, or stopped by itself."""

    exit_code = 8


class WebhookError(NamiError):
    """A webhook was refused, or was not stored in time."""

    exit_code = 9


class AccessError(NamiError):
    """Credentials, the region or rights are missing: AWS does not let the command in."""

    exit_code = 10


class AwsError(NamiError):
    """AWS could not be reached, or refused a call for another reason."""

    exit_code = 11


class CheckError(NamiError):
    """Something that must hold does not; nothing was changed."""

    exit_code = 12


class SecretError(NamiError):
    """A secret is needed and not filled in yet."""

    exit_code = 13


class NotFoundError(NamiError):
    """The delivery or dead letter that was asked for is not there."""

    exit_code = 14


def last_line(output: str) -> str:
    """What a program said last, which mostly is why it failed."""
    return next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "it said nothing")
