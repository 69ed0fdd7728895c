"""How providers sign what they send: `schemes` are the usual ways, `providers` and `more` the table of who uses which.

Who has a way of their own stand beside it, in the table of a module that is loaded for them alone.
"""

from __future__ import annotations

from nami_runtime.signatures.providers import SCHEMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import replace
    from typing import Any

    from nami_runtime.signatures.schemes import Scheme
else:
    from nami_runtime.frozen import replace

__all__ = ["configured", "every"]

_OWN_WAYS = {
    name: module
    for module, names in {
        "adyen": "adyen",
        "braintree": "braintree",
        "client_state": "microsoft-graph",
        "contentful": "contentful",
        "jwts": "fusionauth google-pubsub livekit messagebird netlify plaid plaid-sandbox vonage wix",
        "public_keys": "aws-sns discord highlevel manus mobiscroll paypal sendgrid standard-webhooks-v1a telnyx wise",
    }.items()
    for name in names.split()
}


def every() -> dict[str, tuple[Scheme, ...]]:
    """The whole table. A function loads of it what its provider needs."""
    for table in dict.fromkeys(["more", *_OWN_WAYS.values()]):
        for name, forms in _table(table).items():
            SCHEMES.setdefault(name, forms)
    return SCHEMES


def _table(module: str) -> dict[str, tuple[Scheme, ...]]:
    from importlib import import_module  # noqa: PLC0415 - the usual providers stand in the first table

    found: dict[str, tuple[Scheme, ...]] = import_module(f"nami_runtime.signatures.{module}").SCHEMES
    return found


def configured(setting: dict[str, Any]) -> tuple[Scheme, ...]:
    """The scheme that a setting names, with its options, e.g. {"scheme": "stripe", "tolerance": 600}.

    `id` is the source of the delivery's id; the other options are the scheme's own fields.
    Raises KeyError for an unknown scheme and TypeError for an option that the scheme does not have.
    """
    named = setting["scheme"]
    forms = SCHEMES[named] if named in SCHEMES else _table(_OWN_WAYS.get(named, "more"))[named]
    options = {name: value for name, value in setting.items() if name != "scheme"}
    options |= {name: tuple(value) for name, value in options.items() if isinstance(value, list)}
    for name in ("header", "timestamp", "id"):
        if name in options:
            options[name] = _source(options[name])
    if "id" in options and "ids" not in options:
        options["ids"] = (options["id"],)
    if unknown := [name for name in options if name != "id" and not any(hasattr(form, name) for form in forms)]:
        raise TypeError(f"{setting['scheme']} has no option {unknown[0]}")
    return tuple(
        replace(form, **{name: value for name, value in options.items() if hasattr(form, name)}) for form in forms
    )


def _source(text: str) -> str:
    return text if ":" in text else text.lower()
