"""Amazon SNS's signatures, by a certificate that is fetched from SNS in the topic's region. Needs `cryptography`.

Source: docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html; aws/aws-js-sns-message-validator.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from nami_runtime.request import Refused
from nami_runtime.signatures import places
from nami_runtime.signatures.asymmetric import decoded
from nami_runtime.signatures.certificates import Certificates, fits
from nami_runtime.signatures.fetched import Fetched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nami_runtime.request import Request

CONFIRMATION = "SubscriptionConfirmation"
_CERTIFICATE_PATH = re.compile(r"/[A-Za-z0-9_-]{1,100}\.pem")
_CONFIRM_PATH = re.compile(r"/\?Action=ConfirmSubscription&TopicArn=[A-Za-z0-9:._%-]{1,512}&Token=[0-9a-f]{1,512}")
_FREE_TEXT = "Message"
_SIGNED = {
    "Notification": (_FREE_TEXT, "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: (_FREE_TEXT, "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": (_FREE_TEXT, "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
# A topic may still sign with SHA-1, which is what it does unless SignatureVersion is set to 2.
_DIGESTS = {"1": SHA1, "2": SHA256}

certificates = Certificates("SNS")
confirmations = Fetched("confirming the subscription at SNS", bytes)


def verify(request: Request, secrets: Sequence[str], now: float) -> str | None:
    """As Sns.verify; raises aws.Unavailable where the certificate can't be fetched."""
    body = request.json()
    message: dict[str, Any] = body if isinstance(body, dict) else {}
    topic = message.get("TopicArn")
    if not isinstance(topic, str) or topic not in secrets:
        raise Refused(401, "not of a topic that the secret names")
    version, signature = message.get("SignatureVersion"), message.get("Signature")
    if not isinstance(signature, str) or not isinstance(version, str) or version not in _DIGESTS:
        raise Refused(401, "no signature, or of an unknown version")
    host, path = _place(message.get("SigningCertURL"), topic, _CERTIFICATE_PATH)
    signed = content(message)
    key = certificates.key(host, path, now, request.deadline)
    if not fits(key, decoded(signature), signed, _DIGESTS[version]()):
        return None
    places.check_once(request.body)
    return topic


def content(message: dict[str, Any]) -> bytes:
    """What is signed: the names and values of some fields, each on a line of its own.

    Raises Refused (401) where one is missing, or a line end stands in more than the one field that may hold any: the
    signature would fit other fields too.
    """
    lines = []
    for name in _SIGNED.get(str(message.get("Type")), ()):
        value = message.get(name)
        if value is None and name == "Subject":
            continue
        if not isinstance(value, str) or (name != _FREE_TEXT and "\n" in value):
            raise Refused(401, f"no {name}")
        lines += [name, value]
    if not lines:
        raise Refused(401, "unknown Type")
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def confirm(request: Request) -> bool:
    """Confirms the subscription where this verified request asks for that; tells whether it did.

    Raises aws.Unavailable, so that SNS asks again.
    """
    message = request.json()
    if message["Type"] != CONFIRMATION:
        return False
    host, path = _place(message["SubscribeURL"], message["TopicArn"], _CONFIRM_PATH)
    confirmations.get(host, path, request.deadline)
    return True


def _place(url: object, topic: str, form: re.Pattern[str]) -> tuple[str, str]:
    """(host, path) of a URL that must be SNS's own, in the topic's region. Raises Refused (401)."""
    _, partition, _, region, *_ = topic.split(":") + [""] * 4
    host = f"sns.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}"
    before, slash, rest = str(url).partition(host)
    if before != "https://" or not slash or not form.fullmatch(rest):
        raise Refused(401, "a URL that is not SNS's in the topic's region")
    return host, rest
