"""Every example and every setting, synthesised once, with cdk-nag looking on."""

import contextlib
import json
import runpy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from nami_stack.assets import APP, CDK_JSON

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
DOCUMENTDB = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:documentdb-AbCdEf"
CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
WEB_ACL = "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/nami/0123"
NETWORK = {"vpc_id": "vpc-0123456789abcdef0", "function_subnet_id": "subnet-0123456789abcdef1"}

# What app.py is given beside a name; together every setting, which a test sees to.
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "handed-over": {"signature": "notion"},
    "tuned": {
        "signature": "hubspot",
        "signature_tolerance": 60,
        "public_url": "https://hooks.example.com/nami/shopify",
        "methods": "POST,PUT",
        "success_status": 202,
        "filter": '{"headers":{"x-topic":[{"prefix":"orders/"}]}}',
        "success_body": "ok",
        "unauthorized_status": 404,
        "unavailable_status": 500,
        "pre_queue_memory": 512,
        "pre_queue_timeout": 10,
        "post_queue_memory": 512,
        "post_queue_timeout": 60,
        "maximum_concurrency": 10,
        "reserved_concurrency": 0,
        "batch_size": 50,
        "batch_window": 2,
        "max_receives": 3,
        "queue_retention_days": 7,
        "dead_letter_retention_days": 13,
        "log_retention_days": 90,
        "instance_type": "t4g.small",
        "volume_size": 50,
        "host_days": 14,
    },
    "any-hmac": {
        "signature": "hmac",
        "signature_header": "x-signature",
        "signature_prefix": "sha512=",
        "signature_digest": "sha512",
        "signature_encoding": "base64",
        "signature_key": "hex",
        "signature_signed": "{timestamp}.{body}",
        "signature_timestamp": "x-timestamp",
        "signature_id": "x-id",
    },
    "private-key": {"signature": "discord"},
    "rest": {
        "gateway": "rest",
        "signature": "github",
        "allowed_sources": "198.51.100.0/24,2001:db8::/32",
        "throttle_rate": 500,
        "throttle_burst": 1000,
        "web_acl_arn": WEB_ACL,
        "domain_name": "hooks.example.com",
        "certificate_arn": CERTIFICATE,
        "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
    },
    "http-domain": {
        "signature": "shopify",
        "throttle_rate": 500,
        "throttle_burst": 1000,
        "domain_name": "hooks.example.com",
        "certificate_arn": CERTIFICATE,
        "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
    },
    "joined-domain": {"signature": "shopify", "domain_name": "hooks.example.com"},
    "direct": {
        "gateway": "rest",
        "ingest": "direct",
        "signature": "sendgrid",
        "direct_content_types": "application/x-ndjson",
    },
    "ordered-to-all": {
        "signature": "token",
        "signature_header": "x-token",
        "order_by": "$.order.id",
        "deduplicate_by": "body:order.id,body:status",
        "egress": "nat",
        "availability_zone": "eu-west-1a",
        "destination": "mongo-host,dynamodb,http",
        "keep_days": 90,
        "backend_url": "https://shop.example.com/webhooks",
        "backend_connect_timeout": 2,
        "backend_read_timeout": 5,
        "backend_concurrency": 10,
    },
    "adopted-host": {
        **NETWORK,
        "signature": "basic",
        "host_subnet_id": "subnet-0123456789abcdef0",
        "availability_zone": "eu-west-1a",
        "data_volume_id": "vol-0123456789abcdef0",
        "database_secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:Mongo-AbCdEf",
    },
    "adopted-table": {"signature": "none", "destination": "dynamodb", "table_name": "webhooks"},
    "in-your-network": {
        **NETWORK,
        "signature": "jira",
        "destination": "mongo-database,http",
        "database_secret_arn": DOCUMENTDB,
        "database_name": "shop",
        "backend_url": "http://10.0.0.7/webhooks",
        "backend_allow_private": True,
        "backend_method": "PUT",
        "backend_headers_secret_arn": DOCUMENTDB,
        "backend_rate": 10,
        "backend_signature": "none",
    },
    "watched": {
        "signature": "shopify",
        "alarm_email": "on-call@example.com",
        "alarm_silence": 3600,
        "alarm_unauthorized": 50,
        "backup_days": 7,
        "tracing": True,
        "sentry_dsn": "https://0123456789abcdef0123456789abcdef@o1.ingest.sentry.io/2",
        "egress": "nat",
    },
    "watched-by-datadog": {
        "signature": "shopify",
        "destination": "dynamodb",
        "tracing": True,
        "datadog_site": "datadoghq.eu",
        "datadog_api_key_secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:datadog-AbCdEf",
    },
    "unwatched": {"signature": "shopify", "alarms": False, "dashboard": False, "access_logs": False},
    "unwatched-rest": {"signature": "shopify", "gateway": "rest", "access_logs": False},
    "shared": {"name": "shared", "backup_days": 7},
    "shared-over-ipv6": {"name": "shared", "egress": "ipv6"},
    "over-ipv6": {"signature": "shopify", "egress": "ipv6"},
    "with-a-key": {
        "signature": "shopify",
        "backup_days": 7,
        "volume_key_arn": "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555",
    },
    "shared-behind-nat": {"name": "shared", "egress": "nat", "domain_name": "hooks.example.com"},
    "sharing": {"gateway": "shared", "destination": "shared-mongo", "signature": "shopify"},
    "production": {
        "signature": "shopify",
        "env": "production",
        "environments": {"production": {"account": "123456789012", "region": "eu-west-1"}},
    },
    "on-a-bus": {"signature": "shopify", "destination": "eventbridge", "event_bus": "orders", "transform": "body"},
    "archive": {"signature": "shopify", "destination": "s3", "keep_days": 90},
    "for-several-consumers": {"signature": "shopify", "destination": "sns", "order_by": "x-order-id"},
    "for-your-consumer": {"signature": "shopify", "destination": "queue"},
    "sql-in-your-network": {
        **NETWORK,
        "signature": "shopify",
        "destination": "postgres",
        "postgres_secret_arn": DOCUMENTDB,
    },
    "by-names": {
        "signature": "shopify",
        "destinations": {
            "orders": {
                "kind": "http",
                "url": "https://shop.example.com/orders",
                "filter": {"headers": {"x-shopify-topic": [{"prefix": "orders/"}]}},
                "maximum_concurrency": 20,
            },
            "refunds": {"kind": "http", "url": "https://shop.example.com/refunds", **NETWORK},
            "lake": {"kind": "eventbridge", "bus": "lake"},
        },
    },
    "anywhere": {"signature": "jira", "destination": "mongo-database", "database_secret_arn": DOCUMENTDB},
}


