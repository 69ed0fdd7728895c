"""The CDK app: context -> settings -> one stack. `cdk deploy -c name=shopify`."""

import sys
from pathlib import Path

import aws_cdk as cdk

from nami_stack import SettingsError, Subscription, WebhookStack
from nami_stack.settings import SETTINGS_METADATA


def main() -> None:
    """Synthesise the stack of the subscription that the context names."""
    app = cdk.App()
    try:
        subscription = Subscription.from_context(app.node.get_all_context())
        # Handlers of the user's own, where `nami create` or the user has put some.
        stack = WebhookStack(app, subscription=subscription, handlers=Path.cwd() / "webhooks" / subscription.name)
    except SettingsError as error:
        sys.exit(f"error: {error}")
    # What was asked for, so that `nami deploy` sees when the next deployment leaves some of it out.
    asked = subscription.model_dump(mode="json", exclude_defaults=True, exclude={"name", "environment"})
    stack.add_metadata(SETTINGS_METADATA, asked)
    app.synth()


if __name__ == "__main__":
    main()
