"""What one has to know of each provider beside its scheme: from here come docs/signatures.md and `nami signatures`.

The functions never load it. What is signed, the delivery's id and the handshake stand in the scheme itself, see
`scheme_words`.
"""

from typing import NamedTuple


class Facts(NamedTuple):
    """One provider: `secret` is what the secret holds, `found` where it is found, `source` what to hold it against.

    `console` says where the provider is given the URL: the steps, by its document, or that document's https address.
    """

    title: str
    secret: str
    found: str
    source: str
    note: str = ""
    console: str = ""


FACTS: dict[str, Facts] = {
    "ably": Facts(
        "Ably",
        "the part of the API key behind its colon",
        "Settings > API keys of the app; X-Ably-Key names which",
        "ably/docs: Webhooks",
        console="the app's Integrations > New Integration Rule > Webhook > Webhook; the URL, Sign with key; Create",
    ),
    "adyen": Facts(
        "Adyen, its standard webhooks (JSON)",
        "the HMAC key, hex",
        "Customer Area > Developers > Webhooks > the webhook > Security, with HMAC signatures switched on",
        "Adyen/adyen-python-api-library; docs.adyen.com: Verify HMAC signatures",
        console=(
            "Customer Area > Developers > Webhooks > Create new webhook > Standard webhook; the URL, method "
            "JSON; Security: Generate new HMAC key; Save configuration"
        ),
    ),
    "adyen-platforms": Facts(
        "Adyen for Platforms, and Adyen's webhooks that sign in a header",
        "the HMAC key, hex",
        "Balance Platform Customer Area > Webhooks > the webhook > Security, shown once",
        "Adyen/adyen-python-api-library; docs.adyen.com: Verify HMAC signatures, Set up webhooks",
        console=(
            "Balance Platform Customer Area > Webhooks > + Webhook > the type > Add; the URL; Security: HMAC "
            "Key > Generate; Save webhook"
        ),
    ),
    "aftership": Facts(
        "AfterShip",
        "the webhook's secret",
        "Settings > Webhooks",
        "aftership.com/docs: Webhook signature",
        console="Settings > Webhooks > Add webhook URL",
    ),
    "airtable": Facts(
        "Airtable",
        "the webhook's macSecretBase64",
        "the answer to its creation, once",
        "airtable.com/developers: Create a webhook; community.airtable.com: X-Airtable-Content-MAC",
        console="made through the API: POST /v0/bases/{baseId}/webhooks with `notificationUrl` and `specification`",
    ),
    "airwallex": Facts(
        "Airwallex",
        "the webhook's secret",
        "Developer > Webhooks > the webhook",
        "airwallex.com/docs: Listen for webhook events",
        console="Settings > Developer > Webhooks > New webhook; the notification URL and the events; Submit",
    ),
    "alchemy": Facts(
        "Alchemy",
        "the webhook's signing key",
        "Dashboard > Data > Webhooks > the webhook's dots > Signing Key",
        "alchemyplatform/webhook-examples; its console: ngrok.com/docs",
        console="Dashboard > Data > Webhooks > Create Webhook; the network and the webhook URL",
    ),
    "anthropic": Facts(
        "Anthropic",
        "the endpoint's signing key, `whsec_…`",
        "shown once, where the webhook is made",
        "anthropics/anthropic-sdk-python",
        console="Console > Manage > Webhooks; the URL and the event types",
    ),
    "appwrite": Facts(
        "Appwrite",
        "the webhook's signature key",
        "shown once, where the webhook is made in the project's Settings > Webhooks",
        "appwrite/appwrite: Workers/Webhooks.php; appwrite.io/docs: Webhooks",
        console="the project's Settings > Webhooks > Create webhook; the POST URL and the events",
    ),
    "asana": Facts(
        "Asana",
        "the X-Hook-Secret of the handshake",
        "sent when the webhook is created: `nami secret NAME --received`",
        "developers.asana.com: Webhooks guide, Establish a webhook; Asana/devrel-examples",
        console=(
            "made through the API: POST /webhooks with `resource` and `target`, the URL, which is asked "
            "before the answer comes"
        ),
    ),
    "ashby": Facts(
        "Ashby",
        "the webhook's secret token",
        "chosen by you, in Admin > Integrations > Webhooks",
        "developers.ashbyhq.com: Setting up webhooks, Authenticating webhooks",
        console="Admin > Integrations > Webhooks > New; the event, the request URL and a secret token",
    ),
    "attio": Facts(
        "Attio",
        "the webhook's secret",
        "Developer settings; the answer to its creation",
        "docs.attio.com: Webhooks",
        console=(
            "made through the API: POST /v2/webhooks with `target_url` and `subscriptions`; or in the app's "
            "developer settings"
        ),
    ),
    "aws-sns": Facts(
        "Amazon SNS, subscriptions by HTTPS without raw message delivery",
        "the topic's ARN",
        "the topic's page; with the endpoint's URL as the subscription's endpoint",
        "docs.aws.amazon.com: Verifying the signatures of Amazon SNS messages; aws/aws-js-sns-message-validator",
        console="the topic > Create subscription; protocol HTTPS, the URL as endpoint, raw message delivery off",
    ),
    "basic": Facts("any sender with HTTP basic authentication", "`user:password`", "", "RFC 7617"),
    "bigcommerce": Facts(
        "BigCommerce",
        "the app's client secret, as it is",
        "Developer Portal > the app > View client ID",
        "bigcommerce/docs: HTTPS webhook overview",
        console="made through the API: POST /v3/hooks with `scope` and `destination`, the URL",
    ),
    "billit": Facts(
        "Billit",
        "the webhook's secret",
        "the answer to its creation",
        "docs.billit.be: Webhook",
        console="made through the API: POST /v1/webhooks with `EntityType`, `EntityUpdateType` and `WebhookURL`",
    ),
    "bitbucket": Facts(
        "Bitbucket Cloud",
        "the webhook's secret",
        "chosen by you, in Repository settings > Webhooks",
        "support.atlassian.com: Manage webhooks; its console: ngrok.com/docs",
        console="Repository settings > Webhooks > Add webhook; the URL, a secret and the triggers",
    ),
    "bitbucket-server": Facts(
        "Bitbucket Server and Data Center",
        "the webhook's secret",
        "chosen by you, in Repository settings > Webhooks",
        "confluence.atlassian.com: Manage webhooks; its unsigned ping: runatlantis/atlantis 474",
        console="the project's or repository's settings > Webhooks > Create webhook; the URL, a secret and the events",
    ),
    "blockfrost": Facts(
        "Blockfrost",
        "the webhook's auth token",
        "Dashboard > Webhooks > the webhook",
        "blockfrost/blockfrost-python; blockfrost.dev: Using webhooks",
        console="Dashboard > Add webhook; the trigger and the endpoint URL",
    ),
    "boldsign": Facts(
        "BoldSign",
        "the webhook's secret key",
        "API > Webhooks > the webhook",
        "developers.boldsign.com: Webhooks, Setting up a webhook",
        console="API > Webhooks > Add Webhook; App or Account level, the URL, Verify, the events; Save",
    ),
    "box": Facts(
        "Box",
        "the app's primary or secondary signature key",
        "Developer Console > the app > Webhooks > Manage signature keys",
        "box/box-python-sdk-gen; its console: ngrok.com/docs",
        console="Developer Console > the app > Webhooks > Create Webhook > V2; the URL, the content and the triggers",
    ),
    "braintree": Facts(
        "Braintree",
        "the API's `public_key:private_key`",
        "Settings > API > the key",
        "braintree/braintree_python: webhook_notification_gateway.py",
        console="https://developer.paypal.com/braintree/docs/guides/webhooks/create",
    ),
    "brex": Facts(
        "Brex",
        "the webhook's signing secret",
        "GET /v1/webhooks/secrets",
        "developer.brex.com: Webhooks",
        console="made through the API: POST /v1/webhooks with the URL and the events",
    ),
    "btcpay": Facts(
        "BTCPay Server",
        "the webhook's secret",
        "Store settings > Webhooks",
        "btcpayserver/btcpayserver-greenfield-php, btcpayserver-doc",
        console="the store's Settings > Webhooks; the payload URL and a secret",
    ),
    "buildkite": Facts(
        "Buildkite",
        "the service's token",
        "Settings > Notification Services > the webhook",
        "buildkite/docs: Webhooks",
        console="Settings > Notification Services > Webhook > Add; the URL, and Token sent as X-Buildkite-Signature",
    ),
    "cal-com": Facts(
        "Cal.com",
        "the webhook's secret",
        "chosen by you, in Settings > Developer > Webhooks",
        "calcom/cal.com: sendPayload",
        console="Settings > Developer > Webhooks > New; the subscriber URL, the events and a secret",
    ),
    "calendly": Facts(
        "Calendly",
        "the webhook's signing key",
        "chosen by you, where the subscription is made; of an OAuth app, given with the app",
        "developer.calendly.com: Webhooks",
        console=(
            "made through the API: POST /webhook_subscriptions with `url`, `events`, `organization`, `scope` "
            "and `signing_key`"
        ),
    ),
    "cashfree": Facts(
        "Cashfree",
        "the client secret",
        "Dashboard > Developers > API keys",
        "cashfree.com/docs: Signature verification, Webhooks",
        console="Dashboard > Developers > Webhooks > Add Webhook; the version and the URL",
    ),
    "chargebee": Facts(
        "Chargebee",
        "`user:password`",
        "chosen by you, in Settings > Configure Chargebee > API Keys and Webhooks",
        "chargebee.com/docs: Webhook settings",
        console=(
            "Settings > Configure Chargebee > API Keys and Webhooks > Webhooks > Add Webhook; the URL, "
            "protected with basic authentication"
        ),
    ),
    "checkr": Facts(
        "Checkr",
        "the API key, or the OAuth app's client secret",
        "Account settings > Developer settings",
        "checkr/embeds-reference-integration; help.checkr.com: Manage API keys and webhooks",
        console="Account settings > Developer settings > New webhook; the URL",
    ),
    "circleci": Facts(
        "CircleCI",
        "the webhook's secret token",
        "chosen by you, in Project settings > Webhooks",
        "circleci/circleci-docs: Outbound webhooks",
        console="Project Settings > Webhooks > Add Webhook; the receiver URL, a secret token and an event",
    ),
    "clerk": Facts(
        "Clerk",
        "the endpoint's signing secret, `whsec_…`",
        "Configure > Webhooks > the endpoint",
        "clerk.com/docs: Webhooks overview; docs.svix.com: Verifying webhooks manually",
        console="Configure > Webhooks > Add Endpoint; the URL and the events; Create",
    ),
    "clickup": Facts(
        "ClickUp",
        "the webhook's secret",
        "the answer to its creation",
        "developer.clickup.com: Webhook signature",
        console="made through the API: POST /api/v2/team/{team_id}/webhook with `endpoint` and `events`",
    ),
    "close": Facts(
        "Close",
        "the subscription's signature_key, hex",
        "the answer to its creation",
        "developer.close.com: Webhook signatures",
        console="made through the API: POST /api/v1/webhook/ with `url` and `events`",
    ),
    "cloudevents": Facts(
        "CloudEvents over HTTP, from who signs nothing",
        "the secret that the URL ends with, `?code=…`, or `signature_header`'s",
        "chosen by you, where the subscription is made",
        "cloudevents/spec: http-webhook.md",
        console="where the subscription is made, as the URL with `?code=` and the secret at its end",
    ),
    "cloudflare-stream": Facts(
        "Cloudflare Stream",
        "the webhook's secret",
        "the answer to PUT …/stream/webhook",
        "cloudflare/cloudflare-docs: Stream, using webhooks",
        console="made through the API: PUT /accounts/{account_id}/stream/webhook with `notificationUrl`",
    ),
    "codoseo": Facts(
        "CodoSEO",
        "the channel's secret",
        "the channel's settings",
        "docs.rs/codoseo-notify: webhook",
        console="https://docs.rs/codoseo-notify/latest/codoseo_notify/webhook/",
    ),
    "coinbase-commerce": Facts(
        "Coinbase Commerce",
        "the shared webhook secret",
        "Settings > Notifications",
        "docs.cdp.coinbase.com: Webhooks security",
        console="Settings > Webhook subscriptions > Add an endpoint; the URL",
    ),
    "coinify": Facts(
        "Coinify",
        "the shared secret",
        "chosen by you, in Developers > Webhooks",
        "coinify.readme.io: Webhook signature, Webhooks",
        console="Developers > Webhooks; the webhook URL and a shared secret",
    ),
    "cronofy": Facts(
        "Cronofy",
        "the OAuth client secret",
        "Developer dashboard > the application",
        "cronofy/cronofy-ruby",
        console="made through the API: POST /v1/channels with `callback_url`",
    ),
    "datasaur": Facts(
        "Datasaur",
        "the webhook's secret",
        "chosen by you, where the webhook is made",
        "docs.datasaur.ai: Webhook signature",
        console="https://docs.datasaur.ai/api/apis-docs/webhooks",
    ),
    "discord": Facts(
        "Discord",
        "the application's public key, hex",
        "Developer Portal > the application > General information",
        "discord.com/developers: Webhook events; Interactions",
        note="the URL is taken only where it answers a signed ping: fill in the public key first",
        console="Developer Portal > the app > Webhooks; the endpoint URL, Events on, the events; Save Changes",
    ),
    "discourse": Facts(
        "Discourse",
        "the webhook's secret",
        "chosen by you, in Admin > API > Webhooks",
        "discourse/discourse: emit_web_hook_event.rb",
        console=(
            "Admin > API > Webhooks > New Webhook; the payload URL, content type application/json, a secret "
            "and the events"
        ),
    ),
    "documenso": Facts(
        "Documenso",
        "the webhook's secret",
        "chosen by you, in Team settings > Webhooks",
        "docs.documenso.com: Webhook verification",
        console="Team settings > Webhooks > Create Webhook; the URL, the events and a secret",
    ),
    "docusign": Facts(
        "DocuSign Connect",
        "the Connect key",
        "Settings > Integrations > Connect > Connect Keys > Add Secret Key, shown once",
        (
            "developers.docusign.com: Validate an HMAC signature; docusign.com/blog: Manually authenticating "
            "HMAC signatures; its console: ngrok.com/docs"
        ),
        console=(
            "Settings > Integrations > Connect > Add Configuration > Custom; the URL, the events, Include "
            "HMAC Signature"
        ),
    ),
    "dodo-payments": Facts(
        "Dodo Payments",
        "the webhook's secret key, `whsec_…`",
        "Settings > Webhooks > the webhook: Secret Key",
        "dodopayments/dodopayments-python; docs.dodopayments.com: Webhooks",
        console="Settings > Webhooks > Add Webhook; the URL and the events",
    ),
    "dropbox": Facts(
        "Dropbox",
        "the app secret",
        "App Console > the app > Settings > App secret > Show",
        "dropbox/mdwebhook; its console: ngrok.com/docs",
        console="App Console > the app > Settings > Webhooks: the URL under Webhook URIs, which is asked at once",
    ),
    "dub": Facts(
        "Dub",
        "the webhook's secret, `whsec_…`, as it is",
        "Webhooks > the webhook",
        "dubinc/dub: lib/webhook; dubinc/docs: Webhooks",
        console="app.dub.co > Webhooks > Create Webhook; the URL and the triggers",
    ),
    "dwolla": Facts(
        "Dwolla",
        "the subscription's secret",
        "chosen by you, where the webhook subscription is made",
        "developers.dwolla.com: Validating webhooks",
        console="made through the API: POST /webhook-subscriptions with `url` and `secret`",
    ),
    "dynamic": Facts(
        "Dynamic",
        "the webhook's secret token",
        "Developer Console > Webhooks > the webhook",
        "dynamic.xyz/docs: Setting up webhooks, Webhooks",
        console="Developer Dashboard > Webhooks; the URL and the events",
    ),
    "easypost": Facts(
        "EasyPost",
        "the webhook's secret",
        "chosen by you, where the webhook is made",
        "EasyPost/easypost-python",
        console="made through the API: POST /v2/webhooks with `url` and `webhook_secret`; or in the dashboard",
    ),
    "elevenlabs": Facts(
        "ElevenLabs",
        "the webhook's secret",
        "the general settings > Webhooks, shown once",
        "elevenlabs/elevenlabs-python; elevenlabs.io/docs: Webhooks",
        console="the general settings > Webhooks: the URL, with HMAC; then it is chosen in an agent's settings, say",
    ),
    "emailit": Facts(
        "Emailit",
        "the webhook's signing secret",
        "Webhooks > the webhook",
        "emailit.com/docs: Request signature",
        console="Webhooks > the webhook that you add with the URL",
    ),
    "event-grid": Facts(
        "Azure Event Grid",
        "the secret that the URL ends with, `?code=…`, or `signature_header`'s",
        "chosen by you: the endpoint URL of the event subscription, or its delivery properties",
        "learn.microsoft.com: Event Grid, webhook event delivery",
        console=(
            "the topic > Event Subscription; endpoint type Web Hook; the URL with `?code=` and the secret at its end"
        ),
    ),
    "expo": Facts(
        "Expo (EAS)",
        "the webhook's secret, 16 characters or more",
        "chosen by you, at `eas webhook:create`",
        "expo/expo: docs, EAS webhooks",
        console="`eas webhook:create` in the project's folder; `--event BUILD` or `SUBMIT`, `--url` and `--secret`",
    ),
    "facebook": Facts(
        "Facebook",
        'the app secret: `{"secret": …, "verify_token": …}`',
        "App settings > Basic > App secret > Show",
        "developers.facebook.com: Webhooks, getting started; WhatsApp/WhatsApp-Nodejs-SDK; its console: ngrok.com/docs",
        console=(
            "the app's dashboard > Webhooks > the object > Subscribe to this object; the callback URL and "
            "the verify token"
        ),
    ),
    "fastpix": Facts(
        "FastPix",
        "the signing secret, base64",
        "Dashboard > Webhooks",
        "FastPix/fastpix-go: verify-webhook (pkg.go.dev: fastpix-go/examples/verify-webhook)",
        console="Dashboard > Webhooks; the URL; the signing secret is shown there",
    ),
    "fastspring": Facts(
        "FastSpring",
        "the HMAC SHA256 secret",
        "chosen by you, in Developer tools > Webhooks",
        "developer.fastspring.com: Message security, Webhooks overview",
        console=(
            "Developer Tools > Webhooks > Configuration > Add Webhook; then its URL endpoint with an HMAC "
            "SHA256 secret and the events"
        ),
    ),
    "figma": Facts(
        "Figma",
        "the webhook's passcode",
        "chosen by you, where the webhook is made",
        "developers.figma.com: Webhooks, security",
        console="made through the API: POST /v2/webhooks with `endpoint`, `event_type` and `passcode`",
    ),
    "finch": Facts(
        "Finch",
        "the webhook's secret",
        "Dashboard > Webhooks",
        "Finch-API/finch-api-python",
        console="Dashboard > Webhooks; the URL; its secret is shown there",
    ),
    "fintoc": Facts(
        "Fintoc",
        "the endpoint's secret",
        "Dashboard > Webhooks > the endpoint",
        "fintoc (PyPI): webhook.py",
        console="made through the API: POST /v1/webhook_endpoints with `url` and `enabled_events`; or in the Dashboard",
    ),
    "fizzy": Facts(
        "Fizzy",
        "the webhook's signing secret",
        "the webhook's page",
        "basecamp/fizzy: webhook/delivery.rb",
        console="the board's Webhooks > New; the payload URL and the actions; admins alone",
    ),
    "flagsmith": Facts(
        "Flagsmith",
        "the webhook's secret",
        "chosen by you, where the webhook is made",
        "Flagsmith/flagsmith: api/core/signing.py; docs/environment-settings.md",
        console="the environment's settings > Webhooks, or the organisation's; the URL and a secret",
    ),
    "flexprice": Facts(
        "Flexprice",
        "the endpoint's signing secret, `whsec_…`",
        "Developers > Webhooks > the endpoint",
        "docs.flexprice.io: Signature verification",
        console="Developers > Webhooks: the endpoint that you add with the URL",
    ),
    "flux": Facts(
        "Flux, the provider `generic-hmac`",
        "the token of its Kubernetes secret",
        "the Secret that the Provider's secretRef names",
        "fluxcd/notification-controller: Providers",
        console="a Provider of type `generic-hmac` with the URL as `address`, and an Alert that names it",
    ),
    "formbricks": Facts(
        "Formbricks",
        "the webhook's secret, `whsec_…`",
        "shown where the webhook is made",
        "formbricks/formbricks: lib/crypto.ts",
        console="Configuration > Integrations > Manage Webhooks > Add Webhook; the URL, the triggers and the surveys",
    ),
    "fourthwall": Facts(
        "Fourthwall",
        "the shop's secret key; of an app, its HMAC key",
        "Settings > For developers > Webhooks",
        "docs.fourthwall.com: Signature verification",
        console="Settings > For developers > Webhooks; the URL and the events",
    ),
    "front-rules": Facts(
        "Front, the webhooks of rules",
        "the API secret",
        "Settings > Developers > API tokens",
        "dev.frontapp.com: Rule webhooks",
        console="https://dev.frontapp.com/docs/rule-webhooks",
    ),
    "fusionauth": Facts(
        "FusionAuth, with an HMAC key",
        "the HMAC key",
        "Settings > Key Master > the webhook's signing key > View secret",
        "fusionauth.io/docs: Signing webhooks",
        console=(
            "Settings > Webhooks > Add; the URL; tab Security: Sign events, with the HMAC key of Settings > Key Master"
        ),
    ),
    "ghost": Facts(
        "Ghost",
        "the webhook's secret",
        "chosen by you, in Settings > Integrations > the integration",
        "TryGhost/Ghost: webhook-trigger; docs.ghost.org: Webhooks",
        console=(
            "Settings > Advanced > Integrations > Add custom integration > Add webhook; the event, the "
            "target URL and a secret"
        ),
    ),
    "gitea": Facts(
        "Gitea",
        "the webhook's secret; its content type must be JSON",
        "chosen by you, in Settings > Webhooks",
        "go-gitea/gitea: services/webhook/deliver.go",
        console=(
            "the repository's or organization's Settings > Webhooks > Add Webhook > Gitea; the target URL, "
            "POST, application/json, a secret"
        ),
    ),
    "github": Facts(
        "GitHub",
        "the webhook's secret",
        "chosen by you, in Settings > Webhooks",
        "docs.github.com: Validating webhook deliveries",
        console=(
            "the repository's or organization's Settings > Webhooks > Add webhook; the payload URL, "
            "application/json and a secret"
        ),
    ),
    "gitlab": Facts(
        "GitLab",
        "the token, or the `whsec_…` signing token",
        "chosen by you, in Settings > Webhooks",
        "docs.gitlab.com: Webhooks; gitlab.com: merge requests 230944 and 231325",
        console=(
            "the project's or group's Settings > Webhooks > Add new webhook; the URL, the triggers, and a "
            "signing token or a secret token"
        ),
    ),
    "gocardless": Facts(
        "GoCardless",
        "the endpoint's secret",
        "Developers > the webhook endpoint",
        "gocardless/gocardless-pro-python; its console: docs.upmind.com",
        console="Developers > Create > Webhook endpoint; the URL; the secret left empty, or yours",
    ),
    "gogs": Facts(
        "Gogs",
        "the webhook's secret",
        "chosen by you, in Settings > Webhooks",
        "gogs.io: Webhooks",
        console=(
            "the repository's Settings > Webhooks > Add a new webhook > Gogs; the payload URL, "
            "application/json and a secret"
        ),
    ),
    "goody": Facts(
        "Goody",
        "the signing secret, `whsec_…`",
        "the webhook's configuration page",
        "developer.ongoody.com: Webhook security",
        console="https://developer.ongoody.com/webhooks/webhook-security",
    ),
    "google-pubsub": Facts(
        "Google Cloud Pub/Sub, push with authentication",
        "the service account's email",
        "the subscription's page; leave its audience empty",
        "docs.cloud.google.com: Authentication for push subscriptions",
        console="the topic's subscription: delivery type Push, the URL, Enable authentication with a service account",
    ),
    "grafana": Facts(
        "Grafana Alerting, without a timestamp header",
        "the contact point's HMAC secret",
        "chosen by you, in the webhook contact point, HMAC signature",
        "grafana/alerting: http/hmac.go",
        console="Alerting > Contact points > Create contact point > Webhook; the URL; HMAC signature: the secret",
    ),
    "greenhouse": Facts(
        "Greenhouse",
        "the webhook's secret key",
        "chosen by you, where the webhook is made",
        "developers.greenhouse.io: Webhooks; support.greenhouse.io: Enable a webhook",
        note="it pings when the webhook is saved and disables it where that gets no 200: fill in the secret first",
        console="Configure > Dev Center > Web Hooks; when, the endpoint URL and a secret key; Create",
    ),
    "growthbook": Facts(
        "GrowthBook",
        "the webhook's signing key",
        "Settings > Webhooks > the webhook; SDK Configuration > SDK webhooks",
        "growthbook/growthbook: back-end",
        console=(
            "Settings > Webhooks; the endpoint and the events. SDK webhooks: SDK Configuration > SDK "
            "Connections > the connection"
        ),
    ),
    "help-scout": Facts(
        "Help Scout",
        "the secret key",
        "chosen by you, in the Webhooks app",
        "helpscout/helpscout-api-php",
        console=(
            "made through the API: POST /v2/webhooks with `url`, `events` and `secret`; or Manage > Apps > Webhooks"
        ),
    ),
    "heroku": Facts(
        "Heroku",
        "the webhook's secret",
        "chosen by you or shown once, at `heroku webhooks:add`",
        "heroku/webhooks-demo; its console: ngrok.com/docs",
        console=(
            "the app's More > View Webhooks > Create Webhook; the payload URL, a secret and the event types; "
            "or `heroku webhooks:add`"
        ),
    ),
    "highlevel": Facts(
        "HighLevel (GoHighLevel)",
        "its public key (Ed25519), PEM",
        "the Webhook Integration Guide shows it",
        "marketplace.gohighlevel.com: Webhook Integration Guide; GoHighLevel/highlevel-api-sdk",
        console="https://marketplace.gohighlevel.com/docs/webhook/WebhookIntegrationGuide",
    ),
    "hmac": Facts("any sender with an HMAC", "the key", "", "RFC 2104"),
    "hubspot": Facts(
        "HubSpot",
        "the app's client secret",
        "Development > the app > Auth",
        "developers.hubspot.com: Validating requests; its console: ngrok.com/docs",
        console=(
            "the app > Webhooks; the target URL and the subscriptions. In a workflow: Send a webhook, POST, "
            "the URL, the app's id"
        ),
    ),
    "incident-io": Facts(
        "incident.io",
        "the endpoint's signing secret, `whsec_…`",
        "Settings > Webhooks > the endpoint",
        "docs.incident.io: Webhooks; docs.svix.com: Verifying webhooks manually",
        console="Settings > Webhooks; the endpoint URL and the events",
    ),
    "instagram": Facts(
        "Instagram",
        'the app secret: `{"secret": …, "verify_token": …}`',
        "App settings > Basic > App secret > Show",
        "developers.facebook.com: Webhooks, getting started; WhatsApp/WhatsApp-Nodejs-SDK; its console: ngrok.com/docs",
        console=(
            "the app's dashboard > Webhooks > Instagram > Subscribe to this object; the callback URL and the "
            "verify token"
        ),
    ),
    "intercom": Facts(
        "Intercom",
        "the app's client secret",
        "Developer Hub > the app > Basic information",
        "developers.intercom.com: Webhooks; Set up webhooks",
        console=(
            "Developer Hub > the app > Configure > Webhooks; the endpoint URL, which is asked with HEAD, and the topics"
        ),
    ),
    "jira": Facts(
        "Jira",
        "the webhook's secret",
        "chosen by you, in System > Webhooks",
        "developer.atlassian.com: Webhooks; its console: ngrok.com/docs",
        note="only webhooks that an administrator makes are signed, not those of apps",
        console="System > WebHooks > Create a WebHook; the URL, the events and a secret",
    ),
    "katana": Facts(
        "Katana",
        "the webhook's token",
        "the answer to its creation",
        "developer.katanamrp.com: Verifying a webhook signature",
        console="https://developer.katanamrp.com/reference/webhooks",
    ),
    "lago": Facts(
        "Lago, with the algorithm HMAC",
        "the organization's HMAC key",
        "Developers > Webhooks: HMAC Signature Token > reveal",
        "getlago/lago-api: models/webhook.rb; docs.getlago.com: Webhooks",
        console="Developers > Webhooks > Add a webhook; the URL and HMAC as its signature",
    ),
    "launchdarkly": Facts(
        "LaunchDarkly",
        "the webhook's secret",
        "Integrations > Webhooks > the webhook",
        "launchdarkly.com/docs: Webhooks API; its console: ngrok.com/docs",
        console="Integrations > Webhooks > Add integration; the URL, Sign this webhook",
    ),
    "leaf": Facts(
        "Leaf",
        "the webhook's secret",
        "chosen by you, where the webhook is made",
        "docs.withleaf.io: Alerts, authentication, Alerts API",
        console=(
            "made through the API: POST /services/alerts/api/alerts/webhooks with the URL, the secret and the events"
        ),
    ),
    "lemon-squeezy": Facts(
        "Lemon Squeezy",
        "the webhook's signing secret",
        "chosen by you, in Settings > Webhooks",
        "lmsqueezy/nextjs-billing",
        console="Settings > Webhooks > +; the callback URL, a signing secret and the events",
    ),
    "line": Facts(
        "LINE",
        "the channel's secret",
        "LINE Developers Console > the channel > Basic settings",
        "line/line-bot-sdk-python",
        console=(
            "LINE Developers Console > the channel > Messaging API > Webhook URL > Edit; the URL; Update; "
            "Use webhook on"
        ),
    ),
    "linear": Facts(
        "Linear",
        "the signing secret",
        "shown where the webhook is made",
        "linear.app/developers: Webhooks; its console: ngrok.com/docs",
        console="Settings > Administration > API > Webhooks > Create webhook; the URL and the events",
    ),
    "lithic": Facts(
        "Lithic",
        "the subscription's secret",
        "GET /v1/event_subscriptions/…/secret",
        "lithic-com/lithic-python",
        console="made through the API: POST /v1/event_subscriptions with `url` and `event_types`",
    ),
    "livekit": Facts(
        "LiveKit",
        "the API secret",
        "the project's Settings > Keys",
        "livekit/python-sdks: livekit-api, webhook.py; docs.livekit.io: Webhooks & events",
        console="the project's Settings > Webhooks; self-hosted: `urls` and `api_key` under `webhook:`",
    ),
    "logto": Facts(
        "Logto",
        "the signing key",
        "Console > Webhooks > the webhook",
        "docs.logto.io: Secure webhooks",
        console="Console > Webhooks > Create Webhook; the events and the endpoint URL",
    ),
    "london-theatre-direct": Facts(
        "London Theatre Direct",
        "the webhook's secret key",
        "given by its staff with the endpoint",
        "developer.londontheatredirect.com: Webhook authentication",
        console="given to its staff, who set the endpoint up",
    ),
    "lusha": Facts(
        "Lusha",
        "the account's webhook secret",
        "the answer to POST /api/account/secret/regenerate, shown once",
        "docs.lusha.com: Webhooks security, Create and manage webhook subscriptions",
        console="made through the API: POST /api/subscriptions with `defaults.url` and the `subscriptions`",
    ),
    "mailgun": Facts(
        "Mailgun", "the webhook signing key", "Settings > Security", "documentation.mailgun.com: Securing webhooks"
    ),
    "make": Facts(
        "Make",
        "the subscription's signing secret, `whsec_…`",
        "the subscription's details",
        "developers.make.com: Verify signatures",
    ),
    "mandrill": Facts(
        "Mailchimp Transactional (Mandrill)",
        "the webhook's key",
        "Settings > Webhooks, column Key; the answer to its creation",
        "mandrill.zendesk.com: How to authenticate webhook requests",
    ),
    "manus": Facts(
        "Manus",
        "its public key (RSA), PEM",
        "GET https://api.manus.ai/v2/webhook.publicKey",
        "open.manus.ai: Webhook security",
    ),
    "mastodon": Facts(
        "Mastodon",
        "the webhook's secret",
        "Administration > Webhooks > the webhook",
        "mastodon/mastodon: webhooks/delivery_worker.rb",
    ),
    "messagebird": Facts(
        "MessageBird (Bird), its older API",
        "the signing key",
        "Dashboard > Developers > API settings",
        "messagebird/python-rest-api: request_validator.py",
    ),
    "messenger": Facts(
        "Messenger",
        'the app secret: `{"secret": …, "verify_token": …}`',
        "App settings > Basic",
        "developers.facebook.com: Webhooks, getting started",
    ),
    "meta": Facts(
        "Meta",
        'the app secret: `{"secret": …, "verify_token": …}`',
        "App settings > Basic",
        "developers.facebook.com: Webhooks, getting started",
    ),
    "mews-pos": Facts(
        "Mews POS", "the secret key", "the webhook's settings", "docs.mews.com: POS API, webhook security"
    ),
    "microsoft-graph": Facts(
        "Microsoft Graph",
        "the clientState",
        "chosen by you, where the subscription is made",
        "learn.microsoft.com: Change notifications",
    ),
    "mobiscroll": Facts(
        "Mobiscroll Connect",
        "a public key, `whpk_…`; a list while they roll",
        "https://connect.mobiscroll.com/.well-known/webhook-keys",
        "mobiscroll-connect-sdk on PyPI",
    ),
    "modern-treasury": Facts(
        "Modern Treasury",
        "the webhook's key",
        "Developers > Webhooks > the endpoint",
        "Modern-Treasury/modern-treasury-python",
    ),
    "mollie": Facts(
        "Mollie, its newer webhooks (the classic ones are unsigned)",
        "the webhook's signing secret",
        "the answer to its creation",
        "mollie/mollie-api-php",
    ),
    "monday": Facts(
        "monday.com, webhooks of boards",
        "the secret that the URL ends with, `?token=…`",
        "chosen by you, where the webhook is made",
        "developer.monday.com: Webhooks",
    ),
    "mux": Facts("Mux", "the webhook's signing secret", "Settings > Webhooks", "muxinc/mux-node-sdk"),
    "netbox": Facts(
        "NetBox",
        "the webhook's secret",
        "chosen by you, in Operations > Webhooks",
        "netbox-community/netbox: docs, Webhook",
    ),
    "netlify": Facts(
        "Netlify",
        "the notification's JWS secret token",
        "chosen by you, in Project configuration > Notifications",
        "docs.netlify.com: Deploy notifications",
    ),
    "nexus": Facts(
        "Sonatype Nexus Repository",
        "the capability's secret key",
        "chosen by you, in System > Capabilities > Webhook",
        "sonatype/nexus-public: WebhookServiceImpl.java",
    ),
    "none": Facts("everybody, by decision", "", "", ""),
    "notion": Facts(
        "Notion",
        "the verification token",
        "sent once, when the subscription is made: `nami secret NAME --received`",
        "developers.notion.com: Webhooks",
    ),
    "nylas": Facts("Nylas", "the webhook's secret", "the answer to its creation", "nylas/nylas-python"),
    "okta": Facts(
        "Okta",
        "the authentication secret",
        "chosen by you, where the event hook is made",
        "developer.okta.com: Event hooks",
    ),
    "onfido": Facts(
        "Onfido (Entrust)", "the webhook's token", "Dashboard > Settings > Webhooks", "onfido/onfido-python"
    ),
    "openai": Facts(
        "OpenAI",
        "the webhook's signing secret, `whsec_…`",
        "Settings > Project > Webhooks, shown once",
        "openai/openai-python",
    ),
    "openmeter": Facts(
        "OpenMeter",
        "the endpoint's signing secret, `whsec_…`",
        "Notifications > Webhooks",
        "openmeter.io/docs: Consuming webhooks",
    ),
    "openproject": Facts(
        "OpenProject",
        "the webhook's signature secret",
        "chosen by you, in Administration > API and webhooks",
        "opf/openproject: represented_webhook_job.rb",
    ),
    "opensms": Facts(
        "OpenSMS",
        "the webhook's secret, `whsec_…`, as it is",
        "the answer to its creation, once",
        "docs.rs/opensms: webhook",
    ),
    "oracle-commerce": Facts(
        "Oracle Commerce",
        "the webhook's secret key",
        "Settings > Web APIs > Webhook",
        "docs.oracle.com: Secure webhooks",
    ),
    "orb": Facts("Orb", "the webhook's signing secret", "Developers > Webhooks > the endpoint", "orbcorp/orb-python"),
    "outline": Facts(
        "Outline",
        "the webhook's signing secret",
        "Settings > Webhooks > the webhook",
        "outline/outline: WebhookSubscription.ts",
    ),
    "paddle": Facts(
        "Paddle",
        "the notification destination's secret key",
        "Developer tools > Notifications",
        "PaddleHQ/paddle-python-sdk",
    ),
    "pagerduty": Facts(
        "PagerDuty",
        "the subscription's secret",
        "the answer to its creation, and once in Integrations > Generic webhooks",
        "PagerDuty/developer-docs",
    ),
    "patreon": Facts(
        "Patreon",
        "the webhook's secret",
        "patreon.com/portal/registration/register-webhooks",
        "Patreon/platform-documentation",
    ),
    "paypal": Facts(
        "PayPal", "the webhook's id", "Apps & Credentials > the app > Webhooks", "developer.paypal.com: Webhooks"
    ),
    "paystack": Facts(
        "Paystack",
        "the API secret key, `sk_…`",
        "Settings > API Keys & Webhooks",
        "PaystackOSS/doc-code-snippets: verifying-transaction",
    ),
    "paysway": Facts(
        "PaySway", "the subscription's secret, base64", "the answer to its creation", "docs.paysway.io: Verify requests"
    ),
    "persona": Facts(
        "Persona", "the webhook's secret", "Webhooks > the webhook", "docs.withpersona.com: Webhooks best practices"
    ),
    "pipedrive": Facts(
        "Pipedrive", "`user:password`", "chosen by you, where the webhook is made", "pipedrive/client-nodejs"
    ),
    "plaid": Facts(
        "Plaid",
        "the API's `client_id:secret`, to ask for the key with",
        "Developers > Keys",
        "plaid.com/docs: Verify webhooks",
    ),
    "plaid-sandbox": Facts(
        "Plaid's sandbox",
        "the sandbox's `client_id:secret`, to ask for the key with",
        "Developers > Keys",
        "plaid.com/docs: Verify webhooks",
    ),
    "plane": Facts(
        "Plane", "the webhook's secret key", "shown once, where the webhook is made", "makeplane/plane: webhook_task.py"
    ),
    "podium": Facts(
        "Podium", "the webhook's secret", "chosen by you, where the webhook is made", "docs.podium.com: Webhooks"
    ),
    "polar": Facts(
        "Polar", "the endpoint's secret, as it is", "Settings > Webhooks > the endpoint", "polarsource/polar: docs"
    ),
    "postmark": Facts(
        "Postmark",
        "`user:password`",
        "chosen by you: the URL begins with `https://user:password@`",
        "postmarkapp.com/developer: Webhooks overview",
    ),
    "pulumi": Facts(
        "Pulumi Cloud",
        "the webhook's shared secret",
        "chosen by you, in Settings > Webhooks",
        "pulumi.com/docs: Webhooks",
    ),
    "pusher": Facts("Pusher Channels", "the app's secret", "App keys", "pusher/pusher-http-python"),
    "quickbooks": Facts(
        "QuickBooks",
        "the verifier token",
        "Developer portal > the app > Webhooks",
        "IntuitDeveloper/SampleApp-Webhooks-nodejs",
    ),
    "razorpay": Facts(
        "Razorpay",
        "the webhook's secret",
        "chosen by you, in Account & Settings > Webhooks",
        "razorpay/razorpay-python",
    ),
    "realtime-register": Facts(
        "Realtime Register", "the account's HMAC key", "Account details", "yoursrs.com: API docs, Webhook"
    ),
    "recall-ai": Facts(
        "Recall.ai",
        "the endpoint's signing secret, `whsec_…`",
        "Dashboard > Webhooks > the endpoint",
        "docs.svix.com: Verifying webhooks manually",
    ),
    "recurly": Facts(
        "Recurly, its JSON webhooks",
        "the endpoint's signing key",
        "Integrations > Webhooks > the endpoint",
        "docs.recurly.com: Signature verification",
    ),
    "render": Facts(
        "Render",
        "the webhook's signing secret, `whsec_…`",
        "Integrations > Webhooks > the webhook",
        "standardwebhooks.com",
    ),
    "replicate": Facts(
        "Replicate",
        "the default signing secret, `whsec_…`",
        "Account > Webhooks; GET /v1/webhooks/default/secret",
        "replicate/replicate-python",
    ),
    "resend": Facts(
        "Resend", "the signing secret, `whsec_…`", "Webhooks > the webhook", "resend.com/docs: Verify webhooks requests"
    ),
    "retell": Facts(
        "Retell AI", "the API key with the webhook badge", "Settings > API keys", "RetellAI/retell-python-sdk"
    ),
    "revenuecat": Facts(
        "RevenueCat",
        "the authorization header's value, as it is",
        "chosen by you, in Integrations > Webhooks",
        "revenuecat.com/docs: Webhooks",
    ),
    "revolut": Facts(
        "Revolut",
        "the webhook's signing secret, `wsk_…`",
        "the answer to its creation",
        "developer.revolut.com: Verify the payload signature",
    ),
    "sanity": Facts("Sanity", "the webhook's secret", "chosen by you, in API > Webhooks", "sanity-io/webhook-toolkit"),
    "savvycal": Facts(
        "SavvyCal", "the webhook's secret", "Settings > Integrations > Webhooks", "developers.savvycal.com: Webhooks"
    ),
    "scalev": Facts(
        "Scalev",
        "the signing secret",
        "Settings > Developers > Webhooks",
        "developers.scalev.id: Verifying a webhook request",
    ),
    "segment": Facts(
        "Segment",
        "the shared secret; its batches must hold one event",
        "chosen by you, in the destination's settings",
        "segmentio/segment-docs: Webhooks",
    ),
    "semaphore": Facts(
        "Semaphore",
        "the key WEBHOOK_SECRET of its secret",
        "the secret that the notification names",
        "semaphoreio/semaphore: webhook/signature.ex",
    ),
    "sendgrid": Facts(
        "SendGrid",
        "the verification key",
        "Settings > Mail settings > Event webhook",
        "docs.sendgrid.com: Event webhook security",
    ),
    "sentry": Facts(
        "Sentry, its integration platform",
        "the integration's client secret",
        "Settings > Developer settings > the integration",
        "getsentry/integration-platform-example",
    ),
    "shopify": Facts(
        "Shopify", "the app's client secret", "Dev Dashboard > the app > Settings", "shopify.dev: Verify deliveries"
    ),
    "shopware": Facts(
        "Shopware", "the shop's secret", "assigned by your app, when the shop registers", "shopware/docs: Webhook"
    ),
    "signable": Facts(
        "Signable", "the webhook's secret", "the answer to its creation", "developers.signable.app: Signed webhooks"
    ),
    "signatureapi": Facts(
        "SignatureAPI",
        "the endpoint's signing secret, `whsec_…`",
        "the endpoint's page",
        "signatureapi.com/docs: Verify webhook signatures",
    ),
    "slack": Facts(
        "Slack",
        "the signing secret",
        "api.slack.com/apps > the app > Basic information",
        "docs.slack.dev: Verifying requests",
    ),
    "smartcar": Facts(
        "Smartcar",
        "the application management token",
        "Dashboard > the application > Credentials",
        "smartcar.com/docs: Callback URI verification",
    ),
    "spacelift": Facts(
        "Spacelift",
        "the webhook's secret",
        "chosen by you, where the webhook is made",
        "spacelift-io/user-documentation: Webhooks",
    ),
    "square": Facts(
        "Square",
        "the subscription's signature key",
        "Developer Console > Webhooks > Subscriptions",
        "developer.squareup.com: Validate notifications",
    ),
    "standard-webhooks": Facts(
        "whoever keeps to Standard Webhooks, and Svix's customers",
        "`whsec_…`",
        "where the sender shows it",
        "standardwebhooks.com",
    ),
    "standard-webhooks-v1a": Facts(
        "whoever signs Standard Webhooks with a private key (`v1a`)",
        "the public key, `whpk_…`",
        "where the sender shows it",
        "standardwebhooks.com",
    ),
    "statsig": Facts(
        "Statsig",
        "the webhook's signing secret",
        "Project settings > Integrations > Generic webhook",
        "statsig-io/docs: Event webhook",
    ),
    "stream": Facts(
        "Stream (GetStream), without compression", "the app's API secret", "Dashboard > the app", "GetStream/stream-py"
    ),
    "strike": Facts(
        "Strike",
        "the subscription's secret",
        "chosen by you, where the subscription is made",
        "docs.strike.me: Webhooks",
    ),
    "stripe": Facts(
        "Stripe",
        "the endpoint's signing secret, `whsec_…`",
        "Workbench > Webhooks > the endpoint",
        "docs.stripe.com: Webhooks",
    ),
    "surveymonkey": Facts(
        "SurveyMonkey",
        "the client id, `&`, the client secret",
        "My apps > the app > Settings",
        "SurveyMonkey/public_api_docs",
    ),
    "svix": Facts(
        "Svix",
        "the endpoint's signing secret, `whsec_…`",
        "the sender's webhook portal",
        "docs.svix.com: Verifying webhooks manually",
    ),
    "taiga": Facts(
        "Taiga",
        "the webhook's secret key",
        "chosen by you, in Settings > Integrations > Webhooks",
        "taigaio/taiga-back: webhooks/tasks.py",
    ),
    "tailscale": Facts(
        "Tailscale",
        "the endpoint's secret",
        "Admin console > Webhooks, shown once",
        "tailscale/tailscale: docs/webhooks/example.go",
    ),
    "taskfast": Facts(
        "TaskFast", "the webhook's secret", "the answer to its configuration", "docs.rs/taskfast-agent: webhooks"
    ),
    "telegram": Facts("Telegram", "the secret_token", "chosen by you, at setWebhook", "core.telegram.org: setWebhook"),
    "telnyx": Facts(
        "Telnyx",
        "the public key, base64",
        "Mission Control Portal > Account settings > Keys & credentials > Public key",
        "team-telnyx/telnyx-python; developers.telnyx.com: Webhooks",
    ),
    "tiktok": Facts(
        "TikTok", "the app's client secret", "Manage apps > the app", "developers.tiktok.com: Webhooks verification"
    ),
    "todoist": Facts(
        "Todoist",
        "the app's client secret",
        "App Management Console > the app",
        "doist.github.io: Todoist SDK, verifyWebhookSignature",
    ),
    "token": Facts("any sender with a fixed token", "the token, in the header `signature_header`", "", ""),
    "tolt": Facts(
        "Tolt",
        "the endpoint's signing secret, `whsec_…`",
        "Settings > Webhooks > the endpoint",
        "docs.tolt.com: Verify",
    ),
    "trello": Facts(
        "Trello",
        "the app's secret",
        "trello.com/power-ups/admin > the app > API key",
        "developer.atlassian.com: Trello, Webhooks",
    ),
    "twilio": Facts("Twilio", "the auth token", "Console > Account info", "twilio.com/docs: Webhooks security"),
    "twitch": Facts(
        "Twitch EventSub",
        "the subscription's secret",
        "chosen by you, where the subscription is made",
        "dev.twitch.tv: Handling webhook events",
    ),
    "typeform": Facts(
        "Typeform",
        "the webhook's secret",
        "chosen by you, in Connect > Webhooks",
        "typeform.com/developers: Secure your webhooks",
    ),
    "uber": Facts(
        "Uber",
        "the app's client secret, or the webhook's signing key",
        "Developer dashboard > the app; of Uber Direct: Developer > Webhooks",
        "developer.uber.com: Webhooks",
    ),
    "unit": Facts(
        "Unit", "the webhook's token", "chosen by you, where the webhook is made", "unit-finance/unit-python-sdk"
    ),
    "vercel": Facts(
        "Vercel",
        "the webhook's secret; of an integration, its client secret",
        "shown once, where the webhook is made in Settings > Webhooks",
        "vercel/example-marketplace-integration: app/webhook",
    ),
    "viber": Facts("Viber", "the bot's token", "the bot's Edit info page", "Viber/viber-bot-python"),
    "vonage": Facts(
        "Vonage, its Messages, Voice and Dispatch APIs",
        "the signature secret",
        "Dashboard > API settings",
        "Vonage/vonage-python-sdk: jwt; developer.vonage.com: Signed webhooks",
    ),
    "webex": Facts(
        "Webex",
        "the webhook's secret",
        "chosen by you, where the webhook is made",
        "WebexCommunity/webex-bot-node-framework",
    ),
    "webflow": Facts(
        "Webflow",
        "the app's client secret, or the webhook's own",
        "Workspace settings > Apps; the answer to its creation",
        "webflow/js-webflow-api",
    ),
    "whatsapp": Facts(
        "WhatsApp",
        'the app secret: `{"secret": …, "verify_token": …}`',
        "App settings > Basic",
        "developers.facebook.com: Webhooks, getting started",
    ),
    "wise": Facts(
        "Wise",
        "its public key (RSA), of live or of the sandbox",
        "docs.wise.com: Event handling shows both",
        "transferwise/digital-signatures-examples; docs.wise.com: Event handling",
    ),
    "wix": Facts(
        "Wix, apps' webhooks",
        "the app's public key (RSA), PEM",
        "the app's home page > More actions > View ID & keys",
        "dev.wix.com: Webhooks; Verify requests received from Wix",
    ),
    "woocommerce": Facts(
        "WooCommerce",
        "the webhook's secret",
        "chosen by you, in Settings > Advanced > Webhooks",
        "woocommerce/woocommerce-rest-api-docs",
    ),
    "workos": Facts("WorkOS", "the endpoint's signing secret", "Webhooks > the endpoint", "workos/workos-python"),
    "x": Facts(
        "X (Twitter)",
        "the API key's secret",
        "Developer Portal > the app > Keys and tokens",
        "developer.x.com: Securing webhooks",
    ),
    "xero": Facts(
        "Xero",
        "the webhooks key",
        "Developer portal > the app > Webhooks",
        "developer.xero.com: Configuring your server",
    ),
    "xobni": Facts(
        "Xobni", "the webhook's signing secret", "the answer to its creation", "xobni.ai/docs: Webhooks security"
    ),
    "zendesk": Facts(
        "Zendesk",
        "the signing secret",
        "Admin Center > Apps and integrations > Webhooks > the webhook",
        "developer.zendesk.com: Verifying webhooks",
    ),
    "zitadel": Facts(
        "ZITADEL, its actions",
        "the target's signing key",
        "the answer to its creation",
        "zitadel/zitadel: pkg/actions/signing.go",
    ),
    "zoho-payments": Facts(
        "Zoho Payments",
        "the webhook's signing key",
        "shown where the webhook is made",
        "zoho.com: Payments, Verifying webhooks",
    ),
    "zoom": Facts("Zoom", "the secret token", "App Marketplace > the app > Feature", "developers.zoom.us: Webhooks"),
}

