"""Requests with signatures that this code did not compute.

Where `source` names a document or a library's tests, the values are published there; where it says openssl, they were
computed by `openssl dgst -hmac` from what the provider's document says is signed.
"""

from dataclasses import dataclass, field

_BODY = b'{"id":"evt_1","event_id":"Ev08","webhookTimestamp":1700000000000}'
_SQUARE = (
    b'{"merchant_id":"MLEFBHHSJGVHD","type":"webhooks.test_notification","event_id":"ac3ac95b-f97d-458c-a6e6-18981597e05f"'
    b',"created_at":"2022-07-13T20:30:59.037339943Z","data":{"type":"webhooks","id":"bc368e64-01aa-407e-b46e-3231809b1129"}}'
)
_SLACK = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
    b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121"
    b".803a0bc887a14d10d2c447fce8b6703c"
)
_TWILIO_FORM = b"CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309"
_SENDGRID = (
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
    b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
)
_SENDGRID_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6w"
    "EA3F+g=="
)
_HEX = "2697f00cbdcad28bc7a11a7e9c611a0926fb404857b2b6dc85e051cabf0b12e1"
_BASE64 = "JpfwDL3K0ovHoRp+nGEaCSb7QEhXsrbcheBRyr8LEuE="


@dataclass(frozen=True)
class Vector:
    """A request that `scheme` must accept at the time `now`; `signature` is the header that carries the signature.

    `fetched` is what the provider's host answers, where its key lies there.
    """

    scheme: str
    source: str
    secret: str
    signature: str
    headers: dict[str, str]
    body: bytes = _BODY
    now: float = 1_700_000_000.0
    timed: bool = False
    query: str = ""
    options: dict[str, object] = field(default_factory=dict)
    body_is_signed: bool = True
    fetched: bytes = b""


