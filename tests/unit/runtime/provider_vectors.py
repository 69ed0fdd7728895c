"""Requests of the providers in `more`, as their documents show them; see `vectors` for what `source` says.

Where `source` says formula, the value was computed with Python's hmac from what the document says is signed, apart from
nami, over one body with one secret: such a vector proves that the formula is followed.
"""

from dataclasses import replace

from tests.unit.runtime.vectors import Vector

_BODY = b'{"hello":"world"}'
_SECRET = "test-secret"
_URL = "https://example.com/hooks/x"
_SECONDS, _MILLISECONDS = "1614265330", "1614265330000"
_NOW = 1_614_265_330.0
_HEX = "84cc33df716ed0b0598f07437c94069ace3730358778a592bd6bbd1423d111f3"
_BASE64 = "hMwz33Fu0LBZjwdDfJQGms43MDWHeKWSvWu9FCPREfM="
_SHA512_HEX = (
    "08b957e6c496bed87556b18fc1f22b18dd1467f272428b87e80425d519dfde9c"
    "a6393e0e79cb3696364302b399faa687ac3ab95cb4266d6a53533349494a25b1"
)
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


def _at_the_url(scheme: str, header: str, value: str) -> Vector:
    return Vector(scheme, "formula", _SECRET, header, {header: value}, _BODY, options={"public_url": _URL})


