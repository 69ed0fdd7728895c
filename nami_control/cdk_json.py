"""The cdk.json of the current directory; its context may keep settings."""

import json
from pathlib import Path
from typing import Any

from nami_control.errors import UsageError


def content() -> dict[str, Any]:
    """All of it; empty where there is none.

    Raises:
        UsageError: it is not JSON, or no object.
    """
    file = Path("cdk.json")
    if not file.exists():
        return {}
    try:
        found = json.loads(file.read_text())
    except ValueError as error:
        raise UsageError(f"cdk.json: is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise UsageError("cdk.json: must be a JSON object")
    return found


def context() -> dict[str, Any]:
    """What the CDK app is given by it."""
    found = content().get("context", {})
    return found if isinstance(found, dict) else {}
