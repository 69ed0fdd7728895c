"""The site's pages in Markdown: what the repository says, and a page for each provider."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import nami_stack
from nami_control import providers, samples, signature_check
from nami_control.scheme_words import Described, described
from nami_runtime import signatures

ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:)([^)#\s]*)(#[^)]*)?\)")
_PICTURE = re.compile(r'(\bsrc(?:set)?=")docs/')
_TOP = ("SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md")
_PROVIDER = """\
# {title} webhooks

Take {title}'s webhooks into your own AWS account: each one verified, queued and stored once.

## Set up

```console
$ nami deploy {name} --signature {name}
$ nami secret {name}
```

1. The first command ends with the URL. {console}
2. The second asks for the secret: {secret} ({found}). Where you choose it yourself, fill it in before you save the
   webhook there: many send a first request at once.
3. `nami send {name} --provider {name}` sends a signed sample, and `nami events {name}` shows what is stored.
{note}
On your own machine it is `nami local up {name} --signature {name}`, without an account.

## What is signed

| | |
|---|---|
{table}

## What it sends

An event of its shape, in small:

```json
{sample}
```

## Why a webhook gets 401

Mostly it is one of these:

{causes}

One command tells which:

```console
$ nami signatures check --provider {name} --secret-file secret.txt --request request.txt
```
"""
_CONTROL = "# nami_control\n\n::: nami_control\n\n::: nami_control.client\n"
_INTRODUCTION = "Webhook intake for your own AWS account: verified, queued, stored once."


def write(folder: Path) -> None:
    """Write every page anew into `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "providers").mkdir(parents=True)
    (folder / "reference").mkdir()
    for picture in (ROOT / "docs").rglob("*.png"):
        target = folder / picture.relative_to(ROOT / "docs")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, target)
    for page in (ROOT / "docs").glob("*.md"):
        (folder / page.name).write_text(_linked(page))
    for name in _TOP:
        (folder / name).write_text(_linked(ROOT / name))
    (folder / "index.md").write_text(_linked(ROOT / "README.md"))
    names = provider_names()
    for name in names:
        (folder / "providers" / f"{name}.md").write_text(provider_page(name))
    (folder / "providers" / "index.md").write_text(_providers(names))
    (folder / "reference" / "nami_stack.md").write_text(_reference())
    (folder / "reference" / "nami_control.md").write_text(_CONTROL)
    (folder / "llms.txt").write_text(_llms(folder))


def provider_names() -> list[str]:
    """Who has a page."""
    return sorted(name for name in signatures.every() if name not in signature_check.GENERIC)


def _linked(page: Path) -> str:
    """The page's text with links that lead within the site; what the site has not is named, not linked."""

    def link(match: re.Match[str]) -> str:
        words, path, anchor = match[1], match[2], match[3] or ""
        if not path:
            return match[0]
        target = (page.parent / path).resolve().relative_to(ROOT)
        if target.name == "README.md":
            return f"[{words}](index.md{anchor})"
        if target.parent.name == "docs" or str(target) in _TOP:
            return f"[{words}]({target.name}{anchor})"
        if target.parts[0] == "docs":
            return f"[{words}]({target.relative_to('docs')}{anchor})"
        return words

    return _PICTURE.sub(r"\1", _LINK.sub(link, page.read_text()))


def _providers(names: list[str]) -> str:
    lines = ["# Providers", "", "Who is known by name; any other with an HMAC, a token or basic authentication can be"]
    lines += ["[described](../signatures.md).", ""]
    return "\n".join([*lines, *(f"- [{providers.FACTS[name].title}]({name}.md)" for name in names)]) + "\n"


def provider_page(name: str) -> str:
    """What to put where for one provider, what it sends, and what goes wrong most."""
    facts, scheme = providers.FACTS[name], described(name)
    rows = [
        ("Signed", scheme.signed and f"`{scheme.signed}`"),
        ("How", scheme.kind),
        ("Header", ", ".join(f"`{header}`" for header in scheme.headers)),
        ("Oldest accepted", f"{scheme.tolerance} s" if scheme.tolerance else "any, as its document names no age"),
        ("Delivery's id", scheme.id or "none: each request is a delivery of its own"),
        ("Asks first", scheme.handshake or "nothing"),
        ("Read", facts.source),
    ]
    table = "\n".join(f"| {label} | {value} |" for label, value in rows if value)
    sample = json.dumps(samples.SAMPLES.get(name, samples.GENERIC), indent=2)
    sample = sample.replace(f'"{samples.NUMBER}"', "1001").replace(samples.ID, "evt_1001")
    note = f"\n{facts.note[0].upper()}{facts.note[1:]}.\n" if facts.note else ""
    made = {"name": name, "note": note, "table": table, "sample": sample, "console": _console(facts)}
    made["causes"] = "\n".join(f"- {cause}" for cause in _causes(facts, scheme))
    return _PROVIDER.format(**(facts._asdict() | made))


def _console(facts: providers.Facts) -> str:
    """Where the URL goes: the steps in the provider's console, or the document that tells them."""
    if facts.console.startswith("https://"):
        return f"Where it is entered, this page says: <{facts.console}>"
    if facts.console:
        return f"Where it is entered: {facts.console}."
    return f"Give it to {facts.title} as the webhook's address."


def _causes(facts: providers.Facts, scheme: Described) -> Iterator[str]:
    """What goes wrong most with webhooks that are signed like this."""
    yield "the secret of another endpoint, or of the test mode"
    if facts.found.startswith("chosen by you"):
        yield f"a webhook without a secret at {facts.title}: it comes unsigned"
    if any(body in scheme.signed for body in ("{body", "{form}", "payload_hash", "sha256")):
        yield "a body that something on the way parsed and wrote again"
    if any(url in scheme.signed for url in ("{url}", "{uri}", "url_hash")):
        yield "another URL than the one that is called, as it is signed: behind a domain of yours, set `--public-url`"
    if scheme.tolerance:
        yield f"a time that is more than {scheme.tolerance} s off: a clock, or a try long after the first"


def _reference() -> str:
    parts = [f"::: {getattr(nami_stack, name).__module__}.{name}" for name in nami_stack.__all__]
    return "# nami_stack\n\nWhat `from nami_stack import …` has.\n\n" + "\n\n".join(parts) + "\n"


def _llms(folder: Path) -> str:
    """llms.txt: what a language model should read of nami, as Markdown."""
    lines = ["# nami", "", f"> {_INTRODUCTION}", "", "## Pages", ""]
    for page in sorted(folder.glob("*.md")):
        lines.append(f"- [{_title(page)}]({page.name})")
    lines += ["", "## Providers", ""]
    lines += [f"- [{_title(page)}](providers/{page.name})" for page in sorted((folder / "providers").glob("*.md"))]
    return "\n".join(lines) + "\n"


def _title(page: Path) -> str:
    return next(line.removeprefix("# ") for line in page.read_text().splitlines() if line.startswith("# "))
