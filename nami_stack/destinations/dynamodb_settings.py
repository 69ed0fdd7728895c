"""The settings of a DynamoDB table."""

from typing import Annotated

from pydantic import Field

from nami_stack.section import Section, matches


class TableSettings(Section):
    """Which table, and for how long."""

    table_name: Annotated[str, matches(r"[A-Za-z0-9_.-]{3,255}", "shopify-webhooks")] | None = None
    """dynamodb: an existing table to adopt, with the string `id` as its whole key; made where not given."""
    table_ttl_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """dynamodb: days after which an item expires; it stays for good where not given."""
