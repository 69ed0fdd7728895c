"""Requests that were signed with a private key: what providers publish, and one of Telnyx by the formula."""

from tests.unit.runtime.vectors import Vector

_MOBISCROLL = (
    '{"eventType":"event.updated","userId":"user_42","provider":"google","calendarId":"primary","events":[{"id":"evt_1",'
    '"title":"Caf\u00e9 meeting \u2615 \u2014 Zo\u00eb","lastModified":"2026-09-21T10:00:00.000Z"}]}'
).encode()
_ACTIVE = "ClNzh8jskfPsDqArmUq6vxG6/PAQmLXf7sMsXnReG1DAI3lMxKcQEyEqqWe/weLoTo8g72qIJ+H0nA1WhNWEDA=="
_PREVIOUS = "MYPOv3exr1vMvu95bLYcu1k3hDAQeC66XmOy91Y34m2q/mBd3j1dhT+ubQYkMZF7FxvItnlwU9yXKqd2A1SWDQ=="
_HMAC = "v1,BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="
# mobiscroll-connect-sdk on PyPI, tests/fixtures/webhook-vectors.json: (key, webhook-signature)
_V1A = (
    ("whpk_0r0+Z02Sv1SRb1QjsKUnil6t2oqtAyhn5HHfKgbTXFs=", f"v1a,{_ACTIVE}"),
    ("whpk_0r0+Z02Sv1SRb1QjsKUnil6t2oqtAyhn5HHfKgbTXFs=", f"{_HMAC} v1a,{_ACTIVE}"),
    ("whpk_4bVYVyWUPGQLCcnQQoGU4qTyIeucOFTnkZXlNFAlv6g=", f"v1a,{_ACTIVE} v1a,{_PREVIOUS}"),
)
_WISE_SANDBOX_KEY = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwpb91cEYuyJNQepZAVfP
ZIlPZfNUefH+n6w9SW3fykqKu938cR7WadQv87oF2VuT+fDt7kqeRziTmPSUhqPU
ys/V2Q1rlfJuXbE+Gga37t7zwd0egQ+KyOEHQOpcTwKmtZ81ieGHynAQzsn1We3j
wt760MsCPJ7GMT141ByQM+yW1Bx+4SG3IGjXWyqOWrcXsxAvIXkpUD/jK/L958Cg
nZEgz0BSEh0QxYLITnW1lLokSx/dTianWPFEhMC9BgijempgNXHNfcVirg1lPSyg
z7KqoKUN0oHqWLr2U1A+7kqrl6O2nx3CKs1bj1hToT1+p4kcMoHXA7kA+VBLUpEs
VwIDAQAB
-----END PUBLIC KEY-----"""

VECTORS = [
    *(
        Vector(
            scheme,
            "mobiscroll-connect-sdk",
            key,
            "webhook-signature",
            {
                "webhook-id": "msg_2a161f33-a287-419f-85f9-fc95dbecccdd",
                "webhook-timestamp": "1790000000",
                "webhook-signature": signature,
            },
            _MOBISCROLL,
            now=1_790_000_000.0,
            timed=True,
        )
        for scheme in ("standard-webhooks-v1a", "mobiscroll")
        for key, signature in _V1A
    ),
    Vector(
        "wise",
        "transferwise/digital-signatures-examples",
        _WISE_SANDBOX_KEY,
        "x-signature-sha256",
        {
            "x-signature-sha256": "wKcKCYXAzxNgiu7xmoDm943NUni7Rz33QN8JkEA9dWSGebgndonabgSj18Y4C08OrwVmueGsED2s00M7Dt"
            "JVcYKOS1i3G4TMVx+mgM3aL9djMBkQtiYNBFUd6wrPI7ZUNHv/TrlKSjTMc+6JFvUvJ7owY3z85e3I4jLRLJowMFvO8kvCJ60+1pY9wDwZvtZ//WS93L"
            "rwGjk9Dvwzpmu0w+P4J75tETT5qC3Uv0y5G2yO8SEoO3yNP/tg/BOli02niHb53vEOUWUb9bly6thnfMoXoiV/osoGxgF20R58RlvkAmezyyl1"
            "Sv542TfS2DpiwVnmjjjkCyXeSUcKookYLQ=="
        },
        b'{"data":{"resource":{"id":49983981,"profile_id":16055450,"account_id":14124090,"type":"transfer"},"current_state":'
        b'"incoming_payment_waiting","previous_state":null,"occurred_at":"2021-08-23T10:12:50Z"},"subscription_id":'
        b'"90aa8e14-4ef1-4a56-861c-f3c9cde097ea","event_type":"transfers#state-change","schema_version":"2.0.0","sent_at":'
        b'"2021-08-23T10:12:50Z"}',
    ),
    # The key is that of RFC 8032, 7.1, test 1; what is signed is as telnyx-python, lib/webhook_verification.py has it.
    Vector(
        "telnyx",
        "formula",
        "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        "telnyx-signature-ed25519",
        {
            "telnyx-timestamp": "1614265330",
            "telnyx-signature-ed25519": "ImgtQPKyHe7SFxLN+UWU881xzA6eU7hbfw9vEdKiYbTL8MYaQA3ArnatXWTSe5fqvdUK9jkD4/7f"
            "ApOoOlXIBg==",
        },
        b'{"hello":"world"}',
        now=1_614_265_330.0,
        timed=True,
    ),
]
