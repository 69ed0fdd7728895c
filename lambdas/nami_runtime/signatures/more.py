"""The table of providers, continued: a function loads it only where its own provider is not in `providers`.

An id is named only where it tells deliveries apart: several providers call the webhook's or the order's own id `id`,
and two of their events must not be taken for one.
"""

from __future__ import annotations

from nami_runtime.signatures.providers import SCHEMES as FIRST
from nami_runtime.signatures.schemes import Basic, Hmac, Scheme, Token


def _standard(header: str, id_header: str, timestamp: str, key: str = "base64") -> tuple[Scheme, ...]:
    """Standard Webhooks under other names, or with the secret's own bytes as the key instead of what they decode to."""
    return (
        Hmac(
            header=header,
            prefix="v1,",
            encoding="base64",
            key=key,
            signed="{id}.{timestamp}.{body}",
            id=id_header,
            ids=(id_header,),
            timestamp=timestamp,
            tolerance=300,
        ),
    )


def _hex(header: str, *ids: str, prefix: str = "", digest: str = "sha256") -> tuple[Scheme, ...]:
    """An HMAC of the body in hex."""
    return (Hmac(header=header, prefix=prefix, digest=digest, ids=ids),)


def _base64(header: str, *ids: str, prefix: str = "", digest: str = "sha256", key: str = "text") -> tuple[Scheme, ...]:
    """An HMAC of the body in base64."""
    return (Hmac(header=header, prefix=prefix, digest=digest, encoding="base64", key=key, ids=ids),)


def _pairs(
    header: str,
    part: str,
    *ids: str,
    time: str = "t",
    signed: str = "{timestamp}.{body}",
    tolerance: int = 0,
    milliseconds: bool = False,
    key: str = "text",
    separator: str = ",",
) -> tuple[Scheme, ...]:
    """Time and signature as pairs of one header, in hex."""
    return (
        Hmac(
            header=header,
            part=part,
            key=key,
            timestamp=f"part:{time}",
            milliseconds=milliseconds,
            separator=separator,
            signed=signed,
            tolerance=tolerance,
            ids=ids,
        ),
    )


def _timed(header: str, timestamp: str, *ids: str, prefix: str = "", tolerance: int = 0) -> tuple[Scheme, ...]:
    """The time in a header of its own, a full stop, the body; in hex."""
    signed = "{timestamp}.{body}"
    return (Hmac(header=header, prefix=prefix, signed=signed, timestamp=timestamp, tolerance=tolerance, ids=ids),)