# When the document or library named above was last read for its entry; of the others only what was collected from it.
READ = dict.fromkeys(
    [
        "ably",
        "anthropic",
        "appwrite",
        "attio",
        "bigcommerce",
        "blockfrost",
        "boldsign",
        "box",
        "btcpay",
        "buildkite",
        "cashfree",
        "checkr",
        "circleci",
        "clickup",
        "cloudflare-stream",
        "coinbase-commerce",
        "cronofy",
        "datasaur",
        "discord",
        "documenso",
        "dodo-payments",
        "dub",
        "dwolla",
        "dynamic",
        "easypost",
        "elevenlabs",
        "finch",
        "fintoc",
        "fizzy",
        "flagsmith",
        "flux",
        "formbricks",
        "gitea",
        "github",
        "gocardless",
        "gogs",
        "grafana",
        "greenhouse",
        "growthbook",
        "help-scout",
        "heroku",
        "hubspot",
        "lago",
        "launchdarkly",
        "leaf",
        "lemon-squeezy",
        "line",
        "linear",
        "lithic",
        "logto",
        "lusha",
        "mandrill",
        "mastodon",
        "modern-treasury",
        "mollie",
        "mux",
        "netbox",
        "nexus",
        "onfido",
        "openai",
        "openproject",
        "orb",
        "outline",
        "paddle",
        "pagerduty",
        "patreon",
        "paystack",
        "plane",
        "podium",
        "polar",
        "pulumi",
        "pusher",
        "razorpay",
        "realtime-register",
        "replicate",
        "resend",
        "retell",
        "revolut",
        "sanity",
        "segment",
        "semaphore",
        "sentry",
        "shopify",
        "shopware",
        "slack",
        "spacelift",
        "square",
        "standard-webhooks",
        "statsig",
        "stream",
        "strike",
        "stripe",
        "surveymonkey",
        "svix",
        "taiga",
        "tailscale",
        "trello",
        "twilio",
        "unit",
        "viber",
        "webflow",
        "woocommerce",
        "workos",
        "x",
        "zitadel",
        "zoho-payments",
        "zoom",
    ],
    "2026-11-27",
) | dict.fromkeys(
    [
        "adyen",
        "adyen-platforms",
        "aftership",
        "airtable",
        "airwallex",
        "alchemy",
        "asana",
        "ashby",
        "aws-sns",
        "billit",
        "bitbucket-server",
        "boldsign",
        "braintree",
        "cal-com",
        "calendly",
        "chargebee",
        "clerk",
        "close",
        "cloudevents",
        "codoseo",
        "coinify",
        "discourse",
        "docusign",
        "dropbox",
        "emailit",
        "event-grid",
        "expo",
        "facebook",
        "fastpix",
        "fastspring",
        "figma",
        "flexprice",
        "fourthwall",
        "front-rules",
        "fusionauth",
        "ghost",
        "gitlab",
        "goody",
        "google-pubsub",
        "highlevel",
        "incident-io",
        "instagram",
        "intercom",
        "livekit",
        "london-theatre-direct",
        "postmark",
        "revenuecat",
        "uber",
        "vercel",
    ],
    "2026-11-28",
)


