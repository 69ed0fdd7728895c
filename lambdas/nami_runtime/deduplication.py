"""The delivery's id by fields that the user has chosen, in place of the provider's: `deduplicate_by`.

A source is a header's name, or `body:path.to.field` of a JSON body or a form.
"""

from __future__ import annotations

from hashlib import sha256

from nami_runtime.request import field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from nami_runtime.request import Request

MAX_ID_LENGTH = 128
# As for Twilio's forms: anybody may send one.
MAX_FORM_BYTES = 256 * 1024
MAX_FORM_FIELDS = 1000


def apply(request: Request, sources: str) -> None:
    """Gives the request the id that `sources`, separated by commas, make; its own where one of them is missing.

    What the signature covers counts as it is, whatever else differs. So does everything that came with the secret
    itself: who has that can send anything. What is not covered is bound to a hash of query and body, so that nobody can
    send another body under the id of a delivery to come.
    """
    names = sources.split(",")
    proven = all(_is_proven(request, name) for name in names)
    values = [_value(request, name) for name in names]
    if not all(values):
        request.delivery_id = request.request_id
        return
    # A comma in a value must not make it two.
    found = ",".join([value.replace("%", "%25").replace(",", "%2C") for value in values])
    if not (found.isascii() and found.isprintable() and len(found) <= MAX_ID_LENGTH):
        found = "sha256-" + sha256(found.encode("utf-8", "backslashreplace")).hexdigest()
    if not proven:
        content = request.query.encode("utf-8", "backslashreplace") + b"\n" + request.body
        found = f"{found}-{sha256(content).hexdigest()[:32]}"
    request.delivery_id, request.id_is_bound = found, True


def _value(request: Request, source: str) -> str:
    if not source.startswith("body:"):
        return request.headers.get(source.lower(), "")
    path = source.removeprefix("body:")
    if request.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        return _form_field(request.body, path)
    return field(request.json(), path)


def _form_field(body: bytes, name: str) -> str:
    from urllib.parse import parse_qsl  # noqa: PLC0415 - most webhooks are JSON

    if len(body) > MAX_FORM_BYTES:
        return ""
    try:
        pairs = parse_qsl(body.decode("utf-8", "backslashreplace"), max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        return ""
    return next((value for found, value in pairs if found == name), "")


def _is_proven(request: Request, source: str) -> bool:
    form = request.proven_by
    if form is None:
        return False
    signed = getattr(form, "signed", "")
    if source.startswith("body:"):
        in_template = "{form}" in signed  # Twilio's: its fields, or a hash of a body that is none
    else:
        source = source.lower()
        in_template = f"{{{source}}}" in signed
    return bool(form.secret_source()) or form.covers(source) or in_template
