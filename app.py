"""The CDK app: context -> settings -> one stack. `cdk deploy -c name=shopify`."""

import sys
from pathlib import Path

import aws_cdk as cdk

from nami_stack import SettingsError, Subscription, WebhookStack


def main() -> None:
    """Synthesise the stack of the subscription that the context names."""
    app = cdk.App()
    try:
        subscription = Subscription.from_context(app.node.get_all_context())
    except SettingsError as error:
        sys.exit(f"error: {error}")
    # Handlers of the user's own, where `nami create` or the user has put some.
    WebhookStack(app, subscription=subscription, handlers=Path.cwd() / "webhooks" / subscription.name)
    app.synth()


if __name__ == "__main__":
    main()
