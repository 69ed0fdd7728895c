"""The CDK app: context -> settings -> one stack. `cdk deploy -c name=shopify`."""

import sys
from pathlib import Path

import aws_cdk as cdk

# nami_runtime, for a checkout that is not installed.
sys.path.append(str(Path(__file__).parent / "lambdas"))

from nami_stack import SettingsError, SharedSettings, SharedStack, WebhookStack
from nami_stack.environment import EnvironmentStack
from nami_stack.settings import SETTINGS_METADATA, read_settings


def main() -> None:
    """Synthesise the stack that the context names: a subscription's, or that of what they share."""
    app = cdk.App()
    stack: EnvironmentStack
    try:
        settings = read_settings(app.node.get_all_context())
        if isinstance(settings, SharedSettings):
            stack = SharedStack(app, settings=settings)
        else:
            # Handlers of the user's own, where `nami create` or the user has put some.
            stack = WebhookStack(app, subscription=settings, handlers=Path.cwd() / "webhooks" / settings.name)
    except SettingsError as error:
        sys.exit(f"error: {error}")
    # What was asked for, so that `nami deploy` sees when the next deployment leaves some of it out.
    asked = settings.model_dump(mode="json", exclude_defaults=True, exclude={"name", "environment"})
    stack.add_metadata(SETTINGS_METADATA, asked)
    app.synth()


if __name__ == "__main__":
    main()
