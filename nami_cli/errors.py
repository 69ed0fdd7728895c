"""What ends a command: one clear line, and an exit code that differs by cause."""


class CliError(Exception):
    """A failure that the user is told about in one line. The exit code says which kind it is."""

    exit_code = 1


class NotRunningError(CliError):
    """Nothing of that name is up."""

    exit_code = 3


class PortInUseError(CliError):
    """Another program listens where local AWS should."""

    exit_code = 4


class MissingToolError(CliError):
    """A program or package that the command needs is not installed."""

    exit_code = 5


class DeployError(CliError):
    """Synthesis, bootstrap or deployment failed."""

    exit_code = 6


class DatabaseError(CliError):
    """The database could not be started or reached."""

    exit_code = 7


class LocalAwsError(CliError):
    """Local AWS did not start, or stopped by itself."""

    exit_code = 8


class WebhookError(CliError):
    """A webhook was refused, or was not stored in time."""

    exit_code = 9