# What is asked before the first webhook, and how it is answered.
HANDSHAKES = {
    "head": "asks with HEAD whether anybody is there; gets 200",
    "woocommerce": "sends an unsigned ping when a webhook is made; gets 200",
    "aws-sns": "signed SubscriptionConfirmation of a topic that the secret names: GET of its SubscribeURL",
    "braintree": "GET with bt_challenge: the public key, and its HMAC",
    "asana": "POST with X-Hook-Secret: the same header; `nami secret NAME --received` shows it",
    "bitbucket-server": "sends an unsigned ping when a webhook is tested; gets 200",
    "boldsign": "sends an unsigned event `Verification` when the URL is verified; gets 200",
    "challenge": "POST of a challenge: it, as JSON",
    "discord": "POST of type 0: 204",
    "dropbox": "GET with a challenge: the challenge",
    "event-grid": "POST with a validationCode: it; CloudEvents' OPTIONS with WebHook-Request-Origin: its answer",
    "meta": "GET with hub.verify_token: hub.challenge",
    "microsoft-graph": "POST with validationToken: the token",
    "notion": "POST with a verification_token: 200, and `nami secret NAME --received` shows the token",
    "okta": "GET with X-Okta-Verification-Challenge: it, as JSON",
    "slack": "signed POST url_verification: the challenge",
    "smartcar": "signed POST of VERIFY: the challenge's HMAC",
    "twitch": "signed POST of webhook_callback_verification: the challenge, as text",
    "x": "GET with crc_token: its HMAC",
    "xero": "signed POST without events: 200, wrongly signed 401, both without a body",
    "zoom": "signed POST endpoint.url_validation: plainToken and its HMAC",
}
