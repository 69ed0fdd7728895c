"""The functions' own code, for the command: it signs, and reads messages, exactly as they do."""

import sys

from nami_stack.assets import LAMBDAS

if str(LAMBDAS) not in sys.path:
    # At the end: nothing in that folder may stand in front of an installed package.
    sys.path.append(str(LAMBDAS))

from nami_runtime import envelope, request, secret, signatures, signing
from nami_runtime.destinations import http as backend

__all__ = ["backend", "envelope", "request", "secret", "signatures", "signing"]