VECTORS = [
    Vector(
        "github",
        "GitHub: Validating webhook deliveries",
        "It's a Secret to Everybody",
        "x-hub-signature-256",
        {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
        b"Hello, World!",
    ),
    Vector(
        "github",
        "octokit/webhooks.js",
        "mysecret",
        "x-hub-signature-256",
        {"x-hub-signature-256": "sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3"},
        b'{"foo":"bar"}',
    ),
    Vector(
        "shopify",
        "lovasoa/sqlpage",
        "test-webhook-secret",
        "x-shopify-hmac-sha256",
        {"x-shopify-hmac-sha256": "QNyObTlKbMx2qDlPF/ZOZcBqg5OgPg+2oky3zldc0Gw="},
        b'{"id":1234567890,"email":"customer@example.com","total_price":"123.45"}',
    ),
    Vector(
        "slack",
        "Slack: Verifying requests",
        "8f742231b10e8888abcd99yyyzzz85a5",
        "x-slack-signature",
        {
            "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
            "x-slack-request-timestamp": "1531420618",
        },
        _SLACK,
        now=1531420618.0,
        timed=True,
    ),
    Vector(
        "standard-webhooks",
        "standardwebhooks.com",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "webhook-signature",
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
        now=1614265330.0,
        timed=True,
    ),
    Vector(
        "standard-webhooks",
        "Svix: Verifying webhooks manually",
        "whsec_plJ3nmyCDGBKInavdOK15jsl",
        "svix-signature",
        {
            "svix-id": "msg_loFOjxBNrRLzqYUf",
            "svix-timestamp": "1731705121",
            "svix-signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
        },
        b'{"event_type":"ping","data":{"success":true}}',
        now=1731705121.0,
        timed=True,
    ),
    Vector(
        "gitlab",
        "plain token",
        "glwt-3cr3t",
        "x-gitlab-token",
        {"x-gitlab-token": "glwt-3cr3t"},
        body_is_signed=False,
    ),
    Vector(
        "twilio",
        "twilio/twilio-python",
        "12345",
        "x-twilio-signature",
        {
            "content-type": "application/x-www-form-urlencoded",
            "x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        },
        _TWILIO_FORM,
        query="foo=1&bar=2",
        options={"public_url": "https://mycompany.com/myapp.php?foo=1&bar=2"},
    ),
    Vector(
        "twilio",
        "twilio/twilio-python, a body that is no form",
        "12345",
        "x-twilio-signature",
        {"content-type": "application/json", "x-twilio-signature": "a9nBmqA0ju/hNViExpshrM61xv4="},
        b'{"property": "value", "boolean": true}',
        query="foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620",
        options={"public_url": "https://mycompany.com/myapp.php"},
    ),
    Vector(
        "square",
        "square/square-python-sdk",
        "Ibxx_5AKakO-3qeNVR61Dw",
        "x-square-hmacsha256-signature",
        {"x-square-hmacsha256-signature": "GF4YkrJgGBDZ9NIYbNXBnMzqb2HoL4RW/S6vkZ9/2N4="},
        _SQUARE,
        options={"public_url": "https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9"},
    ),
    Vector(
        "hubspot",
        "HubSpot/hubspot-api-python",
        "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
        "x-hubspot-signature-v3",
        {
            "x-hubspot-signature-v3": "HPW73RUtKmcYoEDADG0s6MmGFWUzWJKAW07r8RDgcQw=",
            "x-hubspot-request-timestamp": "15000000",
        },
        b"{'example_field':'example_value'}",
        now=15000000.0,
        timed=True,
        options={"public_url": "https://www.example.com/webhook_uri"},
    ),
    Vector(
        "hubspot",
        "HubSpot: v1 request validation",
        "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
        "x-hubspot-signature",
        {
            "x-hubspot-signature": "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de",
            "x-hubspot-signature-version": "v1",
        },
        b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":'
        b'"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]',
    ),
    Vector(
        "paddle",
        "PaddleHQ/paddle-python-sdk",
        "pdl_ntf_01hbpjmytsa32fhr36nqgc3kgb_WvRO0eL4Bj9rgYYIBZY6wZhG4EHy9jzh",
        "paddle-signature",
        {
            "paddle-signature": "ts=1696195954;h1=dummy;"
            "h1=d96299976a6eb066f484d7fde011ac56fc32b38fc9940bc419d6e537fdc6ef02"
        },
        b"hello-world",
        now=1696195954.0,
        timed=True,
    ),
    Vector(
        "x",
        "twitter-webhooks (npm)",
        "test",
        "x-twitter-webhooks-signature",
        {"x-twitter-webhooks-signature": "sha256=YWHphPn/JFq43jkF0y4/w8R/SelmLjvpunhVFY8JhlI="},
        b'{"test_number":1,"test_string":"two"}',
    ),
    Vector(
        "sendgrid",
        "sendgrid/sendgrid-python",
        _SENDGRID_KEY,
        "x-twilio-email-event-webhook-signature",
        {
            "x-twilio-email-event-webhook-signature": "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZU"
            "AiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
            "x-twilio-email-event-webhook-timestamp": "1600112502",
        },
        _SENDGRID,
        now=1600112502.0,
        timed=True,
        options={"tolerance": 300},
    ),
    Vector("meta", "openssl", "nami-secret", "x-hub-signature-256", {"x-hub-signature-256": f"sha256={_HEX}"}),
    Vector("jira", "openssl", "nami-secret", "x-hub-signature", {"x-hub-signature": f"sha256={_HEX}"}),
    Vector("bitbucket", "openssl", "nami-secret", "x-hub-signature", {"x-hub-signature": f"sha256={_HEX}"}),
    Vector("dropbox", "openssl", "nami-secret", "x-dropbox-signature", {"x-dropbox-signature": _HEX}),
    Vector("asana", "openssl", "nami-secret", "x-hook-signature", {"x-hook-signature": _HEX}),
    Vector("linear", "openssl", "nami-secret", "linear-signature", {"linear-signature": _HEX}, timed=True),
    Vector("typeform", "openssl", "nami-secret", "typeform-signature", {"typeform-signature": f"sha256={_BASE64}"}),
    Vector(
        "intercom",
        "openssl",
        "nami-secret",
        "x-hub-signature",
        {"x-hub-signature": "sha1=32a07f05d4107e07205eb6e2e4394add17f7c118"},
    ),
    Vector(
        "stripe",
        "openssl",
        "nami-secret",
        "stripe-signature",
        {
            "stripe-signature": "t=1700000000,v1=0000,"
            "v1=82641edda2a4c0e6c30daa9d38634ddb447d555c430f5d4cc6d0564bcfef04f4,v0=1111"
        },
        timed=True,
    ),
    Vector(
        "zendesk",
        "openssl",
        "nami-secret",
        "x-zendesk-webhook-signature",
        {
            "x-zendesk-webhook-signature": "i3HgTAGKgehjgiRjcw7zqeZEJKegLJFUwEGKy5EzPmE=",
            "x-zendesk-webhook-signature-timestamp": "2023-11-14T22:13:20Z",
        },
        timed=True,
        options={"tolerance": 300},
    ),
    Vector(
        "zoom",
        "openssl",
        "nami-secret",
        "x-zm-signature",
        {
            "x-zm-signature": "v0=d9b40f80d1bbf47058de5d681565ff829cb763573a87ca03916a42b5307c756d",
            "x-zm-request-timestamp": "1700000000",
        },
        timed=True,
    ),
    Vector(
        "mailgun",
        "openssl",
        "nami-secret",
        "body",
        {},
        b'{"signature":{"timestamp":"1700000000","token":"tok3n",'
        b'"signature":"d81f90f4add34565eb3b687d22d1a6f1ad506d0b19d1d9ded10e7cc3099c599f"},"event-data":{"id":"x"}}',
        timed=True,
        body_is_signed=False,
    ),
    Vector(
        "hmac",
        "openssl",
        "nami-secret",
        "x-my-signature",
        {
            "x-my-signature": "hmac-JLDk3rNnTVqUVCfYWqbTqv2a4nkga1NQ+KJnfKxxzCbm1oRi0tKtvPhUt9Fe698T"
            "sHFp+dDS5x8SauANSDeV7A==",
            "x-request": "r-1",
            "x-time": "1700000000",
        },
        timed=True,
        options={
            "header": "X-My-Signature",
            "digest": "sha512",
            "encoding": "base64",
            "prefix": "hmac-",
            "signed": "{id}/{timestamp}/{body}",
            "id": "X-Request",
            "timestamp": "X-Time",
            "tolerance": 60,
        },
    ),
    Vector(
        "basic",
        "RFC 7617",
        "Aladdin:open sesame",
        "authorization",
        {"authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
        body_is_signed=False,
    ),
    Vector(
        "token",
        "plain token",
        "t0ken",
        "x-auth",
        {"x-auth": "Bearer t0ken"},
        options={"header": "X-Auth", "prefix": "Bearer "},
        body_is_signed=False,
    ),
    Vector(
        "okta", "plain token", "okta-s3cret", "authorization", {"authorization": "okta-s3cret"}, body_is_signed=False
    ),
    Vector(
        "microsoft-graph",
        "plain token",
        "graph-s3cret",
        "body",
        {},
        b'{"value":[{"clientState":"graph-s3cret"},{"clientState":"graph-s3cret"}]}',
        body_is_signed=False,
    ),
]
