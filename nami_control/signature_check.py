"""Why does a webhook get 401? The functions' own verification, step by step, and which guess would make it fit.

What comes out of here can be shown to anybody: no secret, and nothing that a valid signature could be made from.
"""

import difflib
import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Literal

from nami_control import signature_guesses as guesses
from nami_control.errors import Command, NotFoundError, UsageError
from nami_runtime import aws as runtime_aws
from nami_runtime import secret, signatures
from nami_runtime.request import Refused, Request
from nami_runtime.signatures import timestamps
from nami_runtime.signatures.jwts import JsonWebToken
from nami_runtime.signatures.schemes import Hmac, Scheme, Signed, Token, Unsigned

if TYPE_CHECKING:
    from dataclasses import replace

    from nami_control.deployment import Deployment
else:
    from nami_runtime.frozen import replace

GENERIC = ("hmac", "token", "basic", "none")
"""Schemes of no provider: what they read is said by a subscription's settings."""
_OLDEST = 2**40  # seconds: no timestamp that can be read is further away
_MOST_OTHERS = 5
_LOGGED = 86_400  # seconds back in which a refused request is looked for


@dataclass(frozen=True)
class Step:
    """One thing that was looked at; `status` is fail where a webhook is refused for it, note where it only tells."""

    name: str
    status: Literal["ok", "note", "fail"]
    detail: str


@dataclass(frozen=True)
class Report:
    """What was looked at, in order, and where it goes wrong: `causes` are guesses that were tried and fit."""

    provider: str
    steps: list[Step] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        """Whether the functions would take it."""
        return all(step.status != "fail" for step in self.steps)


def setting_of(provider: str) -> dict[str, Any]:
    """The setting for a provider by its name, or for one of one's own by its file.

    Raises:
        UsageError: there is no such provider, or what it reads is said by a subscription's settings.
    """
    if "/" in provider or provider.endswith(".json"):
        return _of_file(provider)
    known = signatures.every()
    if provider not in known:
        near = difflib.get_close_matches(provider.lower(), known, n=1)
        raise UsageError(
            f"{provider!r} is no provider that is known by name",
            *((f"did you mean {near[0]}?",) if near else (Command("signatures"), " shows them all")),
        )
    if provider in ("hmac", "none"):
        raise UsageError(f"{provider} reads what a subscription's settings say; give its NAME in place of --provider")
    return {"scheme": provider}


def _of_file(path: str) -> dict[str, Any]:
    from pydantic import ValidationError  # noqa: PLC0415 (it costs `nami --help` nothing)

    from nami_stack.section import rule  # noqa: PLC0415
    from nami_stack.signature_settings import SignatureSettings  # noqa: PLC0415

    try:
        described = SignatureSettings(signature=path).build_signature()
    except ValidationError as error:
        raise UsageError(rule(error)) from None
    setting: dict[str, Any] = json.loads(described.to_json()) if described else {}
    return setting


def read_file(path: str) -> bytes:
    """A file's bytes. Raises UsageError."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def read_secret(path: str) -> str:
    """A secret's text. Raises UsageError."""
    try:
        return read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is no text (UTF-8)") from None


def read_request(raw: bytes) -> Request:
    """A request as it travels (RFC 9112): its line, headers, a blank line, and then the body's exact bytes.

    Raises:
        UsageError: it is none.
    """
    head, *rest = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)
    line, *lines = re.split(r"\r?\n", head.decode("utf-8", "surrogateescape"))
    words = line.split(" ")
    if len(words) not in (2, 3) or not words[0].isalpha() or "/" not in words[1]:
        raise UsageError("the request's first line must be such as 'POST /nami/shopify HTTP/1.1'; then its headers, a "
                         "blank line, and the body as it came")  # fmt: skip
    headers: dict[str, str] = {}
    for each in lines:
        name, colon, value = each.partition(":")
        if not colon or not name.strip():
            raise UsageError(f"{each[:40]!r} is no header of the form 'Name: value'; a blank line ends the headers")
        key = name.strip().lower()
        headers[key] = f"{headers[key]},{value.strip()}" if key in headers else value.strip()
    target = words[1].partition("://")[2] or words[1]
    domain, slash, called = target.partition("/")
    path, _, query = (slash + called).partition("?")
    return Request(
        words[0].upper(),
        path,
        query,
        headers=headers,
        body=rest[0] if rest else b"",
        request_id="-",
        domain=domain or headers.get("host", ""),
        deadline=monotonic() + 10,
    )


