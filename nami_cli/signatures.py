"""`nami signatures`: who signs how, what to put where, and why a webhook gets 401."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from nami_cli.terminal import print_json, print_line, print_table, say
from nami_cli.typed import AsJson, command
from nami_control import signature_check
from nami_control.checks import secret_text
from nami_control.deployment import Deployment, find
from nami_control.errors import CheckError, UsageError
from nami_control.scheme_words import described
from nami_control.signature_check import Report
from nami_control.stacks import Target
from nami_runtime import signatures
from nami_runtime.request import Request


class Providers(TyperGroup):
    """`nami signatures stripe` is short for `nami signatures show stripe`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """What is no command is a provider."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["show", *args])


app = typer.Typer(
    cls=Providers,
    help="The providers that are known by name, and why a webhook of theirs gets 401.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback(epilog="Example: nami signatures --json | jq -r '.[].provider'")
def list_providers(context: typer.Context, as_json: AsJson = False) -> None:
    """The providers that are known by name, and why a webhook of theirs gets 401."""
    if context.invoked_subcommand:
        return
    found = [_of(name) for name in sorted(signatures.every()) if name not in signature_check.GENERIC]
    if as_json:
        print_json(found)
        return
    columns = ("provider", "kind", "signed", "tolerance", "id", "handshake")
    print_table(list(columns), [[str(each[column] or "-") for column in columns] for each in found])
    say(f"{len(found)} providers; any other with an HMAC, a token or basic authentication: docs/signatures.md")


@app.command("show", epilog="Example: nami signatures stripe")
@command
def show_command(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="Such as stripe.")],
    as_json: AsJson = False,
) -> None:
    """Show what to put where for PROVIDER: URL, secret, and what of a webhook is signed."""
    if provider not in signature_check.GENERIC:
        signature_check.setting_of(provider)
    found = _of(provider)
    if as_json:
        print_json(found)
        return
    print_line(f"provider   {found['title']}")
    print_line("URL        what `nami deploy` ends with: `nami outputs NAME` shows it as EndpointUrl")
    print_line(
        f"secret     {found['secret'] or 'docs/signatures.md says what it holds'}; `nami secret NAME` asks for it"
    )
    if found["console"]:
        print_line(f"console    {found['console']}")
    if found["found"]:
        print_line(f"found in   {found['found']}")
    where = f" in {' or '.join(found['headers'])}" if found["headers"] else ""
    print_line(f"kind       {found['kind']}{where}")
    print_line(f"signed     {found['signed'] or 'nothing: the secret itself comes with the webhook'}")
    age = f"{found['tolerance']} s" if found["tolerance"] else "any age is taken"
    print_line(f"tolerance  {age}")
    bound = "" if found["id_is_signed"] or not found["id"] else ", not signed, so that it counts with the body alone"
    print_line(f"id         {found['id'] or 'none: each request is a delivery of its own'}{bound}")
    print_line(f"handshake  {found['handshake'] or 'none'}")
    if found["source"]:
        print_line(f"see        {found['source']}")
    if found["note"]:
        print_line(f"note       {found['note']}")


@app.command(
    "check", epilog="Example: nami signatures check --provider stripe --secret-file secret --request request.http"
)
@command
def check_command(
    target: Annotated[
        Target | None,
        typer.Argument(metavar="[NAME]", help="A subscription, for its settings and its secret."),
    ] = None,
    provider: Annotated[str | None, typer.Option(help="In place of NAME: whose webhook it is.")] = None,
    secret_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="The secret, in place of the deployed one.")
    ] = None,
    request: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The request as it came: its line, headers, a blank line, the body."),
    ] = None,
    delivery_id: Annotated[
        str | None,
        typer.Option(
            "--id", metavar="DELIVERY", help="In place of a file: a dead letter of NAME, or one in quarantine."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell why a webhook gets 401: what was signed, what does not fit, and which change would make it fit.

    Verified as the functions verify. Neither the secret nor a valid signature is shown, so what this prints can be
    shown to others. The exit code is 12 where it would be refused.
    """
    if (target is None) == (provider is None):
        raise UsageError("whose webhook is it? Give a subscription's NAME, or --provider")
    if (request is None) == (delivery_id is None):
        raise UsageError("which webhook? Give --request FILE, or --id of a dead letter of NAME")
    deployed = find(target) if target else None
    setting = deployed.signature if deployed else signature_check.setting_of(provider or "")
    if setting["scheme"] == "none":
        raise UsageError("no signature is set there, so that nothing is refused for it")
    text = _secret(deployed, secret_file)
    came = _came(deployed, request, delivery_id)
    now = came.received_at / 1000 if delivery_id else None
    report = signature_check.check(setting, text, came, now=now, came=delivery_id is not None)
    _print(report, as_json)
    if not report.fits:
        raise CheckError("it would be refused; the lines above say where it goes wrong")


def _secret(deployed: Deployment | None, file: str | None) -> str:
    if file:
        return signature_check.read_secret(file)
    if deployed is None:
        raise UsageError("where is the secret? Give --secret-file FILE; on a command line it would stay in the history")
    return secret_text(deployed.aws, deployed.outputs["SignatureSecretArn"])


def _came(deployed: Deployment | None, file: str | None, delivery_id: str | None) -> Request:
    if file:
        return signature_check.read_request(signature_check.read_file(file))
    if deployed is None:
        raise UsageError("--id: of which subscription? Give its NAME in place of --provider")
    return signature_check.of_delivery(deployed, delivery_id or "")


def _print(report: Report, as_json: bool) -> None:
    if as_json:
        print_json({**asdict(report), "fits": report.fits})
        return
    for step in report.steps:
        print_line(f"{step.status:<4}  {step.name:<9}  {step.detail}")
    for cause in report.causes:
        print_line(f"why   it fits if  {cause}")
    if not report.fits and not report.causes:
        say("none of the usual changes makes it fit: is it the secret of this endpoint, and of live or test mode?")


def _of(name: str) -> dict[str, Any]:
    from nami_control import providers  # noqa: PLC0415 (its table takes 20 ms to read, which only this waits for)

    facts = providers.FACTS.get(name) or providers.Facts(title=name, secret="", found="", source="")
    return {"provider": name, **facts._asdict(), **described(name)._asdict()}