def _standard_webhooks(scheme: str, family: str = "webhook") -> Vector:
    headers = {
        f"{family}-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        f"{family}-timestamp": _SECONDS,
        f"{family}-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    source = "standardwebhooks.com"
    return Vector(scheme, source, secret, f"{family}-signature", headers, body, now=_NOW, timed=True)


_HUB = {"x-hub-signature-256": "sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3"}

PUBLISHED = [
    # Its library's tests hold the same values.
    replace(_standard_webhooks("replicate"), source="replicate/replicate-python"),
    # By both names of the headers, Svix's own and those of Standard Webhooks.
    *(
        _standard_webhooks(scheme, family)
        for family in ("webhook", "svix")
        for scheme in (
            *("anthropic", "brex", "clerk", "dodo-payments", "flexprice", "formbricks", "gitlab", "goody"),
            *("incident-io", "lithic", "make", "openai", "openmeter", "recall-ai", "render", "replicate", "resend"),
            *("signatureapi", "svix", "tolt"),
        )
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
    # Its library signed them.
    *(
        Vector(
            "contentful",
            "contentful/node-apps-toolkit",
            "0123456789abcdef" * 4,
            "x-contentful-signature",
            {
                "content-type": "application/vnd.contentful.management.v1+json",
                "x-contentful-topic": "ContentManagement.Entry.publish",
                "x-contentful-webhook-name": "My webhook",
                "x-contentful-timestamp": _MILLISECONDS,
                "x-contentful-signed-headers": "content-type,x-contentful-signed-headers,x-contentful-timestamp,"
                "x-contentful-topic,x-contentful-webhook-name",
                "x-contentful-signature": signature,
            },
            '{"sys":{"id":"4o19","type":"Entry","revision":1},"fields":{"title":{"en":"Grüße"}}}'.encode(),
            now=_NOW,
            timed=True,
            query=query,
            options={"public_url": _URL},
        )
        for query, signature in (
            ("", "8033f0e2a95166ce7fa1bd3fee0b6ee7e4f83a2690f4df635c4e4bcc12e1c8b0"),
            ("a=b%20c&d=e", "87d8a4cf5c5024dda6ea936bb97c6d62603c7a344d33005c0c8d6ecc2262c32a"),
        )
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
        "customer-io",
        "customerio/customerio-node: test/webhooks.ts",
        "signing-secret",
        "x-cio-signature",
        {
            "x-cio-timestamp": "1614265384",
            "x-cio-signature": "6f55cf23f9b73a2ff07733fe04421f64ce9ec5e409696edda6b2a80311944230",
        },
        b'{"event_id":"abc","object_type":"email","metric":"delivered"}',
        now=1_614_265_384.0,
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
    Vector(
        "openai",
        "openai/openai-python",
        "whsec_RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c=",
        "webhook-signature",
        {
            "webhook-id": "wh_685c059ae39c8190af8c71ed1022a24d",
            "webhook-timestamp": "1750861210",
            "webhook-signature": "v1,gUAg4R2hWouRZqRQG4uJypNS8YK885G838+EHb4nKBY=",
        },
        b'{"id": "evt_685c059ae3a481909bdc86819b066fb6", "object": "event", "created_at": 17508612'
        b'10, "type": "response.completed", "data": {"id": "resp_123"}}',
        now=1_750_861_210.0,
        timed=True,
    ),
    Vector(
        "lithic",
        "lithic-com/lithic-python",
        "whsec_zlFsbBZ8Xcodlpcu6NDTdSzZRLSdhkst",
        "webhook-signature",
        {
            "webhook-id": "msg_2Lh9KRb0pzN4LePd3XiA4v12Axj",
            "webhook-timestamp": "1676312382",
            "webhook-signature": "v1,Dwa0AHInLL3XFo2sxcHamOQDrJNi7F654S3L6skMAOI=",
        },
        b'{"card_token":"sit Lorem ipsum, accusantium repellendus possimus","created_at":"elit. pl'
        b'aceat libero architecto molestias, sit","account_token":"elit.","issuer_decision":"magna'
        b'm, libero esse Lorem ipsum magnam, magnam,","tokenization_attempt_id":"illum dolor repel'
        b'lendus libero esse accusantium","wallet_decisioning_info":{"device_score":"placeat archi'
        b'tecto"},"digital_wallet_token_metadata":{"status":"reprehenderit dolor","token_requestor'
        b'_id":"possimus","payment_account_info":{"account_holder_data":{"phone_number":"libero","'
        b'email_address":"nobis molestias, veniam culpa! quas elit. quas libero esse architecto pl'
        b'aceat"},"pan_unique_reference":"adipisicing odit magnam, odit"}}}',
        now=1_676_312_382.0,
        timed=True,
    ),
    Vector(
        "easypost",
        "EasyPost/examples",
        "sécret",
        "x-hmac-signature",
        {"x-hmac-signature": "hmac-sha256-hex=38f3f53c103713df81616a0a186d77141957323ec21d5fe9363db93840f527db"},
        b'{"description":"tracker.updated","mode":"production","previous_attributes":{"status":"in'
        b'_transit"},"created_at":"2024-08-02T19:26:52.000Z","pending_urls":["https://example.com/'
        b'easypost"],"completed_urls":[],"updated_at":"2024-08-02T19:26:52.000Z","id":"evt_1","use'
        b'r_id":"user_1","status":"pending","object":"Event","result":{"id":"trk_1","object":"Trac'
        b'ker","mode":"production","tracking_code":"1","status":"in_transit","status_detail":"arri'
        b'ved_at_facility","created_at":"2024-07-31T14:45:27Z","updated_at":"2024-08-02T19:26:51Z"'
        b',"signed_by":null,"weight":614.4,"est_delivery_date":"2024-08-05T00:00:00Z","shipment_id'
        b'":null,"carrier":"FedEx","tracking_details":[{"object":"TrackingDetail","message":"Shipm'
        b'ent information sent to FedEx","description":"Shipment information sent to FedEx","statu'
        b's":"pre_transit","status_detail":"label_created","datetime":"2024-07-31T15:00:00Z","sour'
        b'ce":"FedEx","carrier_code":"OC","tracking_location":{"object":"TrackingLocation","city":'
        b'null,"state":null,"country":"US","zip":"32837"}},{"object":"TrackingDetail","message":"P'
        b'icked up","description":"Picked up","status":"in_transit","status_detail":"arrived_at_fa'
        b'cility","datetime":"2024-07-31T19:27:00Z","source":"FedEx","carrier_code":"PU","tracking'
        b'_location":{"object":"TrackingLocation","city":"ORLANDO","state":"FL","country":"US","zi'
        b'p":"32809"}},{"object":"TrackingDetail","message":"Arrived at FedEx location","descripti'
        b'on":"Arrived at FedEx location","status":"in_transit","status_detail":"arrived_at_facili'
        b'ty","datetime":"2024-07-31T22:35:00Z","source":"FedEx","carrier_code":"AR","tracking_loc'
        b'ation":{"object":"TrackingLocation","city":"ORLANDO","state":"FL","country":"US","zip":"'
        b'32809"}},{"object":"TrackingDetail","message":"Departed FedEx location","description":"D'
        b'eparted FedEx location","status":"in_transit","status_detail":"departed_facility","datet'
        b'ime":"2024-08-01T14:42:13Z","source":"FedEx","carrier_code":"DP","tracking_location":{"o'
        b'bject":"TrackingLocation","city":"ORLANDO","state":"FL","country":"US","zip":"32809"}},{'
        b'"object":"TrackingDetail","message":"On the way","description":"On the way","status":"in'
        b'_transit","status_detail":"unknown","datetime":"2024-08-02T02:46:19Z","source":"FedEx","'
        b'carrier_code":"IT","tracking_location":{"object":"TrackingLocation","city":"KENLY","stat'
        b'e":"NC","country":"US","zip":"27542"}},{"object":"TrackingDetail","message":"On the way"'
        b',"description":"On the way","status":"in_transit","status_detail":"unknown","datetime":"'
        b'2024-08-02T18:35:20Z","source":"FedEx","carrier_code":"IT","tracking_location":{"object"'
        b':"TrackingLocation","city":"EDISON TWP","state":"NJ","country":"US","zip":"08817"}},{"ob'
        b'ject":"TrackingDetail","message":"Arrived at FedEx location","description":"Arrived at F'
        b'edEx location","status":"in_transit","status_detail":"arrived_at_facility","datetime":"2'
        b'024-08-02T18:50:00Z","source":"FedEx","carrier_code":"AR","tracking_location":{"object":'
        b'"TrackingLocation","city":"EDISON","state":"NJ","country":"US","zip":"08817"}}],"carrier'
        b'_detail":{"object":"CarrierDetail","service":"FEDEX_GROUND","container_type":null,"est_d'
        b'elivery_date_local":"2024-08-05","est_delivery_time_local":null,"origin_location":"ORLAN'
        b'DO FL US","origin_tracking_location":{"object":"TrackingLocation","city":"ORLANDO","stat'
        b'e":"FL","country":"US","zip":"32809"},"destination_location":"BROOKLYN HGTS NY US","dest'
        b'ination_tracking_location":null,"guaranteed_delivery_date":null,"alternate_identifier":n'
        b'ull,"initial_delivery_attempt":null},"finalized":false,"is_return":false,"public_url":"h'
        b'ttps://track.easypost.com/1"}}',
    ),
    Vector(
        "stripe",
        "stripe/stripe-dotnet",
        "webhook_secret",
        "stripe-signature",
        {
            "stripe-signature": "t=1533204620,v1=2220f87ef101a04665f11cdf770523143f875572008577fa0f20882ddb9cc3c7"
            ",v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef"
        },
        b'{\n  "id": "evt_123",\n  "object": "event",\n  "account": "acct_123",\n  "api_version": '
        b'"2017-05-25",\n  "created": 1533204620,\n  "data": {\n    "object": {\n      "id": "cus_'
        b'123",\n      "object": "customer",\n      "created": 123456789,\n      "email": "test@st'
        b'ripe.com",\n      "livemode": false,\n      "metadata": {}\n    }\n  },\n  "livemode": f'
        b'alse,\n  "pending_webhooks": 1,\n  "request": {\n    "id": "req_123",\n    "idempotency_'
        b'key": "idempotency-key-123"\n  },\n  "type": "customer.created"\n}\n',
        now=1_533_204_620.0,
        timed=True,
    ),
    Vector(
        "unit",
        "unit-finance/unit-python-sdk",
        "MyToken",
        "x-unit-signature",
        {"x-unit-signature": "kw+Zx3UcAWL/ujc1Px46GGzo0Gc="},
        b'{"data":[{"id":"613457","type":"authorizationRequest.pending","attributes":{"createdAt":'
        b'"2021-12-15T10:21:59.873Z","amount":2500,"available":0,"status":"Pending","partialApprov'
        b'alAllowed":true,"merchant":{"name":"Apple Inc.","type":"1000"},"recurring":false},"relat'
        b'ionships":{"authorizationRequest":{"data":{"id":"4474","type":"purchaseAuthorizationRequ'
        b'est"}},"account":{"data":{"id":"49228","type":"account"}},"customer":{"data":{"id":"4943'
        b'0","type":"customer"}},"card":{"data":{"id":"26068","type":"card"}}}}]}',
    ),
    Vector(
        "logto",
        "logto-io/logto",
        "foo",
        "logto-signature-sha-256",
        {"logto-signature-sha-256": "436958f1dbfefab37712fb3927760490fbf7757da8c0b2306ee7b485f0360eee"},
        b'{"bar":"bar","foo":"foo"}',
    ),
    Vector(
        "blockfrost",
        "blockfrost/blockfrost-python",
        "59a1eb46-96f4-4f0b-8a03-b4d26e70593a",
        "blockfrost-signature",
        {"blockfrost-signature": "t=1650013856,v1=f4c3bb2a8b0c8e21fa7d5fdada2ee87c9c6f6b0b159cc22e483146917e195c3e"},
        b'{"id":"47668401-c3a4-42d4-bac1-ad46515924a3","webhook_id":"cf68eb9c-635f-415e-a5a8-62336'
        b'38f28d7","created":1650013856,"type":"block","payload":{"time":1650013853,"height":71262'
        b'56,"hash":"f49521b67b440e5030adf124aee8f88881b7682ba07acf06c2781405b0f806a4","slot":5844'
        b'7562,"epoch":332,"epoch_slot":386762,"slot_leader":"pool1njjr0zn7uvydjy8067nprgwlyxqnznp'
        b'9wgllfnag24nycgkda25","size":34617,"tx_count":13,"output":"13403118309871","fees":"49863'
        b'90","block_vrf":"vrf_vk197w95j9alkwt8l4g7xkccknhn4pqwx65c5saxnn5ej3cpmps72msgpw69d","pre'
        b'vious_block":"9e3f5bfc9f0be44cf6e14db9ed5f1efb6b637baff0ea1740bb6711786c724915","next_bl'
        b'ock":null,"confirmations":0}}',
        now=1_650_013_856.0,
        timed=True,
    ),
    Vector(
        "btcpay",
        "btcpayserver/btcpayserver-greenfield-php",
        "abc",
        "btcpay-sig",
        {"btcpay-sig": "sha256=bc8122472fb9bb9c15d90d7a61b156f54a69d835592c85d0f37f6454d530dec8"},
        b'{"a":1,"b":2,"c":3}',
    ),
    Vector(
        "revolut",
        "developer.revolut.com: Verify the payload signature",
        "wsk_r59a4HfWVAKycbCaNO1RvgCJec02gRd8",
        "revolut-signature",
        {
            "revolut-request-timestamp": "1683650202360",
            "revolut-signature": "v1=bca326fb378d0da7f7c490ad584a8106bab9723d8d9cdd0d50b4c5b3be3837c0",
        },
        b'{"data":{"id":"645a7696-22f3-aa47-9c74-cbae0449cc46","new_state":"completed","old_state"'
        b':"pending","request_id":"app_charges-9f5d5eb3-1e06-46c5-b1c0-3914763e0bcb"},"event":"Tra'
        b'nsactionStateChanged","timestamp":"2023-05-09T16:36:38.028960Z"}',
        now=1_683_650_202.0,
        timed=True,
    ),
    Vector(
        "jira",
        "Atlassian: Secure admin webhooks",
        "It's a Secret to Everybody",
        "x-hub-signature",
        {"x-hub-signature": "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"},
        b"Hello World!",
    ),
    Vector(
        "nexus",
        "sonatype/nexus-public",
        "secret",
        "x-nexus-webhook-signature",
        {"x-nexus-webhook-signature": "918cb6e16fcf197f2c3df5af2cf41b20974ec8a2"},
        b'{"timestamp":"2016-08-18T18:18:30.326+00:00","nodeId":"nodeId","initiator":"initiator","action":"CREATED",'
        b'"repository":{"format":"format","name":"name","type":"value"}}',
    ),
    Vector(
        "semaphore",
        "semaphoreio/semaphore",
        "secret",
        "x-semaphore-signature-256",
        {"x-semaphore-signature-256": "dc46983557fea127b43af721467eb9b3fde2338fe3e14f51952aa8478c13d355"},
        b"body",
    ),
    # Its form is that of webhooks; of a route's it is the same three fields.
    Vector(
        "mailgun",
        "mailgun/mailgun-php",
        "key-3ax6xnjp29jd6fds4gc373sgvjxteol0",
        "body",
        {},
        b'{"signature":{"timestamp":"1403645220","token":"5egbgr1vjgqxtrnp65xfznchgdccwh5d6i09vijqi3whgowmn6",'
        b'"signature":"9cfc5c41582e51246e73c88d34db3af0a3a2692a76fbab81492842f000256d33"},"event-data":{"id":"x"}}',
        now=1_403_645_220.0,
        timed=True,
        body_is_signed=False,
    ),
    Vector(
        "mailgun",
        "mailgun/mailgun-php",
        "key-3ax6xnjp29jd6fds4gc373sgvjxteol0",
        "body",
        {"content-type": "application/x-www-form-urlencoded"},
        b"timestamp=1403645220&token=5egbgr1vjgqxtrnp65xfznchgdccwh5d6i09vijqi3whgowmn6"
        b"&signature=9cfc5c41582e51246e73c88d34db3af0a3a2692a76fbab81492842f000256d33",
        now=1_403_645_220.0,
        timed=True,
        body_is_signed=False,
    ),
    Vector(
        "workos",
        "workos/workos-python",
        "1lyKDzhJjuCkIscIWqkSe4YsQ",
        "workos-signature",
        {"workos-signature": "t=1632409405772, v1=67612f0e74f008b436a13b00266f90ef5c13f9cbcf6262206f5f4a539ff61702"},
        b'{"id":"wh_01FG9JXJ9C9S052FX59JVG4EG1","data":{"id":"conn_01EHWNC0FCBHZ3BJ7EGKYXK0E6","na'
        b'me":"Foo Corp\'s Connection","state":"active","object":"connection","domains":[{"id":"con'
        b'n_domain_01EHWNFTAFCF3CQAE5A9Q0P1YB","domain":"foo-corp.com","object":"connection_domain'
        b'"}],"connection_type":"OktaSAML","organization_id":"org_01EHWNCE74X7JSDV0X3SZ3KJNY"},"ev'
        b'ent":"connection.activated"}',
        now=1_632_409_405.0,
        timed=True,
    ),
    Vector(
        "adyen-platforms",
        "Adyen/adyen-java-api-library",
        "D7DD5BA6146493707BF0BE7496F6404EC7A63616B7158EC927B9F54BB436765F",
        "hmacsignature",
        {"hmacsignature": "9Qz9S/0xpar1klkniKdshxpAhRKbiSAewPpWoxKefQA="},
        b'{"data":{"balancePlatform":"Integration_tools_test","accountId":"BA32272223222H5HVKTBK4M'
        b'LB","sweep":{"id":"SWPC42272223222H5HVKV6H8C64DP5","schedule":{"type":"balance"},"status'
        b'":"active","targetAmount":{"currency":"EUR","value":0},"triggerAmount":{"currency":"EUR"'
        b',"value":0},"type":"pull","counterparty":{"balanceAccountId":"BA3227C223222H5HVKT3H9WLC"'
        b'},"currency":"EUR"}},"environment":"test","type":"balancePlatform.balanceAccountSweep.up'
        b'dated"}',
    ),
    Vector(
        "mux",
        "muxinc/mux-node-sdk",
        "SuperSecret123",
        "mux-signature",
        {"mux-signature": "t=1565125718,v1=854ece4c22acef7c66b57d4e504153bc512595e8e9c772ece2a68150548c19a7"},
        b'{"test":"body"}',
        now=1_565_125_718.0,
        timed=True,
    ),
    Vector(
        "paystack",
        "yabacon/paystack-php",
        "sk_test_inv4L1dinv4L1dinv4L1dinv4L1d",
        "x-paystack-signature",
        {
            "x-paystack-signature": "0ef509bb72218531a7d0aa58d2b8dcd93f63f7a4d1f8e2e36eadd4f0a19455a9"
            "2f2ca57a57bfe98dc25f91c47b1221343d61fdd5fd2b7c41b8466cbe5ebd4974"
        },
        b'{"event":"just.testing","data":{"domain":"test","invoice_code":"INV_mn8lm53yl17w19r","am'
        b'ount":150000,"period_start":"2017-01-13T00:00:00.000Z","period_end":"2017-02-12T23:59:59'
        b'.000Z","status":"success","paid":true,"paid_at":"2017-01-13T00:00:16.000Z","description"'
        b':null,"authorization":{"authorization_code":"AUTH_1nv4LiD","bin":"506506","last4":"7777"'
        b',"exp_month":"06","exp_year":"2099","card_type":"mastercard DEBIT","bank":"Capital Corp"'
        b',"country_code":"NG","brand":"mastercard","reusable":true},"subscription":{"status":"act'
        b'ive","subscription_code":"SUB_youwishiwas","email_token":"youwishitis","amount":150000,"'
        b'cron_expression":"0 0 13 * *","next_payment_date":"2017-02-13T00:00:00.000Z","open_invoi'
        b'ce":null},"customer":{"first_name":null,"last_name":null,"email":"free@free_basics.com",'
        b'"customer_code":"CUS_youwhistle","phone":null,"metadata":null,"risk_action":"default"},"'
        b'transaction":{"reference":"someref","status":"success","amount":150000,"currency":"NGN"}'
        b',"created_at":"2017-01-13T00:00:02.000Z"}}',
    ),
    # Its body says no time, as Pusher's own do.
    Vector(
        "pusher",
        "pusher/pusher-http-go",
        "secret",
        "x-pusher-signature",
        {"x-pusher-signature": "2677ad3e7c090b2fa2c0fb13020d66d5420879b8316eb356a2d60fb9073bc778"},
        b'{"hello":"world"}',
        options={"tolerance": 0},
    ),
    Vector(
        "svix",
        "Svix: Verifying webhooks manually",
        "whsec_plJ3nmyCDGBKInavdOK15jsl",
        "svix-signature",
        {
            "svix-id": "msg_loFOjxBNrRLzqYUf",
            "svix-timestamp": "1731705121",
            "svix-signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
        },
        b'{"event_type":"ping","data":{"success":true}}',
        now=1_731_705_121.0,
        timed=True,
    ),
    Vector(
        "smartcar",
        "smartcar/node-sdk",
        "amt",
        "sc-signature",
        {"sc-signature": "4c05a8da471f05156ad717baa4017acd13a3a809850b9ca7d3301dcaaa854f70"},
        b'{"pizza":"pasta"}',
    ),
    Vector(
        "notion",
        "developers.notion.com: Webhooks",
        "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl",
        "x-notion-signature",
        {"x-notion-signature": "sha256=461e8cbcba8a75c3edd866f0e71280f5a85cbf21eff040ebd10fe266df38a735"},
        b'{"verification_token":"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"}',
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
        for name in ("bigcommerce", "growthbook", "polar")
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
        "docs.paysway.io: Verify requests",
        "zTOJGr3vYdAHM/F5ZiDsVvgPZq5/Y3Ktbo9xw9Ncf8Y=",
        "x-paysway-signature",
        {"x-paysway-signature": "t=1738002855,v1=c9854765d242b9078e68b6fca1755f208ba70a7aa7c372abc4ec341483e34496"},
        b'{"foo":"bar"}',
        now=1_738_002_855.0,
    ),
    _formula("xobni", "x-xobni-signature", f"sha256={_TIMED}", x_xobni_timestamp=_SECONDS),
    _formula("billit", "billit-signature", f"t={_SECONDS},s={_TIMED}"),
    _formula("katana", "x-sha2-signature", _HEX),
    _timed("opensms", "x-opensms-signature", f"t={_SECONDS},v1={_TIMED}"),
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
    _timed("recurly", "recurly-signature", f"{_MILLISECONDS},{_TIMED_MS}"),
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
            ("ringcentral", "verification-token"),
            ("ringcentral", "validation-token"),
            ("revenuecat", "authorization"),
            ("telegram", "x-telegram-bot-api-secret-token"),
        )
    ),
    *(
        Vector(
            name,
            "RFC 7617",
            "Aladdin:open sesame",
            "authorization",
            {"authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
            _BODY,
            body_is_signed=False,
        )
        for name in ("chargebee", "pipedrive", "postmark")
    ),
    _formula("alchemy", "x-alchemy-signature", _HEX),
    _formula("uber", "x-uber-signature", _HEX),
    _formula("vercel", "x-vercel-signature", _SHA1_HEX),
    replace(_formula("airtable", "x-airtable-content-mac", f"hmac-sha256={_HEX}"), secret="dGVzdC1zZWNyZXQ="),
    replace(
        _formula(
            "close",
            "close-sig-hash",
            "ccf884c558a34e50146933db30e47bc61e8ae4e2ad1acf6aef60c2ecc2ff78ad",
            close_sig_timestamp=_SECONDS,
        ),
        secret="746573742d736563726574",
    ),
    _formula("attio", "attio-signature", _HEX),
    _formula("dub", "dub-signature", _HEX),
    _formula("dwolla", "x-request-signature-sha-256", _HEX),
    _formula("fizzy", "x-webhook-signature", _HEX),
    _formula("flagsmith", "x-flagsmith-signature", _HEX),
    _formula("grafana", "x-grafana-alerting-signature", _HEX),
    _formula("growthbook", "x-growthbook-signature", _HEX),
    _formula("launchdarkly", "x-ld-signature", _HEX),
    _formula("plane", "x-plane-signature", _HEX),
    _formula("pulumi", "pulumi-webhook-signature", _HEX),
    _formula("semaphore", "x-semaphore-signature-256", _HEX),
    _formula("sentry", "sentry-hook-signature", _HEX),
    _formula("shopware", "shopware-shop-signature", _HEX),
    _formula("sentry", "sentry-app-signature", _HEX),
    _formula("dynamic", "x-dynamic-signature-256", f"sha256={_HEX}"),
    _formula("flux", "x-signature", f"sha256={_HEX}"),
    _formula("mastodon", "x-hub-signature", f"sha256={_HEX}"),
    _formula("spacelift", "x-signature-256", f"sha256={_HEX}"),
    _formula("leaf", "x-leaf-signature", _BASE64),
    _formula("realtime-register", "signature", _BASE64),
    _formula("lago", "x-lago-signature", _BASE64),
    _formula("nexus", "x-nexus-webhook-signature", _SHA1_HEX),
    _formula("taiga", "x-taiga-webhook-signature", _SHA1_HEX),
    _formula("openproject", "x-op-signature", f"sha1={_SHA1_HEX}"),
    _formula("netbox", "x-hook-signature", _SHA512_HEX),
    _formula("paystack", "x-paystack-signature", _SHA512_HEX),
    _formula("outline", "outline-signature", f"t={_MILLISECONDS},s={_TIMED_MS}"),
    _formula("zoho-payments", "x-zoho-webhook-signature", f"t={_MILLISECONDS},v={_TIMED_MS}"),
    _timed("fintoc", "fintoc-signature", f"t={_SECONDS},v1={_TIMED}"),
    _timed("zitadel", "zitadel-signature", f"t={_SECONDS},v1={_TIMED}"),
    _formula(
        "statsig",
        "x-statsig-signature",
        "v0=07d12030437c759b5aa6846ecf7a4d415df588a1fad0a218c0f764b38bab84d0",
        x_statsig_request_timestamp=_MILLISECONDS,
    ),
    _at_the_url("appwrite", "x-appwrite-webhook-signature", "/vCo9LSOebwEWiEdwJeJtMzWzAY="),
    Vector(
        "hubspot",
        "formula",
        _SECRET,
        "x-hubspot-signature",
        {
            "x-hubspot-signature": "d2bb3cf7ffbcfffd368dac4f94d09f571cc20150b9acff494338e7ff6a8fadee",
            "x-hubspot-signature-version": "v2",
        },
        _BODY,
        options={"public_url": _URL},
    ),
    _formula("shopify", "shopify-hmac-sha256", _BASE64),
    _at_the_url("trello", "x-trello-webhook", "zHQlCih92t278P8DSc+kIdfmwjM="),
    Vector(
        "mandrill",
        "formula",
        _SECRET,
        "x-mandrill-signature",
        {
            "content-type": "application/x-www-form-urlencoded",
            "x-mandrill-signature": "h3za2WXjBAYqcaVc/+glxmsXg+Y=",
        },
        b"mandrill_events=%5B%5D",
        options={"public_url": _URL},
    ),
]