def of_delivery(deployment: "Deployment", delivery_id: str) -> Request:
    """The request of a dead letter, or of what lies in quarantine.

    Raises:
        NotFoundError: it is not there, with what the log says of it; what was answered with 401 is kept nowhere.
    """
    from nami_control import logs, redrive  # noqa: PLC0415
    from nami_control.dead_letters import DeadLetters  # noqa: PLC0415
    from nami_control.letters import Filter  # noqa: PLC0415

    wanted = Filter(ids=frozenset({delivery_id}))
    places = [DeadLetters(deployment, drain.destination) for drain in deployment.drains]
    if "QuarantineUrl" in deployment.outputs:
        places.insert(0, DeadLetters(deployment, quarantine=True))
    for letters in places:
        chosen, _ = redrive.look(letters, wanted, 1)
        if not chosen or (delivery := chosen[0].delivery) is None:
            continue
        if reference := delivery.body_ref:
            s3 = deployment.aws.client("s3")
            delivery.load(s3.get_object(Bucket=reference["bucket"], Key=reference["key"])["Body"].read())
        delivery.deadline = monotonic() + 10
        return delivery
    refused = [step.what for step in logs.path(deployment, delivery_id, time() - _LOGGED) if step.refused]
    there = f"was {refused[-1]}" if refused else f"is neither a dead letter of {deployment.name} nor in quarantine"
    raise NotFoundError(
        f"{delivery_id} {there}; what is answered with 401 is not kept: have the provider send it to a place that "
        "shows requests as they are, and give it with --request"
    )


def check(
    setting: Mapping[str, Any], secret_text: str, request: Request, *, now: float | None = None, came: bool = False
) -> Report:
    """What the functions make of a request, and why.

    Args:
        setting: the scheme and its options, as a function has them.
        secret_text: the secret, as Secrets Manager holds it: one value, or JSON with several.
        request: what came.
        now: epoch seconds to compare a signed time with.
        came: whether `now` is when it came in, so that an old time is a fault of its own; else it is only told.
    """
    forms = signatures.configured(dict(setting))
    form = next((each for each in forms if each.applies(request)), forms[0])
    report = Report(str(setting["scheme"]))
    values, _ = secret.parse(secret_text)
    moment = time() if now is None else now
    report.steps.append(_secret(forms, values, secret.fault(secret_text)))
    if not values:
        return report
    report.steps.extend([*_length(request), *_headers(form, request), *_age(form, request, moment, came)])
    timeless = replace(form, tolerance=0) if isinstance(form, Signed) else form
    fit, reason = _fits(timeless, request, values, moment)
    report.steps.extend(_signed(timeless, request))
    if fit is None:
        report.steps.append(Step("signature", "fail", reason or _wrong(values)))
        report.causes.extend(dict.fromkeys(_causes(report.provider, timeless, request, values, moment)))
        return report
    which = f", value {values.index(fit) + 1} of the {len(values)} in the secret" if len(values) > 1 else ""
    report.steps.append(Step("signature", "ok", f"fits{which}"))
    return report


def _wrong(values: Sequence[str]) -> str:
    if len(values) == 1:
        return "it is not what the secret makes of these bytes"
    return f"none of the {len(values)} values in the secret makes it of these bytes"


def _secret(forms: Sequence[Scheme], values: Sequence[str], fault: str) -> Step:
    if not values:
        return Step("secret", "fail", f"{fault}; until then every webhook gets 401")
    lengths = ", ".join(str(len(value)) for value in values)
    told = f"{len(values)} value{'s' if len(values) > 1 else ''} of {lengths} characters"
    keyless = [value for value in values if all(isinstance(f, Hmac) and not f.signature(value, b"") for f in forms)]
    if keyless:
        kind = next(form.key for form in forms if isinstance(form, Hmac))
        return Step("secret", "fail", f"{told}; it must be {kind}, and {len(keyless)} can't be read as that")
    return Step("secret", "ok", told)


def _length(request: Request) -> Iterator[Step]:
    announced, size = request.headers.get("content-length", ""), len(request.body)
    if announced.isascii() and announced.isdigit() and len(announced) < 20 and int(announced) != size:
        more = size - int(announced)
        said = f"{more} more" if more > 0 else f"{-more} fewer"
        yield Step(
            "body", "note", f"{size} bytes, {said} than its Content-Length says: it was changed since it was sent"
        )
    else:
        yield Step("body", "ok", f"{size} bytes, SHA-256 {request.body_hash()}")


