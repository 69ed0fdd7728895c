"""The names of subscriptions, environments, their stacks, and what those are marked with."""

import re

from nami_stack.section import SettingsError

# Where a template says which settings it was made with.
SETTINGS_METADATA = "nami:settings"
ENVIRONMENT_TAG = "nami:environment"
# With this in the context an environment has no account and region of its own: AWS on this machine has but one.
LOCAL_CONTEXT = "nami:local"
SHARED = "shared"  # the name of what subscriptions share
RESERVED_NAMES = frozenset({SHARED})

# Outputs of a subscription's stack. A destination with a name puts that before its own, as in OrdersEuQueueUrl; of
# those without, all but the first put their drain's id there, as in HttpQueueUrl.
ENDPOINT_URL = "EndpointUrl"
PRE_QUEUE_FUNCTION = "PreQueueFunctionName"
LARGE_BODIES_BUCKET = "LargeBodiesBucketName"
QUARANTINE_URL = "QuarantineUrl"
SIGNATURE_SECRET_ARN = "SignatureSecretArn"  # noqa: S105 - the name of an output
RECEIVED_SECRET_ARN = "ReceivedSecretArn"  # noqa: S105 - the name of an output
QUEUE_URL = "QueueUrl"
DEAD_LETTER_QUEUE_URL = "DeadLetterQueueUrl"
POST_QUEUE_FUNCTION = "PostQueueFunctionName"
# In its place, where webhooks wait for a consumer of the user's own.
CONSUMER_QUEUE_ARN = "ConsumerQueueArn"
# Behind a destination's name these would be other outputs: DeadLetterQueueUrl, AttemptsTableName.
_WORDS_OF_OUTPUTS = ("dead-letter", "attempts")
# Of a destination itself.
DATABASE_SECRET_ARN = "DatabaseSecretArn"  # noqa: S105 - the name of an output
DATA_VOLUME_ID = "DataVolumeId"
VOLUME_KEY_ARN = "VolumeKeyArn"
TABLE_NAME = "TableName"
LARGE_ITEMS_BUCKET = "LargeItemsBucketName"
BACKEND_SECRET_ARN = "BackendSecretArn"  # noqa: S105 - the name of an output
BACKEND_SIGNATURE = "BackendSignature"
ATTEMPTS_TABLE = "AttemptsTableName"
EVENT_BUS = "EventBusName"
FANOUT_TOPIC_ARN = "FanoutTopicArn"
ARCHIVE_BUCKET = "ArchiveBucketName"
ARCHIVE_IDS_TABLE = "ArchiveIdsTableName"
ARCHIVE_TABLE = "ArchiveTableStatement"
POSTGRES_SECRET_ARN = "PostgresSecretArn"  # noqa: S105 - the name of an output
# Of what watches, of a domain, and of the shared stack.
ALARM_TOPIC_ARN = "AlarmTopicArn"
DASHBOARD_URL = "DashboardUrl"
DOMAIN_TARGET = "DomainTarget"
GATEWAY_URL = "GatewayUrl"


def check_name(name: str) -> str:
    """Return the name of a subscription where it is a good one.

    It becomes a part of the stack's name, the route and a DNS label, so the strictest of them rules: RFC 1123,
    section 2.1 (63 characters).

    Raises:
        SettingsError: it is not.
    """
    if name in RESERVED_NAMES:
        raise SettingsError(f"name={name!r}: is reserved for what subscriptions share; choose another name")
    if not re.fullmatch(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?", name):
        remedy = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:63].rstrip("-") or "shopify"
        if remedy in RESERVED_NAMES:
            remedy = "shopify"
        raise SettingsError(
            f"name={name!r}: must be 1 to 63 lower-case letters, digits and inner hyphens, "
            f"and begin with a letter; try name={remedy}"
        )
    return name


def check_destination_name(name: str) -> str:
    """Return the name of a destination where it is a good one.

    Outputs of a stack have no hyphens (`OrdersEuQueueUrl`), so each word begins with a letter, by which the name is
    found in them; and a name must not end as an output's own words do.

    Raises:
        SettingsError: it is not.
    """
    if not re.fullmatch(r"(?=.{1,32}$)[a-z][a-z0-9]*(?:-[a-z][a-z0-9]*)*", name):
        remedy = re.sub(r"-+(?=[0-9-]|$)", "", re.sub(r"[^a-z0-9]+", "-", name.lower()).lstrip("-0123456789"))[:32]
        raise SettingsError(
            f"destinations: {name!r}: must be 1 to 32 lower-case letters, digits and inner hyphens, each word with a "
            f"letter at its beginning; try {remedy.rstrip('-') or 'orders'}"
        )
    if name.endswith(_WORDS_OF_OUTPUTS):
        raise SettingsError(f"destinations: {name!r}: ends as an output of nami's does; choose another name")
    return name


def in_outputs(destination: str) -> str:
    """What stands before the outputs of a destination with a name: OrdersEu for orders-eu."""
    return "".join(word.capitalize() for word in destination.split("-"))


def from_outputs(prefix: str) -> str:
    """The destination whose outputs begin like this."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", prefix).lower()


def check_environment(name: str) -> str:
    """Return the name of an environment where it is a good one.

    It has no hyphen, so that a stack's name tells where the environment ends and the subscription begins.

    Raises:
        SettingsError: it is not.
    """
    if name in RESERVED_NAMES:
        raise SettingsError(f"env={name!r}: is reserved for what subscriptions share; choose another name")
    if not re.fullmatch(r"[a-z][a-z0-9]{0,15}", name):
        remedy = re.sub(r"[^a-z0-9]+", "", name.lower()).lstrip("0123456789")[:16]
        if not remedy or remedy in RESERVED_NAMES:
            remedy = "prod"
        raise SettingsError(
            f"env={name!r}: must be 1 to 16 lower-case letters and digits, and begin with a letter; try env={remedy}"
        )
    return name


def stack_name(name: str, environment: str | None = None) -> str:
    """The stack of a subscription, or of what they share: `nami-shopify`, in an environment `nami-prod-shopify`."""
    return "-".join(part for part in ("nami", environment, name) if part)


RUN_HERE = "NAMI_FUNCTIONS_RUN_HERE"
"""A variable of a synthesis, set where it is this Python that runs the functions, and not Lambda's: by local AWS."""
