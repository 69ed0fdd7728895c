"""A token's signature. Needs `pyjwt`, and `cryptography` for keys that are no secret."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

from jwt import InvalidTokenError, PyJWK
from jwt.api_jws import PyJWS
from jwt.exceptions import InvalidKeyError, PyJWTError
from jwt.warnings import InsecureKeyLengthWarning

from nami_runtime.request import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey


# How long a key is the sender decides.
warnings.filterwarnings("ignore", category=InsecureKeyLengthWarning)

_jws = PyJWS()


def header(token: str) -> dict[str, Any]:
    """The token's header, which nobody has proven. Raises Refused (401)."""
    try:
        found: dict[str, Any] = _jws.get_unverified_header(token)
    except (PyJWTError, UnicodeEncodeError):
        raise Refused(401, "unreadable token") from None
    return found


def claims(token: str, key: str | PyJWK | RSAPublicKey, algorithms: Sequence[str]) -> dict[str, Any] | None:
    """The claims of a token that is signed with this key by one of these algorithms, else None.

    Raises Refused (401) for what is no token.
    """
    header(token)
    try:
        found = json.loads(_jws.decode(token, key, algorithms))
    except (InvalidTokenError, InvalidKeyError):
        return None
    except (ValueError, RecursionError):
        raise Refused(401, "unreadable token") from None
    return found if isinstance(found, dict) else None