SCHEMES: dict[str, tuple[Scheme, ...]] = {
    # Standard Webhooks, and Meta, under the names that people look for.
    **dict.fromkeys(
        (
            *(
                "anthropic",
                "brex",
                "clerk",
                "dodo-payments",
                "flexprice",
                "formbricks",
                "goody",
                "incident-io",
            ),
            *("lithic", "make", "openai", "openmeter", "recall-ai", "render", "replicate", "resend", "signatureapi"),
            *("svix", "tolt"),
        ),
        FIRST["standard-webhooks"],
    ),
    **dict.fromkeys(
        ("bigcommerce", "polar"), _standard("webhook-signature", "webhook-id", "webhook-timestamp", key="text")
    ),
    **dict.fromkeys(("facebook", "instagram", "messenger", "whatsapp"), FIRST["meta"]),
    "finch": _standard("finch-signature", "finch-event-id", "finch-timestamp"),
    # Payments and billing
    "adyen-platforms": _base64("hmacsignature", key="hex"),
    "airwallex": (
        Hmac(
            header="x-signature",
            signed="{timestamp}{body}",
            timestamp="x-timestamp",
            milliseconds=True,
            ids=("body:id",),
        ),
    ),
    "alchemy": _hex("x-alchemy-signature", "body:id"),
    "btcpay": _hex("btcpay-sig", "body:deliveryId", prefix="sha256="),
    "blockfrost": _pairs("blockfrost-signature", "v1", "body:id", tolerance=600),
    "billit": _pairs("billit-signature", "s"),
    "cashfree": (
        Hmac(
            header="x-webhook-signature",
            encoding="base64",
            signed="{timestamp}{body}",
            timestamp="x-webhook-timestamp",
            milliseconds=True,
        ),
    ),
    "chargebee": (Basic(ids=("body:id",)),),
    "coinbase-commerce": _hex("x-cc-webhook-signature", "body:event.id"),
    "coinify": _hex("x-coinify-webhook-signature"),
    "dwolla": _hex("x-request-signature-sha-256", "body:id"),
    "fastspring": _base64("x-fs-signature"),
    "fintoc": _pairs("fintoc-signature", "v1", tolerance=300),
    "gocardless": _hex("webhook-signature", "body:meta.webhook_id"),
    # Its JWTs stand in the same header; those are refused.
    "lago": _base64("x-lago-signature", "x-lago-unique-key"),
    "lemon-squeezy": _hex("x-signature"),
    "modern-treasury": _hex("x-signature"),
    "mollie": _hex("x-mollie-signature", "body:id", prefix="sha256="),
    "orb": (
        Hmac(
            header="x-orb-signature",
            prefix="v1=",
            signed="v1:{timestamp}:{body}",
            timestamp="x-orb-timestamp",
            tolerance=300,
            ids=("body:id",),
        ),
    ),
    "paystack": _hex("x-paystack-signature", digest="sha512"),
    "paysway": _pairs("x-paysway-signature", "v1", "body:id", key="base64"),
    "razorpay": _hex("x-razorpay-signature", "x-razorpay-event-id"),
    # The time stands before the first comma, without a name.
    "recurly": (
        Hmac(
            header="recurly-signature",
            signed="{timestamp}.{body}",
            timestamp="item:0",
            milliseconds=True,
            tolerance=300,
        ),
    ),
    "revolut": (
        Hmac(
            header="revolut-signature",
            part="v1",
            signed="v1.{timestamp}.{body}",
            timestamp="revolut-request-timestamp",
            milliseconds=True,
            tolerance=300,
        ),
    ),
    # The value of the header is all chosen by who makes the webhook.
    "revenuecat": (Token(ids=("body:event.id",)),),
    "strike": _hex("x-webhook-signature", "body:id"),
    "unit": _base64("x-unit-signature", digest="sha1"),
    "zoho-payments": _pairs("x-zoho-webhook-signature", "v", milliseconds=True),
    # Commerce and shipping
    "aftership": (
        *_base64("aftership-hmac-sha256"),
        *_base64("as-signature-hmac-sha256"),
        *_base64("am-webhook-signature", prefix="hmac-sha256="),
    ),
    "easypost": (Hmac(header="x-hmac-signature", prefix="hmac-sha256-hex=", key="nfkd", ids=("body:id",)),),
    "fourthwall": (*_base64("x-fourthwall-hmac-sha256"), *_base64("x-fourthwall-hmac-apps-sha256")),
    "katana": _hex("x-sha2-signature"),
    "london-theatre-direct": _base64("ltd-webhook-signature"),
    "mews-pos": _base64("x-signature"),
    "scalev": _base64("x-scalev-hmac-sha256", "body:unique_id"),
    "shopware": _hex("shopware-shop-signature"),
    "oracle-commerce": _base64("x-oracle-cc-webhook-signature", digest="sha512"),
    "uber": _hex("x-uber-signature", "body:event_id"),
    "woocommerce": (
        Hmac(
            header="x-wc-webhook-signature",
            encoding="base64",
            ids=("x-wc-webhook-delivery-id",),
            handshake="woocommerce",
        ),
    ),
    # Building, hosting, watching
    # Its connection test is not signed.
    "bitbucket-server": (
        Hmac(header="x-hub-signature", prefix="sha256=", ids=("x-request-id",), handshake="bitbucket-server"),
    ),
    "appwrite": (Hmac(header="x-appwrite-webhook-signature", digest="sha1", encoding="base64", signed="{url}{body}"),),
    "buildkite": (
        *_pairs("x-buildkite-signature", "signature", time="timestamp"),
        Token(header="x-buildkite-token"),
    ),
    "circleci": (Hmac(header="circleci-signature", part="v1", ids=("body:id",)),),
    "cloudflare-stream": _pairs("webhook-signature", "sig1", time="time"),
    # It signs nothing: the secret stands in the URL, or in a header that the subscription is given.
    **dict.fromkeys(
        ("cloudevents", "event-grid"),
        (
            Token(
                header="query:code",
                ids=("body:id", "ce-id"),
                settable=("header", "prefix", "id"),
                handshake="event-grid",
                handshake_method="OPTIONS",
            ),
        ),
    ),
    "dub": _hex("dub-signature"),
    "flagsmith": _hex("x-flagsmith-signature"),
    "flux": _hex("x-signature", prefix="sha256="),
    "grafana": _hex("x-grafana-alerting-signature"),
    # The first is of its SDK webhooks: Standard Webhooks, with the key as it is.
    "growthbook": (
        *_standard("webhook-signature", "webhook-id", "webhook-timestamp", key="text"),
        Hmac(header="x-growthbook-signature", is_json=True),
    ),
    "launchdarkly": _hex("x-ld-signature", "body:_id"),
    "netbox": _hex("x-hook-signature", digest="sha512"),
    "nexus": _hex("x-nexus-webhook-signature", digest="sha1"),
    "pulumi": _hex("pulumi-webhook-signature", "pulumi-webhook-id"),
    "semaphore": _hex("x-semaphore-signature-256"),
    # Its older name for the same is of the first apps.
    "sentry": (Hmac(header="sentry-hook-signature", also=("sentry-app-signature",)),),
    "spacelift": _hex("x-signature-256", prefix="sha256="),
    "statsig": (
        Hmac(
            header="x-statsig-signature",
            prefix="v0=",
            signed="v0:{timestamp}:{body}",
            timestamp="x-statsig-request-timestamp",
            milliseconds=True,
        ),
    ),
    "discourse": _hex("x-discourse-event-signature", "x-discourse-event-id", prefix="sha256="),
    "expo": _hex("expo-signature", prefix="sha1=", digest="sha1"),
    "gitea": _hex("x-gitea-signature", "x-gitea-delivery"),
    "gogs": _hex("x-gogs-signature", "x-gogs-delivery"),
    "heroku": _base64("heroku-webhook-hmac-sha256", "body:webhook_metadata.delivery.id"),
    "logto": _hex("logto-signature-sha-256"),
    "codoseo": _timed("x-codoseo-signature", "x-codoseo-timestamp", prefix="sha256="),
    "taskfast": _timed("x-webhook-signature", "x-webhook-timestamp", tolerance=300),
    "mux": _pairs("mux-signature", "v1", "body:id", tolerance=300),
    "pagerduty": (Hmac(header="x-pagerduty-signature", part="v1", ids=("body:event.id",)),),
    "vercel": _hex("x-vercel-signature", digest="sha1"),
    "tailscale": _pairs("tailscale-webhook-signature", "v1", tolerance=300),
    # Content and media
    "ably": _base64("x-ably-signature"),
    "fastpix": _base64("fastpix-signature", key="base64"),
    "ghost": _pairs("x-ghost-signature", "sha256", signed="{body}{timestamp}", milliseconds=True),
    "sanity": (
        Hmac(
            header="sanity-webhook-signature",
            part="v1",
            encoding="base64url",
            signed="{timestamp}.{body}",
            timestamp="part:t",
            milliseconds=True,
            ids=("idempotency-key",),
        ),
    ),
    "webflow": (
        Hmac(
            header="x-webflow-signature",
            signed="{timestamp}:{body}",
            timestamp="x-webflow-timestamp",
            milliseconds=True,
            tolerance=300,
        ),
    ),
    # Messages, voice, video
    "mastodon": _hex("x-hub-signature", prefix="sha256="),
    # The URL, then each field's name and value, by name, as with Twilio.
    "mandrill": (
        Hmac(
            header="x-mandrill-signature",
            digest="sha1",
            encoding="base64",
            signed="{url}{form}",
            handshake="head",
            handshake_method="HEAD",
        ),
    ),
    "customer-io": (
        Hmac(
            header="x-cio-signature",
            signed="v0:{timestamp}:{body}",
            timestamp="x-cio-timestamp",
            ids=("body:event_id",),
        ),
    ),
    # Its library takes what was signed half an hour ago.
    "elevenlabs": _pairs("elevenlabs-signature", "v0", tolerance=1800),
    "emailit": _timed("x-emailit-signature", "x-emailit-timestamp"),
    "front-rules": _base64("x-front-signature", digest="sha1"),
    "help-scout": _base64("x-helpscout-signature", digest="sha1"),
    "line": _base64("x-line-signature"),
    # Its boards' webhooks sign nothing: the secret stands in the URL.
    "monday": (
        Token(header="query:token", ids=("body:event.triggerUuid",), settable=("header",), handshake="challenge"),
    ),
    "postmark": (Basic(),),
    "opensms": _pairs("x-opensms-signature", "v1", tolerance=300),
    "retell": _pairs("x-retell-signature", "d", time="v", signed="{body}{timestamp}", tolerance=300, milliseconds=True),
    # Its pages name both headers for the token that a subscription is given.
    "ringcentral": tuple(
        Token(header=header, ids=("body:uuid",), handshake="ringcentral")
        for header in ("verification-token", "validation-token")
    ),
    "stream": _hex("x-signature"),
    "telegram": (Token(header="x-telegram-bot-api-secret-token", ids=("body:update_id",)),),
    "twitch": (
        Hmac(
            header="twitch-eventsub-message-signature",
            prefix="sha256=",
            signed="{id}{timestamp}{body}",
            id="twitch-eventsub-message-id",
            timestamp="twitch-eventsub-message-timestamp",
            iso=True,
            tolerance=600,
            ids=("twitch-eventsub-message-id",),
            handshake="twitch",
        ),
    ),
    "viber": _hex("x-viber-content-signature", "body:message_token"),
    "webex": _hex("x-spark-signature", digest="sha1"),
    # Customers, work, documents
    "airtable": (Hmac(header="x-airtable-content-mac", prefix="hmac-sha256=", key="base64"),),
    "attio": _hex("attio-signature", "idempotency-key"),
    "fizzy": _hex("x-webhook-signature"),
    "leaf": _base64("x-leaf-signature"),
    "openproject": _hex("x-op-signature", prefix="sha1=", digest="sha1"),
    "outline": _pairs("outline-signature", "s", milliseconds=True),
    "plane": _hex("x-plane-signature", "body:event_id"),
    "realtime-register": _base64("signature"),
    "taiga": _hex("x-taiga-webhook-signature", digest="sha1"),
    "trello": (
        Hmac(
            header="x-trello-webhook",
            digest="sha1",
            encoding="base64",
            signed="{body}{url}",
            handshake="head",
            handshake_method="HEAD",
        ),
    ),
    "ashby": _hex("ashby-signature", prefix="sha256="),
    # While its key rolls it signs with the other under s1.
    "boldsign": (
        Hmac(
            header="x-boldsign-signature",
            part="s0 s1",
            separator=", ",
            signed="{timestamp}.{body}",
            timestamp="part:t",
            tolerance=300,
            ids=("body:event.id",),
            handshake="boldsign",
        ),
    ),
    "box": (
        Hmac(
            header="box-signature-primary",
            also=("box-signature-secondary",),
            encoding="base64",
            signed="{body}{timestamp}",
            timestamp="box-delivery-timestamp",
            tolerance=600,
            ids=("box-delivery-id",),
        ),
    ),
    "cal-com": _hex("x-cal-signature-256"),
    "calendly": _pairs("calendly-webhook-signature", "v1"),
    "clickup": _hex("x-signature"),
    "close": (
        Hmac(
            header="close-sig-hash",
            key="hex",
            signed="{timestamp}{body}",
            timestamp="close-sig-timestamp",
            ids=("body:event.id",),
        ),
    ),
    "cronofy": _base64("cronofy-hmac-sha256"),
    "datasaur": _hex("x-datasaur-signature"),
    "documenso": (Token(header="x-documenso-secret"),),
    # It signs with each of up to a hundred keys, in a header of its own for each; two are one that rolls.
    "docusign": (
        Hmac(
            header="x-docusign-signature-1",
            also=tuple(f"x-docusign-signature-{key}" for key in range(2, 6)),
            encoding="base64",
        ),
    ),
    # It signs nothing: the passcode stands in the body.
    "figma": (Token(header="body:passcode"),),
    "lusha": _timed("x-lusha-signature", "x-lusha-timestamp"),
    "notion": (Hmac(header="x-notion-signature", prefix="sha256=", ids=("body:id",), handshake="notion"),),
    "nylas": (Hmac(header="x-nylas-signature", ids=("body:id",), handshake="dropbox", handshake_method="GET"),),
    "patreon": _hex("x-patreon-signature", digest="md5"),
    "pipedrive": (Basic(ids=("body:meta.id",)),),
    "podium": (
        Hmac(
            header="podium-signature",
            signed="{timestamp}.{body}",
            timestamp="podium-timestamp",
            milliseconds=True,
        ),
    ),
    "pusher": (Hmac(header="x-pusher-signature", timestamp="body:time_ms", milliseconds=True, tolerance=300),),
    "quickbooks": _base64("intuit-signature"),
    "savvycal": _hex("x-savvycal-signature", "body:id", prefix="sha256="),
    "signable": _base64("signature"),
    "segment": _hex("x-signature", digest="sha1"),
    # The key is `client id&secret`, and that is what the secret holds.
    "surveymonkey": _base64("sm-signature", "body:event_id", digest="sha1"),
    "tiktok": _pairs("tiktok-signature", "s"),
    "todoist": _base64("x-todoist-hmac-sha256", "x-todoist-delivery-id"),
    "xero": (Hmac(header="x-xero-signature", encoding="base64", handshake="xero", empty_answer=True),),
    "xobni": _timed("x-xobni-signature", "x-xobni-timestamp", "x-xobni-delivery", prefix="sha256="),
    # Identity and checks
    "checkr": _hex("x-checkr-signature", "body:id"),
    "dynamic": _hex("x-dynamic-signature-256", "body:messageId", prefix="sha256="),
    "zitadel": _pairs("zitadel-signature", "v1", tolerance=300),
    "greenhouse": _hex("signature", prefix="sha256 "),
    "onfido": _hex("x-sha2-signature"),
    # While its secret rolls, two groups stand with a blank between, each with a time of its own.
    "persona": (
        Hmac(
            header="persona-signature",
            part="v1",
            grouped=True,
            signed="{timestamp}.{body}",
            timestamp="part:t",
            ids=("body:data.id",),
        ),
    ),
    "smartcar": (Hmac(header="sc-signature", ids=("body:meta.deliveryId", "body:eventId"), handshake="smartcar"),),
    "workos": _pairs("workos-signature", "v1", "body:id", tolerance=180, milliseconds=True, separator=", "),
}
