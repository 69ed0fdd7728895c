"""Secrets: a signature's or a backend's is kept for five minutes, and read again when it does not fit."""

from __future__ import annotations

import json
from time import monotonic

from nami_runtime import aws, log

KEEP_SECONDS = 300.0
# After a rotation the old value fails verification; asking again this often finds the new one soon, and a flood of
# forged requests costs no more than that.
RECHECK_SECONDS = 20.0
_READ_SECONDS = 1.0


class Secret:
    """One value, a JSON list of values, or a JSON object {"secret": value or list, "verify_token": text}.

    All values count; empty, or without any value yet, means that the user has not filled it in.
    """

    def __init__(self, arn: str) -> None:
        self._arn = arn
        self._values: tuple[str, ...] = ()
        self._ever_read = False
        self._read_at = self._tried_at = 0.0
        self.verify_token = ""
        self.fault = ""  # why there are no values
        self.unread = ""  # why the last look failed, after which the values may be old ones

    def values(self, deadline: float) -> tuple[str, ...]:
        """Raises aws.Unavailable or aws.Rejected where it was never read and can't be now; an old value serves on."""
        now = monotonic()
        due = not self._values or now - self._read_at > KEEP_SECONDS
        if not self._ever_read or (due and now - self._tried_at > RECHECK_SECONDS):
            self._read(deadline)
        return self._values

    def reread(self, deadline: float, since: float | None = None) -> bool:
        """Looks for newer values, at most every RECHECK_SECONDS; tells whether there are any.

        For a request that is in the queue `since` then (time.monotonic()), also where the last look was before that:
        nobody sends it again. That is one look for all that waited until then.
        """
        if monotonic() - self._tried_at < RECHECK_SECONDS and (since is None or self._tried_at > since):
            return False
        before = self._values
        self._read(deadline)
        return self._values != before

    def _read(self, deadline: float) -> None:
        self._tried_at = now = monotonic()
        try:
            answer = aws.client("secretsmanager").call(
                "secretsmanager.GetSecretValue",
                {"SecretId": self._arn},
                min(deadline, now + _READ_SECONDS) if self._ever_read else deadline,
            )
            text = _text(answer)
        except aws.Rejected as error:
            if error.code != "ResourceNotFoundException":  # what a secret without a value answers
                self._keep_old(error)
                return
            text = ""
        except aws.Unavailable as error:
            self._keep_old(error)
            return
        self.take(text)
        self._read_at, self._ever_read, self.unread = now, True, ""

    def take(self, text: str) -> None:
        """Makes the values out of the secret's text, or notes its fault."""
        self._values, self.verify_token = parse(text)
        self.fault = "" if self._values else fault(text)

    def _keep_old(self, error: Exception) -> None:
        if not self._ever_read:
            raise error
        self.unread = str(error)
        log.line("ERROR", "a secret can't be read, its last value is used", secret=self._arn, reason=str(error))


def _text(answer: dict[str, object]) -> str:
    """SecretString, or SecretBinary (base64) where that was put instead."""
    if binary := answer.get("SecretBinary"):
        from binascii import a2b_base64  # noqa: PLC0415 - the AWS CLI's --secret-binary, by mistake

        try:
            return a2b_base64(str(binary)).decode()
        except ValueError:
            return ""
    return str(answer.get("SecretString", ""))


def parse(text: str) -> tuple[tuple[str, ...], str]:
    """(values, verify token) of a secret's text, which may have been pasted with quotes or a byte-order mark."""
    text = text.strip("\ufeff \t\r\n")
    try:
        decoded = json.loads(text) if text[:1] in ("[", "{", '"') else text
    except (ValueError, RecursionError):
        decoded = text
    token = None
    if isinstance(decoded, dict):
        token, decoded = decoded.get("verify_token"), decoded.get("secret", _only_secret(decoded))
    candidates = decoded if isinstance(decoded, list) else [decoded]
    values = tuple(value.strip() for value in candidates if isinstance(value, str) and value.strip())
    return tuple(map(_unquoted, values)), token.strip() if isinstance(token, str) else ""


def fault(text: str) -> str:
    """Why a secret's text holds no value, without a word of it."""
    text = text.strip("\ufeff \t\r\n")
    if text[:1] == "{":
        return 'the signature secret is JSON in which nothing is clearly it: make it {"secret": value}'
    if text[:1] == "[" and text.strip("[] ") not in ("", '""'):
        return 'the signature secret is a list of something else than texts: make it ["value"]'
    return "the signature secret is not filled in"


def _only_secret(pairs: dict[str, object]) -> object:
    """{"WEBHOOK_SECRET": …}, as the console's form makes it; none where it is not clear which it is."""
    named = [name for name in pairs if "secret" in name.lower() or name.lower().endswith(("key", "token"))]
    named = [name for name in named if name != "verify_token"]
    return pairs[named[0]] if len(named) == 1 else None


def _unquoted(value: str) -> str:
    return value[1:-1].strip() if len(value) > 2 and value[0] == value[-1] and value[0] in "\"'" else value


MONGO_URIS = ("mongodb://", "mongodb+srv://")
POSTGRES_URIS = ("postgresql://", "postgres://")


def database(text: str, *, on_host: bool, uris: tuple[str, ...] = MONGO_URIS) -> dict[str, str]:
    """What a database's secret says: {"uri": …}, or the username and the password on a host of ours.

    It is JSON, or the URI itself. Raises ValueError with what is wrong, without a word of the secret.
    """
    text = text.strip()
    try:
        found = text if text.startswith(uris) else json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is neither a URI nor JSON") from None
    if isinstance(found, str) and found.startswith(uris):
        return {"uri": found}
    wanted = ("username", "password") if on_host else ("uri",)
    known = found if isinstance(found, dict) else {}
    if not any(all(isinstance(known.get(key), str) for key in keys) for keys in (("uri",), wanted)):
        raise ValueError(f"it has no {' and '.join(wanted)}")
    return known