LOOKED_AT: set[str] = set()


@dataclass
class Assembly:
    """What one synthesis made."""

    name: str
    context: dict[str, Any]
    folder: Path

    @property
    def templates(self) -> list[Path]:
        return sorted(self.folder.glob("*.template.json"))

    @cached_property
    def resources(self) -> dict[str, dict[str, Any]]:
        """Every resource of every stack, by its logical id."""
        return {
            key: resource
            for path in self.templates
            for key, resource in json.loads(path.read_text())["Resources"].items()
        }

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        LOOKED_AT.add(kind)
        return {
            key: resource.get("Properties", {}) for key, resource in self.resources.items() if resource["Type"] == kind
        }

    @property
    def report(self) -> dict[str, dict[str, Any]]:
        """The validation report of the CDK, by plugin."""
        plugins = json.loads((self.folder / "validation-report.json").read_text())["pluginReports"]
        return {plugin["pluginName"]: plugin for plugin in plugins}


def findings(report: dict[str, Any], kind: str = "violations") -> list[tuple[str, str]]:
    """(rule, construct) of each finding."""
    return [
        (violation["ruleName"], construct["constructPath"])
        for violation in report.get(kind, [])
        for construct in violation["violatingConstructs"]
    ]


@contextlib.contextmanager
def apps_in(folder: Path, context: dict[str, Any]) -> Iterator[None]:
    """Whatever app is made, it goes to `folder`, has the context of cdk.json and this one, and is checked."""
    flags = json.loads(CDK_JSON.read_text())["context"]
    real = cdk.App

    def make() -> cdk.App:
        app = real(context={**flags, "aws:cdk:bundling-stacks": [], **context}, outdir=str(folder))
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        return app

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cdk, "App", make)
        patch.chdir(folder)
        yield


def synthesise(folder: Path, script: Path, name: str, context: dict[str, Any]) -> Assembly:
    """Run app.py or an example as the CDK CLI would, in this process: each further one takes a fifth of a second."""
    folder.mkdir(parents=True, exist_ok=True)
    # A finding ends the synthesis with an error, and the report says more.
    with apps_in(folder, context), contextlib.suppress(RuntimeError):
        runpy.run_path(str(script), run_name="__main__")
    return Assembly(name, context, folder)


Synthesise = Callable[..., Assembly]


@pytest.fixture(scope="session")
def assemblies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Assembly]]:
    """All of them, by name; what the tests look at in them must be in one of them, else they could not fail."""
    base = tmp_path_factory.mktemp("assemblies")
    made = {}
    for name, settings in VARIANTS.items():
        made[name] = synthesise(base / name, APP, name, {"name": "shopify", **settings})
    for example in EXAMPLES:
        made[example.stem] = synthesise(base / example.stem, example, example.stem, {})
    yield made
    assert [kind for kind in sorted(LOOKED_AT) if not any(each.of_type(kind) for each in made.values())] == []
