"""Every subscription at a glance, also where something of it can't be seen."""

from typing import Any

import pytest

from nami_control import checks, health, listing, overview
from nami_control.deployment import Deployment, Function
from nami_control.errors import AccessError, NotRunningError
from nami_control.figures import Figures, Window
from nami_control.overview import Row
from tests.unit.cli.conftest import target

LISTED: Any = {"name": "shopify", "environment": "prod", "endpoint": "https://e", "used_by": None}


class Source:
    shortest = 60

    def __init__(self, found: Figures | None) -> None:
        self.found = found

    def read(self, deployment: Deployment, window: Window) -> Figures:
        if self.found is None:
            raise AccessError("no right to CloudWatch")
        return self.found


def deployed() -> Deployment:
    found = Deployment(target(), {"PreQueueFunctionName": "pre", "SignatureSecretArn": "arn"})
    found.pre_queue = Function("pre", {"SIGNATURE": '{"scheme": "github"}'}, "/pre")
    return found


def rows(monkeypatch: pytest.MonkeyPatch, found: Deployment | None, figures: Figures | None = None) -> list[Row]:
    def find(label: str) -> Deployment:
        assert label == "prod-shopify"
        if found is None:
            raise NotRunningError("it is half gone")
        return found

    monkeypatch.setattr(listing, "subscriptions", lambda _aws: [LISTED])
    return overview.rows(target().aws, Source(figures), find)


def test_row_has_signer_secret_alarms_and_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "filled", lambda _target, _arn: checks.fail("signature", "its secret is empty"))
    monkeypatch.setattr(health, "alarms", lambda _target: (["a", "b"], ["b"]))
    figures = Figures(Window(0, 60, 1), {}, {}, {})
    (row,) = rows(monkeypatch, deployed(), figures)
    assert row == Row("prod-shopify", LISTED, "github", has_secret=False, alarms=("b",), figures=figures)


def test_what_one_may_not_see_leaves_the_rest_of_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object) -> Any:
        raise AccessError("no right to it")

    monkeypatch.setattr(checks, "filled", refuse)
    monkeypatch.setattr(health, "alarms", refuse)
    (row,) = rows(monkeypatch, deployed())
    assert (row.signer, row.has_secret, row.alarms, row.figures) == ("github", None, None, None)


def test_subscription_that_is_half_gone_is_a_row_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rows(monkeypatch, None) == [Row("prod-shopify", LISTED)]


def test_fault_of_namis_own_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "filled", lambda *_given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        rows(monkeypatch, deployed())
