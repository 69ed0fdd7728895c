"""Requests of the providers in `more`, as their documents show them; see `vectors` for what `source` says.

Where `source` says formula, the value was computed with Python's hmac from what the document says is signed, apart from
nami, over one body with one secret: such a vector proves that the formula is followed.
"""

from tests.unit.runtime.vectors import Vector

_BODY = b'{"hello":"world"}'
_SECRET = "test-secret"
_SECONDS, _MILLISECONDS = "1614265330", "1614265330000"
_NOW = 1_614_265_330.0
_HEX = "84cc33df716ed0b0598f07437c94069ace3730358778a592bd6bbd1423d111f3"
_BASE64 = "hMwz33Fu0LBZjwdDfJQGms43MDWHeKWSvWu9FCPREfM="
_SHA1_HEX = "60c9e01611510b5587ed9434904b37190168c25c"
_SHA1_BASE64 = "YMngFhFRC1WH7ZQ0kEs3GQFowlw="
# Over `1614265330.` and the body, and over the same in milliseconds.
_TIMED = "7ea1eff609e4fbba03cf38abda6c60b89be89f1b4d3568693145a578cbab18b3"
_TIMED_MS = "607f18ff5a65cdfa48064defed8ff3368eee1f93d2a9e6cbdd919afee34b807e"


def _formula(scheme: str, header: str, value: str, **more: str) -> Vector:
    headers = {header: value, **{name.replace("_", "-"): text for name, text in more.items()}}
    return Vector(scheme, "formula", _SECRET, header, headers, _BODY, now=_NOW)


def _timed(scheme: str, header: str, value: str, **more: str) -> Vector:
    headers = {header: value, **{name.replace("_", "-"): text for name, text in more.items()}}
    return Vector(scheme, "formula", _SECRET, header, headers, _BODY, now=_NOW, timed=True)


def _standard_webhooks(scheme: str) -> Vector:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": _SECONDS,
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    return Vector(scheme, "standardwebhooks.com", secret, "webhook-signature", headers, body, now=_NOW, timed=True)


_HUB = {"x-hub-signature-256": "sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3"}

