"""The CDK app: context -> settings -> one stack. `cdk deploy -c name=shopify`."""

import sys

import aws_cdk as cdk

from nami_stack import SettingsError, Subscription, WebhookStack


def main() -> None:
    """Synthesise the stack of the subscription that the context names."""
    app = cdk.App()
    try:
        subscription = Subscription.from_context(app.node.get_all_context())
    except SettingsError as error:
        sys.exit(f"error: {error}")
    WebhookStack(app, subscription=subscription)
    app.synth()


if __name__ == "__main__":
    main()
