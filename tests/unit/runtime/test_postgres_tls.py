"""PostgreSQL over TLS, as RDS, Aurora and Neon are reached: a real server, and before it one that speaks TLS for it."""

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg.conninfo import conninfo_to_dict

from tests.unit.runtime.conftest import POSTGRES_SECRET, FakeAws, Postgres, sqs_event
from tests.unit.runtime.test_postgres import Function, fresh, post_queue, said, stored

__all__ = ["post_queue"]  # a fixture

HOST = "db.example.com"
SECONDS = 4.0  # of the function; it asks a database that is away until it must end
AWAY = {"reason": "PostgreSQL away: OperationalError", "webhooks": 1}
# https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SSLREQUEST
_SSL_REQUEST = 80877103


def _made(folder: Path) -> Path:
    """Key and certificate of HOST, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(key.private_bytes(*form) + signed.public_bytes(serialization.Encoding.PEM))
    return file


class Front(threading.Thread):
    """Listens on 127.0.0.1, and hands on to a server's socket what comes; without a certificate it has no TLS.

    Attributes:
        handed_on: bytes of clients that were content with the certificate.
    """

    def __init__(self, behind: Path, certificate: Path | None) -> None:
        super().__init__(daemon=True)
        self._behind, self._context = behind, None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self.port = self.handed_on = 0
        self.start()
        assert self._listening.wait(10)

    def run(self) -> None:
        self._loop.run_until_complete(self._listen())
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._listening.set()

    async def _end(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for each in left:
            each.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.join(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            while int.from_bytes((await reader.readexactly(8))[4:]) != _SSL_REQUEST:
                writer.write(b"N")
            writer.write(b"S" if self._context else b"N")
            if self._context:
                await writer.start_tls(self._context)
            answers, behind = await asyncio.open_unix_connection(self._behind)
            answering = asyncio.create_task(self._answer(answers, writer))
            while part := await reader.read(65_536):
                self.handed_on += len(part)
                behind.write(part)
            behind.close()
            await answering
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(65_536):
            writer.write(part)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return _made(tmp_path)


@pytest.fixture
def front(postgres: Postgres, certificate: Path, request: pytest.FixtureRequest) -> Iterator[Front]:
    behind = Path(str(conninfo_to_dict(postgres.uri)["host"])) / ".s.PGSQL.5432"
    found = Front(behind, None if getattr(request, "param", "") == "without TLS" else certificate)
    yield found
    found.stop()


def _secret(front: Front, authorities: Path, host: str = HOST) -> str:
    where = f"hostaddr=127.0.0.1&sslrootcert={authorities}"
    return json.dumps({"uri": f"postgresql://postgres@{host}:{front.port}/postgres?{where}"})


def test_server_that_the_authorities_know_gets_the_webhook(
    postgres: Postgres, front: Front, certificate: Path, cloud: FakeAws, post_queue: Function
) -> None:
    cloud.secrets[POSTGRES_SECRET] = _secret(front, certificate)
    assert post_queue(sqs_event(fresh()))["batchItemFailures"] == []
    assert stored(postgres) == {"evt_1": {}}
    assert front.handed_on > 0


def test_server_of_another_name_gets_nothing(
    front: Front, certificate: Path, cloud: FakeAws, post_queue: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.secrets[POSTGRES_SECRET] = _secret(front, certificate, "other.example.com")
    post_queue(sqs_event(fresh()), SECONDS)
    assert (said(capsys)["away"], front.handed_on) == (AWAY, 0)


def test_server_that_no_authority_knows_gets_nothing(
    front: Front, tmp_path: Path, cloud: FakeAws, post_queue: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other").mkdir()
    cloud.secrets[POSTGRES_SECRET] = _secret(front, _made(tmp_path / "other"))
    post_queue(sqs_event(fresh()), SECONDS)
    assert (said(capsys)["away"], front.handed_on) == (AWAY, 0)


@pytest.mark.parametrize("front", ["without TLS"], indirect=True)
def test_server_without_tls_gets_nothing(
    front: Front, certificate: Path, cloud: FakeAws, post_queue: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.secrets[POSTGRES_SECRET] = _secret(front, certificate)
    post_queue(sqs_event(fresh()), SECONDS)
    assert (said(capsys)["away"], front.handed_on) == (AWAY, 0)
