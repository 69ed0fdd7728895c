"""One factory for templates: the context of cdk.json, as a deployment sees it, and no bundling."""

import functools
import gc
import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from nami_stack import Subscription, WebhookStack
from nami_stack.assets import CDK_JSON


def pytest_collection_finish() -> None:
    """What thousands of tests are made of stays until the end: the search for garbage need not go through it."""
    gc.freeze()


def make_app(**context: Any) -> cdk.App:
    flags = json.loads(CDK_JSON.read_text())["context"]
    return cdk.App(context={**flags, "aws:cdk:bundling-stacks": [], **context})


@pytest.fixture(scope="session")
def app_factory() -> Callable[..., cdk.App]:
    return make_app


@pytest.fixture(scope="session")
def synth() -> Callable[..., Template]:
    """Make the template of one subscription; equal settings are synthesised once."""

    @functools.cache
    def make(**context: Any) -> Template:
        app = make_app()
        stack = WebhookStack(app, subscription=Subscription.from_context({"name": "shopify", **context}))
        return Template.from_stack(stack)

    return make


@pytest.fixture(scope="session")
def template(synth: Callable[..., Template]) -> Template:
    return synth()
