"""The settings of a DynamoDB table."""

from typing import Annotated

from nami_stack.section import Section, matches


class TableSettings(Section):
    """Which table."""

    table_name: Annotated[str, matches(r"[A-Za-z0-9_.-]{3,255}", "shopify-webhooks")] | None = None
    """dynamodb: an existing table to adopt, with the string `id` as its whole key; made where not given."""
