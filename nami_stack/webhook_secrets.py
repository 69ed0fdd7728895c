"""The secrets of a subscription: what its sender signs with, and what a provider hands over."""

import aws_cdk as cdk
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from nami_stack.acknowledge import acknowledge
from nami_stack.functions import secret_of
from nami_stack.section import SettingsError
from nami_stack.signature import Signature


def signature_secret(
    scope: Construct, name: str, signature: Signature | None, yours: secretsmanager.ISecret | str | None
) -> secretsmanager.ISecret | None:
    """The user's own, or one to fill in; None where nothing is signed with one. Raises SettingsError."""
    if signature is None:
        cdk.Annotations.of(scope).add_warning_v2(
            "nami:unsigned",
            f"{name}: no signature is set, so anybody can send webhooks to it; "
            "give signature=<provider>, or signature=none where that is meant",
        )
    if signature is None or not signature.has_secret:
        if yours is not None:
            raise SettingsError(f"{name}: signature_secret: nothing is signed with it; give signature too")
        return None
    if yours is not None:
        return secret_of(scope, "YourSignatureSecret", yours, key="signature_secret")
    # Without a value: until the user fills it in, every request gets 401.
    secret = secretsmanager.CfnSecret(
        scope, "SignatureSecret", description=f"What the sender of {name}'s webhooks signs with; one value or a list"
    )
    acknowledge(secret, "the sender makes it; while it changes, the secret is a list of the old and the new", "SMG4")
    return secret_of(scope, "FilledInSecret", secret.ref, key="signature_secret")


def received_secret(scope: Construct, name: str, signature: Signature | None) -> secretsmanager.CfnSecret | None:
    """Where a provider hands one over when a webhook is made; None for all others."""
    if signature is None or not signature.hands_over_a_secret:
        return None
    secret = secretsmanager.CfnSecret(
        scope, "ReceivedSecret", description=f"What the sender of {name}'s webhooks handed over when one was made"
    )
    acknowledge(secret, "the sender makes it, once for each webhook", "SMG4")
    return secret