def _headers(form: Scheme, request: Request) -> Iterator[Step]:
    if not isinstance(form, Signed | Token | JsonWebToken):
        return
    if text := form.find(request, form.header):
        if text == "(taken out)":
            detail = f"{form.header} was taken out before this was stored, as secrets are; it can't be checked again"
            yield Step("header", "fail", detail)
        else:
            yield Step("header", "ok", f"{form.header}, {len(text)} characters")
        return
    others = [f"{source}, which is {' or '.join(names)}'s" for source, names in _others(request).items()]
    there = f"; there is {'; '.join(others)}" if others else "; nor that of any other provider known by name"
    yield Step("header", "fail", f"there is no {form.header}{there}")


def _others(request: Request) -> dict[str, list[str]]:
    """The headers that are there and carry a known provider's signature → the providers."""
    found: dict[str, list[str]] = {}
    for name, forms in signatures.every().items():
        for form in forms:
            source = form.header if isinstance(form, Signed) else ""
            if source and name not in GENERIC and source in request.headers:
                names = found.setdefault(source, [])
                if name not in names and len(names) < _MOST_OTHERS:
                    names.append(name)
    return found


def _age(form: Scheme, request: Request, now: float, came: bool) -> Iterator[Step]:
    if not isinstance(form, Signed) or not form.tolerance:
        return
    stamp, moment = form.find(request, form.timestamp), int(now)

    def within(tolerance: int) -> bool:
        try:
            timestamps.check_age(stamp, tolerance, moment)
        except Refused as refused:
            if refused.reason != "stale timestamp":
                raise
            return False
        return True

    try:
        age = bisect_left(range(_OLDEST), True, key=within)  # so it is read as the functions read it
    except Refused as refused:
        yield Step("time", "fail", f"{refused.reason} ({form.timestamp})")
        return
    if age <= form.tolerance:
        yield Step("time", "ok", f"{age} s from now, of {form.tolerance} allowed")
        return
    stale = (
        f"stale by {age - form.tolerance} s: {age} s from {'its arrival' if came else 'now'}, {form.tolerance} allowed"
    )
    ordinary = "" if came else "; that is no fault where it is an older request, and one if it is sent as it is"
    yield Step("time", "fail" if came else "note", stale + ordinary)


def _signed(form: Scheme, request: Request) -> Iterator[Step]:
    if not isinstance(form, Signed):
        return
    try:
        contents = list(form.contents(request))
    except Refused as refused:
        yield Step("signed", "fail", f"{form.signed}: {refused.reason}")
        return
    ways = f"; the URL is tried in {len(contents)} ways" if len(contents) > 1 else ""
    content = contents[0]
    yield Step("signed", "ok", f"{form.signed}: {len(content)} bytes, SHA-256 {sha256(content).hexdigest()}{ways}")


def _fits(form: Scheme, request: Request, values: Sequence[str], now: float) -> tuple[str | None, str]:
    """(the value that fits or None, why it could not be asked)."""
    if isinstance(form, Unsigned):
        return values[0], ""
    try:
        return form.verify(request, values, now), ""
    except Refused as refused:
        return None, refused.reason
    except runtime_aws.Unavailable as error:
        return None, f"the provider's key can't be fetched: {error}"
    except ModuleNotFoundError as error:
        package = {"jwt": "pyjwt"}.get(str(error.name), error.name)
        raise UsageError(f"to check it {package} is needed: pip install {package}") from None


def _causes(provider: str, form: Scheme, request: Request, values: Sequence[str], now: float) -> Iterator[str]:
    """The guesses that fit: first each alone, and where none does, a changed body with a changed secret."""

    def fits(form: Scheme, request: Request, values: Sequence[str]) -> bool:
        return _fits(form, request, values, now)[0] is not None

    bodies = [(cause, guesses.changed(request, body=body)) for cause, body in guesses.bodies(request.body)]
    secrets = [guess for value in values for guess in guesses.secrets(value)]
    alone = [cause for cause, other in bodies if fits(form, other, values)]
    alone += [cause for cause, value in secrets if fits(form, request, [value])]
    alone += [cause for cause, other in guesses.schemes(form) if fits(other, request, values)][:1]
    alone += [cause for cause, other, called in guesses.urls(form, request) if fits(other, called, values)][:1]
    yield from alone
    if alone:
        return
    for cause, other in bodies:
        for second, value in secrets:
            if fits(form, other, [value]):
                yield f"{cause}; and {second}"
                return
    for name, forms in signatures.every().items():
        for each in forms:
            if not isinstance(each, Hmac) or name in GENERIC or name == provider or not each.applies(request):
                continue
            if fits(replace(each, tolerance=0), request, values):
                yield f"it is signed as {name} signs; deploy with --signature {name}"
                return