PUBLISHED = [
    *map(
        _standard_webhooks,
        (
            *(
                "brex",
                "clerk",
                "farpay",
                "flexprice",
                "incident-io",
                "lithic",
                "make",
                "openai",
                "openmeter",
                "recall-ai",
            ),
            *("render", "replicate", "resend", "signatureapi", "svix", "tolt"),
        ),
    ),
    *(
        Vector(name, "octokit/webhooks.js", "mysecret", "x-hub-signature-256", dict(_HUB), b'{"foo":"bar"}')
        for name in ("facebook", "instagram", "messenger", "whatsapp")
    ),
    Vector(
        "circleci",
        "CircleCI: Outbound webhooks",
        "secret",
        "circleci-signature",
        {"circleci-signature": "v1=773ba44693c7553d6ee20f61ea5d2757a9a4f4a44d2841ae4e95b52e4cd62db4"},
        b"foo",
    ),
    Vector(
        "circleci",
        "CircleCI: Outbound webhooks",
        "secret",
        "circleci-signature",
        {"circleci-signature": "v1=734cc62f32841568f45715aeb9f4d7891324e6d948e4c6c60c0621cdac48623a"},
        b"hello world",
    ),
    Vector(
        "goody",
        "developer.ongoody.com: Webhook security",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "svix-signature",
        {
            "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "svix-timestamp": _SECONDS,
            "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
        now=_NOW,
        timed=True,
    ),
    Vector(
        "cronofy",
        "cronofy/cronofy-ruby",
        "pDY0Oi7TJSP2hfNmZNkm5",
        "cronofy-hmac-sha256",
        {"cronofy-hmac-sha256": "6r2/HjBkqymGegX0wOfifieeUXbbHwtV/LohHS+jv6c="},
        b'{"example":"well-known"}',
    ),
    *(
        Vector(
            "box",
            "box/box-python-sdk-gen",
            secret,
            header,
            {"box-delivery-timestamp": "2020-01-01T00:00:00-07:00", header: signature},
            b'{"type":"webhook_event","webhook":{"id":"1234567890"},"trigger":"FILE.UPLOADED",'
            b'"source":{"id":"1234567890","type":"file","name":"Test.txt"}}',
            now=1_577_862_000.0,
            timed=True,
        )
        for secret, header, signature in (
            ("SamplePrimaryKey", "box-signature-primary", "6TfeAW3A1PASkgboxxA5yqHNKOwFyMWuEXny/FPD5hI="),
            ("SampleSecondaryKey", "box-signature-secondary", "v+1CD1Jdo3muIcbpv5lxxgPglOqMfsNHPV899xWYydo="),
        )
    ),
    Vector(
        "line",
        "line/line-bot-sdk-python",
        "channel_secret",
        "x-line-signature",
        {"x-line-signature": "/gg9a+LvFevTH1sd7XCQycD7tsWclCsInj7MhBHxN7k="},
        b"bodybodybodybody",
    ),
    Vector(
        "onfido",
        "onfido/onfido-python",
        "wU99mE6jJ7nXOLFwZ0tJymM1lpI15pZh",
        "x-sha2-signature",
        {"x-sha2-signature": "77ebc3e418f26be6eebb47f7ebe551321de26734fc273961e075fc9ab163d9c7"},
        b'{"payload":{"resource_type":"check","action":"check.completed","object":{'
        b'"id":"f2302f45-227d-413d-ad61-09ec077a086a","status":"complete",'
        b'"completed_at_iso8601":"2024-04-04T09:21:21Z",'
        b'"href":"https://api.onfido.com/v3.6/checks/f2302f45-227d-413d-ad61-09ec077a086a"}}}',
    ),
    Vector(
        "orb",
        "orbcorp/orb-python",
        "c-UGKYdnhHh436B_sMouYAPUvXyWpzOdunZBV5dFSD8",
        "x-orb-signature",
        {
            "x-orb-timestamp": "2024-03-27T15:42:29.551",
            "x-orb-signature": "v1=9d25de966891ab0bc18754faf8d83d0980b44ae330fcc130b41a6cf3daf1f391",
        },
        b'{"id": "o4mmewpfNNTnjfZc", "created_at": "2024-03-27T15:42:29+00:00", "type": "resource_event.test", '
        b'"properties": {"message": "A test webhook from Orb. Happy testing!"}}',
        now=1_711_554_149.0,
        timed=True,
    ),
    Vector(
        "retell",
        "RetellAI/retell-python-sdk",
        "test-api-key",
        "x-retell-signature",
        {"x-retell-signature": "v=1700000000000,d=07024cabe7dd8f6d1c6e4a8324ca92c812e6ad4a7ee506c04f7e462e3321823e"},
        b'{"event":"call_ended"}',
        timed=True,
    ),
    Vector(
        "sanity",
        "sanity-io/webhook-toolkit",
        "test",
        "sanity-webhook-signature",
        {"sanity-webhook-signature": "t=1633519811129,v1=tLa470fx7qkLLEcMOcEUFuBbRSkGujyskxrNXcoh0N0"},
        b'{"_id":"resume"}',
        now=1_633_519_811.0,
    ),
    Vector(
        "viber",
        "Viber/viber-bot-python",
        "44dafb7e0f40021e-61a47a1e6778d187-f2c5a676a07050b3",
        "x-viber-content-signature",
        {"x-viber-content-signature": "d21b343448c8aee33b8e93768ef6ceb64a6ba6163099973a2b8bd028fea510ef"},
        b'{"event":"webhook","timestamp":4977069964384421269,"message_token":1478683725125}',
    ),
    Vector(
        "gocardless",
        "gocardless/gocardless-pro-python",
        "ED7D658C-D8EB-4941-948B-3973214F2D49",
        "webhook-signature",
        {"webhook-signature": "2693754819d3e32d7e8fcb13c729631f316c6de8dc1cf634d6527f1c07276e7e"},
        b'{"events":[{"id":"EV00BD05S5VM2T","created_at":"2018-07-05T09:13:51.404Z","resource_type":'
        b'"subscriptions","action":"created","links":{"subscription":"SB0003JJQ2MR06"},"details":{"o'
        b'rigin":"api","cause":"subscription_created","description":"Subscription created via the AP'
        b'I."},"metadata":{}},{"id":"EV00BD05TB8K63","created_at":"2018-07-05T09:13:56.893Z","resour'
        b'ce_type":"mandates","action":"created","links":{"mandate":"MD000AMA19XGEC"},"details":{"or'
        b'igin":"api","cause":"mandate_created","description":"Mandate created via the API."},"metad'
        b'ata":{}}]}',
    ),
    Vector(
        "coinbase-commerce",
        "coinbase/coinbase-commerce-python",
        "30291a20-0bd1-4267-9b0f-e6e7b123c0bf",
        "x-cc-webhook-signature",
        {"x-cc-webhook-signature": "8be7742c7d372f08a6a3224edadf18a22b65fa9e28f3f2de97376cdaa092590d"},
        b'{"id":1,"scheduled_for":"2017-01-31T20:50:02Z","attempt_number":1,"event":{"id":"24934862-'
        b'd980-46cb-9402-43c81b0cdba6","type":"charge:created","api_version":"2018-03-22","created_a'
        b't":"2017-01-31T20:49:02Z","data":{"code":"66BEOV2A","name":"The Sovereign Individual","des'
        b'cription":"Mastering the Transition to the Information Age","hosted_url":"https://commerce'
        b'.coinbase.com/charges/66BEOV2A","created_at":"2017-01-31T20:49:02Z","expires_at":"2017-01-'
        b'31T21:04:02Z","timeline":[{"time":"2017-01-31T20:49:02Z","status":"NEW"}],"metadata":{},"p'
        b'ricing_type":"no_price","payments":[],"addresses":{"bitcoin":"0000000000000000000000000000'
        b'000000","ethereum":"0x0000000000000000000000000000000000000000","litecoin":"30000000000000'
        b'00000000000000000000","bitcoincash":"bitcoincash:00000000000000000000000000000000000000000'
        b'0"}}}}',
    ),
    Vector(
        "pagerduty",
        "PagerDuty/go-pagerduty",
        "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK",
        "x-pagerduty-signature",
        {"x-pagerduty-signature": "v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd"},
        b'{"event":{"id":"01BWDWL3NYY7LUFPZCC28QUCMK","event_type":"incident.priority_updated","reso'
        b'urce_type":"incident","occurred_at":"2021-04-26T17:36:27.458Z","agent":{"html_url":"https:'
        b'//acme.pagerduty.com/users/PLH1HKV","id":"PLH1HKV","self":"https://api.pagerduty.com/users'
        b'/PLH1HKV","summary":"Tenex Engineer","type":"user_reference"},"client":null,"data":{"id":"'
        b'PGR0VU2","type":"incident","self":"https://api.pagerduty.com/incidents/PGR0VU2","html_url"'
        b':"https://acme.pagerduty.com/incidents/PGR0VU2","number":2,"status":"triggered","title":"A'
        b' little bump in the road","service":{"html_url":"https://acme.pagerduty.com/services/PF9KM'
        b'XH","id":"PF9KMXH","self":"https://api.pagerduty.com/services/PF9KMXH","summary":"API Serv'
        b'ice","type":"service_reference"},"assignees":[{"html_url":"https://acme.pagerduty.com/user'
        b's/PTUXL6G","id":"PTUXL6G","self":"https://api.pagerduty.com/users/PTUXL6G","summary":"User'
        b' 123","type":"user_reference"}],"escalation_policy":{"html_url":"https://acme.pagerduty.co'
        b'm/escalation_policies/PUS0KTE","id":"PUS0KTE","self":"https://api.pagerduty.com/escalation'
        b'_policies/PUS0KTE","summary":"Default","type":"escalation_policy_reference"},"teams":[{"ht'
        b'ml_url":"https://acme.pagerduty.com/teams/PFCVPS0","id":"PFCVPS0","self":"https://api.page'
        b'rduty.com/teams/PFCVPS0","summary":"Engineering","type":"team_reference"}],"priority":{"ht'
        b'ml_url":"https://acme.pagerduty.com/account/incident_priorities","id":"PSO75BM","self":"ht'
        b'tps://api.pagerduty.com/priorities/PSO75BM","summary":"P1","type":"priority_reference"},"u'
        b'rgency":"high","conference_bridge":{"conference_number":1000,"conference_url":"https://exa'
        b'mple.com"},"resolve_reason":null}}}',
    ),
    Vector(
        "razorpay",
        "razorpay/razorpay-python",
        "key_secret",
        "x-razorpay-signature",
        {"x-razorpay-signature": "d60e67fd884556c045e9be7dad57903e33efc7172c17c6e3ef77db42d2b366e9"},
        b'{\n  "event": "payment.authorized",\n  "entity": "event",\n  "contains": [\n    "payment"\n  ],'
        b'\n  "payload": {\n    "payment": {\n      "entity": {\n        "id": "pay_6koWN7bvxujzxM",\n   '
        b'     "entity": "payment",\n        "amount": 1000000,\n        "currency": "INR",\n        "s'
        b'tatus": "captured",\n        "order_id": "order_100000000order",\n        "international": f'
        b'alse,\n        "method": "card",\n        "amount_refunded": 0,\n        "refund_status": nul'
        b'l,\n        "captured": true,\n        "description": "random description",\n        "card_id'
        b'": "card_6koWNAT6LASUqy",\n        "bank": null,\n        "wallet": null,\n        "vpa": nul'
        b'l,\n        "email": "a@b.com",\n        "contact": "+919999999999",\n        "notes": {\n    '
        b'      "merchant_order_id": "random order id"\n        },\n        "fee": 23000,\n        "ser'
        b'vice_tax": 3000,\n        "error_code": null,\n        "error_description": null,\n        "c'
        b'reated_at": 1479978483\n      }\n    }\n  },\n  "created_at": 1400826760\n}\n',
    ),
    Vector(
        "coinify",
        "coinify.readme.io: Webhook signature",
        "my-shared-secret",
        "x-coinify-webhook-signature",
        {"x-coinify-webhook-signature": "bcdbb89e3031905f3cc1a20d16b5f969a17a7d8fa0c26e4a807c2193402d66f4"},
        b'{"examplePayload":true}',
    ),
    Vector(
        "modern-treasury",
        "Modern-Treasury/modern-treasury-python",
        "foo",
        "x-signature",
        {"x-signature": "57e14f6f354543f0101fb06ea24df7731d90087b76651e3497345e22a3622940"},
        b'{"foo":"bar"}',
    ),
    Vector(
        "datasaur",
        "docs.datasaur.ai",
        "secret",
        "x-datasaur-signature",
        {"x-datasaur-signature": "0278b1a603de4c561ac0feb960354d0d00e8846b74813d81bddb43ad45bff767"},
        b'{"body":"sample"}',
    ),
    Vector(
        "finch",
        "Finch-API/finch-api-python",
        "5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH",
        "finch-signature",
        {
            "finch-event-id": "msg_2Lh9KRb0pzN4LePd3XiA4v12Axj",
            "finch-timestamp": "1676312382",
            "finch-signature": "v1,m7y0TV2C+hlHxU42wCieApTSTaA8/047OAplBqxIV/s=",
        },
        b'{"company_id":"720be419-0293-4d32-a707-32179b0827ab"}',
        now=1_676_312_382.0,
        timed=True,
    ),
]

COMPUTED = [
    *(
        Vector(
            name,
            "formula",
            _SECRET,
            "webhook-signature",
            {
                "webhook-id": "msg-1",
                "webhook-timestamp": _SECONDS,
                "webhook-signature": "v1,C2Rc+u1LdVwID7WJX7MPvBvxpiBB26x8aBt5I2jWsDE=",
            },
            _BODY,
            now=_NOW,
            timed=True,
        )
        for name in ("bigcommerce", "polar")
    ),
    Vector("adyen-platforms", "formula", _SECRET.encode().hex(), "hmacsignature", {"hmacsignature": _BASE64}, _BODY),
    _formula("btcpay", "btcpay-sig", f"sha256={_HEX}"),
    _formula(
        "cashfree",
        "x-webhook-signature",
        "zPiExVijTlAUaTPbMOR7xh6K5OKtGs9q72DC7ML/eK0=",
        x_webhook_timestamp=_SECONDS,
    ),
    _formula("coinbase-commerce", "x-cc-webhook-signature", _HEX),
    _formula("gocardless", "webhook-signature", _HEX),
    _formula("lemon-squeezy", "x-signature", _HEX),
    _formula("mollie", "x-mollie-signature", f"sha256={_HEX}"),
    _formula("razorpay", "x-razorpay-signature", _HEX),
    _timed(
        "revolut",
        "revolut-signature",
        "v1=82cd0a9c74c05a132deaa6ccf54d807948e88b22e312be50d760af89e21c1771",
        revolut_request_timestamp=_MILLISECONDS,
    ),
    _formula("strike", "x-webhook-signature", _HEX),
    _formula("unit", "x-unit-signature", _SHA1_BASE64),
    _formula("aftership", "aftership-hmac-sha256", _BASE64),
    _formula("aftership", "as-signature-hmac-sha256", _BASE64),
    _formula("aftership", "am-webhook-signature", f"hmac-sha256={_BASE64}"),
    _formula("easypost", "x-hmac-signature", f"hmac-sha256-hex={_HEX}"),
    _formula("woocommerce", "x-wc-webhook-signature", _BASE64),
    _formula("buildkite", "x-buildkite-signature", f"timestamp={_SECONDS},signature={_TIMED}"),
    _formula("cloudflare-stream", "webhook-signature", f"time={_SECONDS},sig1={_TIMED}"),
    _formula("discourse", "x-discourse-event-signature", f"sha256={_HEX}"),
    _formula("heroku", "heroku-webhook-hmac-sha256", _BASE64),
    _formula("logto", "logto-signature-sha-256", _HEX),
    _timed("mux", "mux-signature", f"t={_SECONDS},v1={_TIMED}"),
    _formula("pagerduty", "x-pagerduty-signature", f"v1={_HEX}"),
    _formula(
        "airwallex",
        "x-signature",
        "3b26b6b13087fdddc7df72b6634f12d3333ebab1074537ac8cf003111a96569f",
        x_timestamp=_MILLISECONDS,
    ),
    _formula("calendly", "calendly-webhook-signature", f"t={_SECONDS},v1={_TIMED}"),
    _formula("emailit", "x-emailit-signature", _TIMED, x_emailit_timestamp=_SECONDS),
    Vector("fastpix", "formula", "dGVzdC1zZWNyZXQ=", "fastpix-signature", {"fastpix-signature": _BASE64}, _BODY),
    _formula("fastspring", "x-fs-signature", _BASE64),
    _formula("fourthwall", "x-fourthwall-hmac-sha256", _BASE64),
    _formula("fourthwall", "x-fourthwall-hmac-apps-sha256", _BASE64),
    _formula("london-theatre-direct", "ltd-webhook-signature", _BASE64),
    _formula("lusha", "x-lusha-signature", _TIMED, x_lusha_timestamp=_SECONDS),
    _formula(
        "oracle-commerce",
        "x-oracle-cc-webhook-signature",
        "CLlX5sSWvth1VrGPwfIrGN0UZ/JyQouH6AQl1Rnf3pymOT4Oecs2ljZDArOZ+qaHrDq5XLQmbWpTUzNJSUolsQ==",
    ),
    Vector(
        "paysway",
        "formula",
        "dGVzdC1zZWNyZXQ=",
        "x-paysway-signature",
        {"x-paysway-signature": f"t={_SECONDS},v1={_TIMED}"},
        _BODY,
    ),
    _formula("xobni", "x-xobni-signature", f"sha256={_TIMED}", x_xobni_timestamp=_SECONDS),
    _formula("billit", "billit-signature", f"t={_SECONDS},s={_TIMED}"),
    _formula("katana", "x-sha2-signature", _HEX),
    _formula("opensms", "x-opensms-signature", f"t={_SECONDS},v1={_TIMED}"),
    _formula("codoseo", "x-codoseo-signature", f"sha256={_TIMED}", x_codoseo_timestamp=_SECONDS),
    _formula("mews-pos", "x-signature", _BASE64),
    _formula("scalev", "x-scalev-hmac-sha256", _BASE64),
    _timed(
        "taskfast",
        "x-webhook-signature",
        "013b6c389ecc2c50cfbf4d2fc66db76ce7dcf7240d587fcb4e6c3bb30ff9dd95",
        x_webhook_timestamp="2021-02-25T15:02:10Z",
    ),
    _formula("todoist", "x-todoist-hmac-sha256", _BASE64),
    _formula("gogs", "x-gogs-signature", _HEX),
    _formula("signable", "signature", _BASE64),
    _timed(
        "box",
        "box-signature-primary",
        "qpB/t5RtJ0/5T7ZWhqco7iBEe5o08fB2FcWYZBm6DQ0=",
        box_delivery_timestamp="2021-02-25T15:02:10Z",
    ),
    _timed(
        "box",
        "box-signature-secondary",
        "qpB/t5RtJ0/5T7ZWhqco7iBEe5o08fB2FcWYZBm6DQ0=",
        box_delivery_timestamp="2021-02-25T15:02:10Z",
    ),
    _timed(
        "orb",
        "x-orb-signature",
        "v1=57136cd02512abe9b52f7fc8e32c914f27bb7f23ace19fe25caa15e2d0c52b40",
        x_orb_timestamp="2021-02-25T15:02:10",
    ),
    _formula("recurly", "recurly-signature", f"{_MILLISECONDS},{_TIMED_MS}"),
    _formula("sanity", "sanity-webhook-signature", f"t={_MILLISECONDS},v1=YH8Y_1plzfpIBk3v7Y_zNo7uH5PSqebL3ZGa_uNLgH4"),
    _formula("docusign", "x-docusign-signature-1", _BASE64),
    _formula("docusign", "x-docusign-signature-2", _BASE64),
    _formula("greenhouse", "signature", f"sha256 {_HEX}"),
    _formula("ashby", "ashby-signature", f"sha256={_HEX}"),
    _timed("boldsign", "x-boldsign-signature", f"t={_SECONDS}, s0={_TIMED}"),
    _formula("expo", "expo-signature", f"sha1={_SHA1_HEX}"),
    _formula("gitea", "x-gitea-signature", _HEX),
    _timed("tailscale", "tailscale-webhook-signature", f"t={_SECONDS},v1={_TIMED}"),
    _formula("xero", "x-xero-signature", _BASE64),
    _formula("ably", "x-ably-signature", _BASE64),
    _formula(
        "ghost",
        "x-ghost-signature",
        f"sha256=3dd27f0fe4a84a0d710a5b4722b679c4e44778e59e490a1c579ffae7115d235f, t={_MILLISECONDS}",
    ),
    _timed(
        "webflow",
        "x-webflow-signature",
        "8e05657d872810321fe661ce5508d76b5ab94b320b2d16daa62e69a96c1fc91a",
        x_webflow_timestamp=_MILLISECONDS,
    ),
    _timed("elevenlabs", "elevenlabs-signature", f"t={_SECONDS},v0={_TIMED}"),
    _formula("front-rules", "x-front-signature", _SHA1_BASE64),
    _formula("help-scout", "x-helpscout-signature", _SHA1_BASE64),
    _formula("line", "x-line-signature", _BASE64),
    _timed(
        "retell",
        "x-retell-signature",
        f"v={_MILLISECONDS},d=3dd27f0fe4a84a0d710a5b4722b679c4e44778e59e490a1c579ffae7115d235f",
    ),
    _formula("stream", "x-signature", _HEX),
    _formula("viber", "x-viber-content-signature", _HEX),
    _formula("webex", "x-spark-signature", _SHA1_HEX),
    _formula("cal-com", "x-cal-signature-256", _HEX),
    _formula("clickup", "x-signature", _HEX),
    _formula("nylas", "x-nylas-signature", _HEX),
    _formula("patreon", "x-patreon-signature", "4cfce92a38de87fcc47ad24bd9b08319"),
    _formula("podium", "podium-signature", _TIMED_MS, podium_timestamp=_MILLISECONDS),
    _formula("quickbooks", "intuit-signature", _BASE64),
    _formula("savvycal", "x-savvycal-signature", f"sha256={_HEX.upper()}"),
    _formula("segment", "x-signature", _SHA1_HEX),
    Vector(
        "surveymonkey",
        "formula",
        f"client-id&{_SECRET}",
        "sm-signature",
        {"sm-signature": "aZJ3gAr6rOpj/ZP8ri0lRw8WoS4="},
        _BODY,
    ),
    _formula("tiktok", "tiktok-signature", f"t={_SECONDS},s={_TIMED}"),
    _formula("checkr", "x-checkr-signature", _HEX),
    _formula("onfido", "x-sha2-signature", _HEX),
    _formula("persona", "persona-signature", f"t={_SECONDS},v1={_TIMED}"),
    _timed("workos", "workos-signature", f"t={_MILLISECONDS}, v1={_TIMED_MS}"),
    _formula("bitbucket-server", "x-hub-signature", f"sha256={_HEX}"),
    _formula("notion", "x-notion-signature", f"sha256={_HEX}"),
    _formula("smartcar", "sc-signature", _HEX),
    Vector(
        "trello",
        "formula",
        _SECRET,
        "x-trello-webhook",
        {"x-trello-webhook": "zHQlCih92t278P8DSc+kIdfmwjM="},
        _BODY,
        options={"public_url": "https://example.com/hooks/x"},
    ),
    Vector(
        "mandrill",
        "formula",
        _SECRET,
        "x-mandrill-signature",
        {
            "x-mandrill-signature": "h3za2WXjBAYqcaVc/+glxmsXg+Y=",
            "content-type": "application/x-www-form-urlencoded",
        },
        b"mandrill_events=%5B%5D",
        options={"public_url": "https://example.com/hooks/x"},
    ),
    _timed(
        "twitch",
        "twitch-eventsub-message-signature",
        "sha256=c9461ebebfcc1c7ea9bfe994e1bb157bccd6f50ec9994df4d42e3d82bb283599",
        twitch_eventsub_message_id="msg-1",
        twitch_eventsub_message_timestamp="2021-02-25T15:02:10Z",
    ),
    # By openssl, with the time in the body.
    Vector(
        "pusher",
        "openssl",
        "nami-secret",
        "x-pusher-signature",
        {"x-pusher-signature": "f9da54dce943ac008517c6870017913be0e1f86dc7d58d56bb5a588059ed8161"},
        b'{"time_ms":1700000000000,"events":[{"name":"channel_occupied","channel":"test_channel"}]}',
        timed=True,
    ),
    *(
        Vector(name, "plain token", "t0ken-s3cret", header, {header: "t0ken-s3cret"}, _BODY, body_is_signed=False)
        for name, header in (
            ("buildkite", "x-buildkite-token"),
            ("documenso", "x-documenso-secret"),
            ("telegram", "x-telegram-bot-api-secret-token"),
        )
    ),
    Vector(
        "pipedrive",
        "RFC 7617",
        "Aladdin:open sesame",
        "authorization",
        {"authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
        _BODY,
        body_is_signed=False,
    ),
]
