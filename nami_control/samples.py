"""What providers send, in small: an event of each one's own shape, and what it asks before the first.

Written for nami; `ID` and `NUMBER` become new ones in every sample.
"""

import json
import secrets
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

FORM = "application/x-www-form-urlencoded"
ID = "$id"
NUMBER = "$number"

GENERIC: dict[str, Any] = {"event": "order.created", "order": {"id": 1001, "total": "19.90", "currency": "EUR"}}
_META: dict[str, Any] = {"object": "page", "entry": [{"id": "1", "time": 1700000000, "changes": []}]}
_GIT: dict[str, Any] = {"ref": "refs/heads/main", "after": "0" * 40, "repository": {"full_name": "acme/shop"}}
_TYPED: dict[str, Any] = {"type": "order.created", "created_at": "2026-01-01T00:00:00Z", "data": {"id": ID}}
_ORDER: dict[str, Any] = {"id": NUMBER, "status": "processing", "currency": "EUR", "total": "19.90"}

SAMPLES: dict[str, Any] = {
    "ably": {"items": [{"webhookId": "w1", "source": "channel.message", "data": {"channelId": "orders"}}]},
    "adyen": {
        "live": "false",
        "notificationItems": [
            {
                "NotificationRequestItem": {
                    "pspReference": ID,
                    "merchantAccountCode": "AcmeShop",
                    "merchantReference": "1001",
                    "amount": {"value": 1990, "currency": "EUR"},
                    "eventCode": "AUTHORISATION",
                    "success": "true",
                }
            }
        ],
    },
    "adyen-platforms": {"type": "balancePlatform.transfer.created", "environment": "test", "data": {"id": ID}},
    "aftership": {"event": "tracking_update", "event_id": ID, "msg": {"tag": "InTransit"}},
    "airtable": {"base": {"id": "app1"}, "webhook": {"id": "ach1"}, "timestamp": "2026-01-01T00:00:00.000Z"},
    "airwallex": {"id": ID, "name": "payment_intent.succeeded", "data": {"object": {"amount": 19.9}}},
    "alchemy": {
        "webhookId": "wh1",
        "id": ID,
        "type": "ADDRESS_ACTIVITY",
        "event": {"network": "ETH_MAINNET", "activity": []},
    },
    "anthropic": {
        "type": "event",
        "id": ID,
        "created_at": "2026-01-01T00:00:00Z",
        "data": {"type": "session.status_idled", "id": "sesn_1"},
    },
    "appwrite": {"userId": ID, "name": "Ada", "email": "ada@example.com", "status": True},
    "asana": {"events": [{"action": "changed", "resource": {"gid": "1", "resource_type": "task"}}]},
    "ashby": {"action": "applicationSubmit", "data": {"application": {"id": ID}}},
    "attio": {"webhook_id": "w1", "events": [{"event_type": "record.created", "id": {"record_id": ID}}]},
    "bigcommerce": {"scope": "store/order/created", "data": {"type": "order", "id": NUMBER}, "hash": ID},
    "bitbucket": {"push": {"changes": []}, "repository": {"full_name": "acme/shop"}},
    "bitbucket-server": {"eventKey": "repo:refs_changed", "repository": {"slug": "shop"}, "changes": []},
    "blockfrost": {"id": ID, "webhook_id": "w1", "type": "block", "payload": {"height": 7126256, "tx_count": 13}},
    "boldsign": {"event": {"id": ID, "eventType": "Completed"}, "data": {"documentId": ID}},
    "box": {
        "type": "webhook_event",
        "id": ID,
        "trigger": "FILE.UPLOADED",
        "source": {"id": "1", "type": "file", "name": "a.pdf"},
    },
    "braintree": {"notification": {"kind": "subscription_charged_successfully", "subject": {"id": ID}}},
    "brex": {"event_type": "TRANSFER_PROCESSED", "transfer_id": ID, "company_id": "c1"},
    "btcpay": {"deliveryId": ID, "type": "InvoiceSettled", "invoiceId": "i1", "storeId": "s1"},
    "buildkite": {"event": "build.finished", "build": {"id": ID, "state": "passed"}},
    "cal-com": {"triggerEvent": "BOOKING_CREATED", "payload": {"title": "A call", "bookingId": NUMBER}},
    "calendly": {"event": "invitee.created", "payload": {"uri": "https://api.calendly.com/invitees/1"}},
    "cashfree": {"type": "PAYMENT_SUCCESS_WEBHOOK", "data": {"order": {"order_id": ID, "order_amount": 19.9}}},
    "chargebee": {"id": ID, "event_type": "subscription_created", "content": {"subscription": {"id": "sub1"}}},
    "checkr": {"id": ID, "object": "event", "type": "report.completed", "data": {"object": {"id": "r1"}}},
    "circleci": {"id": ID, "type": "workflow-completed", "workflow": {"name": "build", "status": "success"}},
    "clerk": {"type": "user.created", "object": "event", "data": {"id": ID, "first_name": "Ada"}},
    "clickup": {"event": "taskCreated", "task_id": ID, "webhook_id": "w1"},
    "close": {
        "subscription_id": "whsub_1",
        "event": {"id": ID, "object_type": "lead", "action": "created", "data": {}},
    },
    "cloudevents": {"specversion": "1.0", "id": ID, "type": "order.created", "source": "/shop", "data": {}},
    "cloudflare-stream": {"uid": ID, "readyToStream": True, "status": {"state": "ready"}},
    "coinbase-commerce": {"id": NUMBER, "event": {"id": ID, "type": "charge:confirmed", "data": {"code": "A1"}}},
    "coinify": {"id": ID, "event": "payment-intent.completed", "context": {"amount": "19.90"}},
    "contentful": {"sys": {"id": ID, "type": "Entry", "revision": 1}, "fields": {"title": {"en-US": "Hello"}}},
    "cronofy": {"notification": {"type": "change"}, "channel": {"channel_id": "chn_1"}},
    "customer-io": {"event_id": ID, "object_type": "email", "metric": "delivered", "data": {"delivery_id": "d1"}},
    "datasaur": {
        "eventType": "PROJECT_CREATED",
        "data": {"timestamp": "2026-01-01T00:00:00.000Z", "project": {"id": ID, "name": "Hello"}, "team": {"id": "1"}},
    },
    "discourse": {"post": {"id": NUMBER, "username": "ada", "raw": "Hello"}},
    "documenso": {"event": "DOCUMENT_COMPLETED", "payload": {"id": NUMBER, "status": "COMPLETED"}},
    "docusign": {
        "event": "envelope-completed",
        "apiVersion": "v2.1",
        "retryCount": 0,
        "data": {"accountId": "a1", "envelopeId": ID},
    },
    "dodo-payments": {
        "business_id": "bus_1",
        "type": "payment.succeeded",
        "data": {"payload_type": "Payment", "payment_id": ID},
    },
    "dropbox": {"list_folder": {"accounts": ["dbid:1"]}},
    "dub": {"id": ID, "event": "link.clicked", "createdAt": "2026-01-01T00:00:00Z", "data": {"link": {"key": "hello"}}},
    "dwolla": {"id": ID, "resourceId": "r1", "topic": "customer_transfer_completed", "_links": {}},
    "dynamic": {
        "messageId": ID,
        "eventId": "e1",
        "eventName": "user.created",
        "environmentId": "e1",
        "data": {"email": "ada@example.com"},
    },
    "easypost": {"id": ID, "object": "Event", "description": "tracker.updated", "result": {"status": "delivered"}},
    "elevenlabs": {"type": "post_call_transcription", "data": {"conversation_id": ID}},
    "emailit": {"event_id": ID, "type": "email.delivered", "data": {"object": {"id": ID}}},
    "event-grid": [{"id": ID, "eventType": "Microsoft.Storage.BlobCreated", "subject": "/orders/1", "data": {}}],
    "expo": {"id": ID, "platform": "ios", "status": "finished", "accountName": "acme", "projectName": "shop"},
    "facebook": _META,
    "fastpix": {
        "type": "video.media.ready",
        "object": {"type": "media", "id": ID},
        "id": ID,
        "workspace": {"name": "Development", "id": "w1"},
        "status": "Ready",
    },
    "fastspring": {"events": [{"id": ID, "type": "order.completed", "live": False, "data": {"total": 19.9}}]},
    "figma": {"event_type": "FILE_UPDATE", "file_key": ID, "file_name": "Shop", "timestamp": "2026-01-01T00:00:00Z"},
    "finch": {"company_id": ID, "event_type": "company.updated", "data": {}},
    "fintoc": {"id": ID, "object": "event", "type": "payment_intent.succeeded", "data": {"id": "pi_1", "amount": 1990}},
    "fizzy": {"id": ID, "action": "card_closed", "eventable": {"id": "c1", "title": "Hello"}},
    "flagsmith": {
        "event_type": "FLAG_UPDATED",
        "data": {"changed_by": "ada@example.com", "new_state": {"enabled": True}},
    },
    "flexprice": {"event_type": "invoice.update.finalized", "invoice": {"id": ID, "invoice_status": "FINALIZED"}},
    "flux": {"involvedObject": {"kind": "GitRepository", "name": "shop"}, "severity": "info", "reason": "info"},
    "formbricks": {"webhookId": "w1", "event": "responseFinished", "data": {"id": ID, "finished": True}},
    "fourthwall": {"id": ID, "type": "ORDER_PLACED", "data": {"id": ID}},
    "front-rules": {"id": ID, "type": "inbound", "conversation": {"id": "cnv_1", "subject": "Hello"}},
    "fusionauth": {"event": {"id": ID, "type": "user.create", "createInstant": 1700000000000, "user": {"id": "u1"}}},
    "ghost": {"post": {"current": {"id": ID, "title": "Hello", "status": "published"}, "previous": {}}},
    "gitea": _GIT,
    "github": _GIT,
    "gitlab": {"object_kind": "push", **_GIT},
    "gocardless": {"events": [{"id": ID, "resource_type": "payments", "action": "confirmed"}], "meta": {}},
    "gogs": _GIT,
    "goody": {"id": ID, "type": "order.created", "data": {"id": ID}},
    "grafana": {"receiver": "shop", "status": "firing", "alerts": [{"status": "firing", "fingerprint": ID}]},
    "greenhouse": {"action": "application_updated", "payload": {"application": {"id": NUMBER, "status": "active"}}},
    "growthbook": {"event": "feature.updated", "object": "feature", "data": {"object": {"id": ID}}},
    "help-scout": {"id": NUMBER, "subject": "Hello", "status": "active"},
    "heroku": {"action": "update", "resource": "release", "webhook_metadata": {"delivery": {"id": ID}}},
    "hubspot": [{"eventId": NUMBER, "subscriptionType": "contact.creation", "portalId": 1, "attemptNumber": 0}],
    "incident-io": {"event_type": "public_incident.incident_created_v2", "incident": {"id": ID}},
    "instagram": {**_META, "object": "instagram"},
    "intercom": {"type": "notification_event", "id": ID, "topic": "conversation.user.created", "data": {}},
    "jira": {"webhookEvent": "jira:issue_created", "timestamp": 1700000000000, "issue": {"key": "SHOP-1"}},
    "katana": {"resource_type": "sales_order", "action": "sales_order.created", "object": {"id": NUMBER}},
    "lago": {"webhook_type": "invoice.created", "object_type": "invoice", "invoice": {"lago_id": ID}},
    "launchdarkly": {
        "_id": ID,
        "date": 1700000000000,
        "kind": "flag",
        "name": "checkout",
        "titleVerb": "turned on the flag",
    },
    "leaf": {"source": "REST", "type": "fieldCreated", "leafUserId": "u1", "fieldId": ID},
    "lemon-squeezy": {"meta": {"event_name": "order_created"}, "data": {"type": "orders", "id": ID}},
    "line": {"destination": "U1", "events": [{"type": "message", "webhookEventId": ID, "mode": "active"}]},
    "linear": {"action": "create", "type": "Issue", "data": {"id": ID, "title": "Hello"}},
    "lithic": {"event_type": "card_transaction.updated", "token": ID, "status": "PENDING", "amount": 1990},
    "livekit": {
        "event": "room_started",
        "id": ID,
        "createdAt": "1700000000",
        "room": {"sid": "RM_1", "name": "orders"},
    },
    "logto": {"hookId": "h1", "event": "User.Created", "data": {"id": ID}},
    "london-theatre-direct": {
        "MessageType": "ScheduledEticketDelivery",
        "Payload": {"AffiliateId": "a1", "BookingReference": ID, "CustomerEmail": "ada@example.com", "Tickets": []},
        "Timestamp": "2026-01-01T00:00:00Z",
    },
    "lusha": {
        "id": ID,
        "type": "promotion",
        "entityType": "contact",
        "entityId": "4158887495",
        "subscriptionId": "s1",
        "data": {"currentTitle": "Director"},
        "timestamp": "2026-01-01T00:00:00.000Z",
    },
    "mailgun": {"event-data": {"event": "delivered", "id": ID, "recipient": "ada@example.com"}},
    "mastodon": {
        "event": "account.created",
        "created_at": "2026-01-01T00:00:00Z",
        "object": {"id": ID, "username": "ada"},
    },
    "messagebird": {
        "type": "message.created",
        "message": {"id": ID, "status": "received", "content": {"text": "Hello"}},
    },
    "messenger": {**_META, "entry": [{"id": "1", "time": 1700000000, "messaging": [{"message": {"mid": ID}}]}]},
    "meta": _META,
    "microsoft-graph": {"value": [{"subscriptionId": ID, "changeType": "created", "resource": "me/messages/1"}]},
    "modern-treasury": {"event": "completed", "data": {"id": ID, "object": "payment_order", "amount": 1990}},
    "mollie": {"resource": "event", "id": ID, "type": "payment-link.paid", "entityId": "pl_1"},
    "monday": {"event": {"type": "create_pulse", "triggerUuid": ID, "boardId": 1, "pulseName": "Hello"}},
    "mux": {"id": ID, "type": "video.asset.ready", "data": {"id": "a1", "status": "ready"}},
    "notion": {"id": ID, "type": "page.created", "entity": {"id": "p1", "type": "page"}, "attempt_number": 1},
    "netbox": {"event": "created", "model": "site", "request_id": ID, "data": {"id": NUMBER, "name": "Site 1"}},
    "netlify": {"id": ID, "site_id": "s1", "name": "shop", "state": "ready", "branch": "main"},
    "nexus": {"action": "CREATED", "repositoryName": "maven-releases", "component": {"id": ID, "name": "shop"}},
    "nylas": {"specversion": "1.0", "id": ID, "type": "message.created", "data": {"object": {"id": "m1"}}},
    "okta": {"eventType": "com.okta.event_hook", "eventId": ID, "data": {"events": []}},
    "onfido": {"payload": {"resource_type": "workflow_run", "action": "workflow_run.completed", "object": {"id": ID}}},
    "openai": {"id": ID, "object": "event", "type": "response.completed", "data": {"id": "resp_1"}},
    "openmeter": {
        "id": ID,
        "type": "entitlements.balance.threshold",
        "timestamp": "2026-01-01T00:00:00Z",
        "data": {"feature": {"key": "llm_tokens"}, "threshold": {"type": "NUMBER", "value": 2000}},
    },
    "openproject": {"action": "work_package:created", "work_package": {"id": NUMBER, "subject": "Hello"}},
    "oracle-commerce": {
        "site": {"siteName": "Acme", "siteURL": "https://shop.example.com"},
        "order": {"id": ID, "siteId": "siteUS", "priceInfo": {"total": 19.9, "currencyCode": "USD"}},
    },
    "orb": {"id": ID, "created_at": "2026-01-01T00:00:00Z", "type": "customer.created", "customer": {"id": "c1"}},
    "outline": {"id": ID, "event": "documents.publish", "payload": {"id": "d1", "model": {"title": "Hello"}}},
    "paddle": {"event_id": ID, "event_type": "transaction.completed", "data": {"id": "txn_1"}},
    "pagerduty": {"event": {"id": ID, "event_type": "incident.triggered", "data": {"type": "incident"}}},
    "patreon": {"data": {"type": "member", "id": ID, "attributes": {"patron_status": "active_patron"}}},
    "paystack": {"event": "charge.success", "data": {"id": NUMBER, "reference": ID, "amount": 1990, "currency": "NGN"}},
    "paysway": {
        "id": ID,
        "createdAt": "2026-01-01T00:00:00Z",
        "eventType": "RECIPIENT_CREATED",
        "object": {"id": "r1", "externalUserId": "u1"},
    },
    "persona": {"data": {"type": "event", "id": ID, "attributes": {"name": "inquiry.completed"}}},
    "pipedrive": {"meta": {"id": ID, "action": "create", "entity": "deal"}, "data": {"id": NUMBER}},
    "plane": {"event": "issue", "action": "created", "webhook_id": "w1", "data": {"id": ID, "name": "Hello"}},
    "podium": {"data": {"uid": ID}, "metadata": {"eventType": "message.received"}},
    "polar": {"type": "order.created", "timestamp": "2026-01-01T00:00:00Z", "data": {"id": ID}},
    "postmark": {"RecordType": "Delivery", "MessageID": ID, "Recipient": "ada@example.com", "Details": "Accepted"},
    "pulumi": {
        "kind": "stack_update",
        "organization": {"githubLogin": "acme"},
        "stackName": "prod",
        "result": "succeeded",
    },
    "pusher": {"events": [{"name": "channel_occupied", "channel": "orders"}]},
    "quickbooks": {"eventNotifications": [{"realmId": "1", "dataChangeEvent": {"entities": [{"id": ID}]}}]},
    "razorpay": {"entity": "event", "event": "payment.captured", "payload": {"payment": {"entity": {"id": ID}}}},
    "realtime-register": {
        "id": NUMBER,
        "eventType": "DomainRenewed",
        "message": "example.com",
        "fireDate": "2026-01-01T00:00:00Z",
    },
    "recall-ai": {"event": "bot.done", "data": {"bot": {"id": ID}}},
    "recurly": {"id": ID, "object_type": "account", "event_type": "created", "event_time": "2026-01-01T00:00:00Z"},
    "render": {"type": "deploy_ended", "timestamp": "2026-01-01T00:00:00Z", "data": {"id": ID}},
    "replicate": {"id": ID, "status": "succeeded", "output": ["https://example.com/1.png"]},
    "resend": {"type": "email.delivered", "created_at": "2026-01-01T00:00:00Z", "data": {"email_id": ID}},
    "retell": {"event": "call_ended", "call": {"call_id": ID, "call_status": "ended"}},
    "revenuecat": {"api_version": "1.0", "event": {"id": ID, "type": "INITIAL_PURCHASE", "app_user_id": "user1"}},
    "revolut": {"event": "ORDER_COMPLETED", "order_id": ID, "merchant_order_ext_ref": "1001"},
    "ringcentral": {"uuid": ID, "event": "/restapi/v1.0/account/1/extension/2/message-store", "subscriptionId": "s1"},
    "sanity": {"_id": ID, "_type": "post", "_rev": "r1", "title": "Hello"},
    "savvycal": {"id": ID, "type": "event.created", "payload": {"id": "evt_1", "state": "confirmed"}},
    "scalev": {
        "event": "order.created",
        "unique_id": ID,
        "timestamp": "2026-01-01T00:00:00.000000Z",
        "data": {"order_id": "1001", "status": "pending"},
    },
    "segment": {"type": "track", "event": "Order Completed", "messageId": ID, "userId": "1"},
    "semaphore": {"version": "1.0.0", "pipeline": {"id": ID, "state": "done", "result": "passed"}},
    "sentry": {
        "action": "created",
        "data": {"issue": {"id": ID, "title": "ZeroDivisionError"}},
        "actor": {"type": "application"},
    },
    "shopify": {"id": NUMBER, "name": "#1001", "email": "ada@example.com", "total_price": "19.90", "currency": "EUR"},
    "shopware": {
        "data": {"event": "checkout.order.placed", "payload": [{"order": {"id": ID}}]},
        "source": {"shopId": "s1"},
    },
    "signatureapi": {
        "id": ID,
        "type": "envelope.completed",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "data": {"object_id": "e1", "object_type": "envelope", "envelope_id": "e1"},
    },
    "slack": {"type": "event_callback", "event_id": ID, "event": {"type": "app_mention", "text": "Hello"}},
    "smartcar": {"eventId": ID, "eventType": "VEHICLE_STATE", "data": {"signals": []}, "meta": {"version": "4.0"}},
    "spacelift": {
        "account": "acme",
        "state": "FINISHED",
        "stateVersion": 4,
        "run": {"id": ID},
        "stack": {"id": "shop"},
    },
    "square": {"merchant_id": "M1", "type": "payment.created", "event_id": ID, "data": {"type": "payment"}},
    "standard-webhooks": {"type": "order.created", "timestamp": "2026-01-01T00:00:00Z", "data": {"id": ID}},
    "statsig": {
        "data": [{"eventName": "statsig::config_change", "timestamp": 1700000000000, "metadata": {"name": "checkout"}}]
    },
    "stream": {"type": "message.new", "cid": "messaging:1", "message": {"id": ID, "text": "Hello"}},
    "strike": {"id": ID, "eventType": "invoice.updated", "data": {"entityId": "i1", "changes": ["state"]}},
    "stripe": {"id": ID, "object": "event", "type": "checkout.session.completed", "data": {"object": {"id": "cs_1"}}},
    "surveymonkey": {"event_id": ID, "event_type": "response_completed", "object_type": "response"},
    "svix": _TYPED,
    "taiga": {"action": "create", "type": "userstory", "data": {"id": NUMBER, "subject": "Hello"}},
    "tailscale": [{"timestamp": "2026-01-01T00:00:00Z", "version": 1, "type": "nodeCreated", "data": {"nodeID": ID}}],
    "taskfast": {
        "event": "task_assigned",
        "occurred_at": "2026-01-01T00:00:00Z",
        "delivery_attempt": 1,
        "data": {"task_id": ID, "task_title": "Hello", "assigned_agent_id": "a1"},
    },
    "telegram": {"update_id": NUMBER, "message": {"message_id": 1, "chat": {"id": 1, "type": "private"}, "text": "Hi"}},
    "tiktok": {"client_key": "k1", "event": "video.publish.completed", "create_time": 1700000000, "content": "{}"},
    "todoist": {"event_name": "item:added", "user_id": "1", "event_data": {"id": ID, "content": "Hello"}},
    "tolt": {
        "type": "commission.created",
        "data": {"id": ID, "amount": "980", "currency": "usd", "status": "pending", "partner_id": "part_1"},
        "timestamp": "2026-01-01T00:00:00.000Z",
    },
    "trello": {"action": {"id": ID, "type": "createCard", "data": {"card": {"name": "Hello"}}}, "model": {"id": "b1"}},
    "twitch": {"subscription": {"id": "s1", "type": "channel.follow"}, "event": {"user_id": "1"}},
    "typeform": {"event_id": ID, "event_type": "form_response", "form_response": {"form_id": "f1", "answers": []}},
    "uber": {
        "event_id": ID,
        "event_type": "orders.notification",
        "event_time": 1700000000,
        "meta": {"resource_id": "o1"},
    },
    "unit": {"data": [{"id": ID, "type": "customer.created", "attributes": {}}]},
    "vercel": {
        "id": ID,
        "type": "deployment.created",
        "createdAt": 1700000000000,
        "payload": {"deployment": {"id": "d1"}},
    },
    "viber": {"event": "message", "message_token": NUMBER, "message": {"type": "text", "text": "Hello"}},
    "vonage": {"message_uuid": ID, "channel": "sms", "message_type": "text", "from": "447700900001", "text": "Hello"},
    "webex": {"id": "w1", "resource": "messages", "event": "created", "data": {"id": ID, "roomId": "r1"}},
    "webflow": {"triggerType": "form_submission", "payload": {"id": ID, "name": "Contact", "data": {}}},
    "whatsapp": {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": "messages"}]}]},
    "woocommerce": _ORDER,
    "workos": {"id": ID, "event": "user.created", "data": {"id": "user_1"}},
    "x": {"for_user_id": "1", "tweet_create_events": [{"id_str": ID, "text": "Hello"}]},
    "xero": {"events": [{"resourceId": ID, "eventCategory": "INVOICE", "eventType": "CREATE"}], "entropy": ID},
    "xobni": {
        "event": "email.received",
        "timestamp": "2026-01-01T00:00:00Z",
        "webhook_id": "w1",
        "agent_id": "a1",
        "email": {"id": ID, "direction": "inbound", "from_address": "ada@example.com", "subject": "Hello"},
    },
    "zendesk": {"id": ID, "type": "zen:event-type:ticket.created", "detail": {"id": "1"}},
    "zitadel": {"aggregateID": ID, "aggregateType": "user", "event_type": "user.human.added", "event_payload": {}},
    "zoho-payments": {
        "event_id": ID,
        "event_type": "payment.succeeded",
        "event_object": {"payment": {"amount": "19.90"}},
    },
    "zoom": {"event": "meeting.started", "event_ts": 1700000000000, "payload": {"object": {"uuid": ID}}},
}

# Those who send forms, by name.
FORMS: dict[str, dict[str, str]] = {
    "mandrill": {"mandrill_events": '[{"event": "send", "_id": "$id", "msg": {"email": "ada@example.com"}}]'},
    "signable": {"action": "send-envelope", "envelope_fingerprint": ID, "contact_name": "Ada"},
    "twilio": {"MessageSid": ID, "Body": "Hello"},
}


def sample(scheme: str) -> Any:
    """An event of that provider, of a general shape where none is known, under new ids; a form is its fields."""
    text = json.dumps(FORMS.get(scheme) or SAMPLES.get(scheme, GENERIC))
    while f'"{NUMBER}"' in text:
        text = text.replace(f'"{NUMBER}"', str(secrets.randbelow(10**12)), 1)
    while ID in text:
        text = text.replace(ID, f"evt_{uuid4().hex}", 1)
    return json.loads(text)


def written(scheme: str) -> tuple[bytes, str]:
    """(body, content type) of that sample, as the provider writes it."""
    found = sample(scheme)
    return (urlencode(found).encode(), FORM) if scheme in FORMS else (json.dumps(found).encode(), "application/json")


class Question(NamedTuple):
    """What a provider asks before its first webhook; `signed` as its webhooks are."""

    method: str = "POST"
    query: str = ""
    headers: dict[str, str] = {}  # noqa: RUF012 - nobody changes it
    body: bytes = b""
    signed: bool = False


HANDSHAKES = {
    "braintree": Question("GET", "bt_challenge=20f9f8ed05f77439fe955c977e4c8a53"),
    "asana": Question(headers={"x-hook-secret": "a-secret-that-asana-offers"}),
    "bitbucket-server": Question(headers={"x-event-key": "diagnostics:ping"}, body=b'{"test": true}'),
    "boldsign": Question(
        headers={"x-boldsign-event": "Verification"},
        body=b'{"event": {"id": "7c872a5b", "created": 1617180024, "eventType": "Verification"}}',
    ),
    "challenge": Question(body=b'{"challenge": "a-challenge-of-nami"}', signed=True),
    "dropbox": Question("GET", "challenge=a-challenge-of-nami"),
    "event-grid": Question("OPTIONS", headers={"webhook-request-origin": "eventemitter.example.com"}),
    "head": Question("HEAD"),
    "meta": Question("GET", "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="),
    "microsoft-graph": Question(query="validationToken=a-token-of-nami"),
    "notion": Question(body=b'{"verification_token": "a-token-that-notion-hands-over"}'),
    "ringcentral": Question(headers={"validation-token": "a-token-of-nami"}),
    "okta": Question("GET", headers={"x-okta-verification-challenge": "a-challenge-of-nami"}),
    "slack": Question(body=b'{"type": "url_verification", "challenge": "a-challenge-of-nami"}', signed=True),
    "smartcar": Question(body=b'{"eventType": "VERIFY", "data": {"challenge": "a-challenge-of-nami"}}', signed=True),
    "twitch": Question(
        headers={"twitch-eventsub-message-type": "webhook_callback_verification"},
        body=b'{"challenge": "a-challenge-of-nami", "subscription": {"type": "channel.follow"}}',
        signed=True,
    ),
    "woocommerce": Question(headers={"content-type": "application/x-www-form-urlencoded"}, body=b"webhook_id=1"),
    "x": Question("GET", "crc_token=a-token-of-nami"),
    "xero": Question(body=b'{"events": [], "firstEventSequence": 0, "entropy": "S0m3r4Nd0mt3xt"}', signed=True),
    "zoom": Question(
        body=b'{"event": "endpoint.url_validation", "payload": {"plainToken": "a-token-of-nami"}}', signed=True
    ),
}
