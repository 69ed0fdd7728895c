"""Paused and resumed, replayed, listened to: what docs/again.md says, on local AWS."""

import contextlib
import json
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.backend.server import Backend
from tests.local.conftest import QUICK, ROOT, Nami, Pipeline, listening, wait_for

TYPED = [sys.executable, "-m", "nami_cli.main", "--local"]


def test_what_comes_during_a_pause_waits_through_a_deployment_until_it_is_resumed(nami: Nami, jira: Pipeline) -> None:
    paused = nami.typed("--local", "pause", "jira")
    assert paused.returncode == 0, paused.stderr
    assert paused.stdout.startswith("mongo is paused: since ")
    _, delivery_id = jira.post(b'{"during": "a pause"}')
    # Another property of the event source changes, and so CloudFormation updates it.
    deployed = nami("up", "jira", "--detach", *QUICK, "-c", "batch_size=9", "-c", "keep_days=30")
    assert deployed.returncode == 0, deployed.stderr
    time.sleep(1)  # as long as a webhook takes at other times, and longer
    assert jira.documents.find_one({"_id": delivery_id}) is None
    (row,) = [each for each in json.loads(nami.typed("--local", "list", "--json").stdout) if each["name"] == "jira"]
    assert row["paused"] is True
    doctor = nami.typed("--local", "doctor", "jira")
    assert "mongo is paused: since" in doctor.stdout
    assert "no index lets documents of jira expire" in doctor.stdout  # a function of 6 s has no time to make one
    resumed = nami.typed("--local", "resume", "jira")
    assert resumed.returncode == 0, resumed.stderr
    document = jira.document(delivery_id)
    assert document["body"] == {"during": "a pause"}
    assert 29 <= (document["expires_at"] - document["stored_at"]).days <= 30


def test_what_is_not_paused_is_not_resumed(nami: Nami, jira: Pipeline) -> None:
    result = nami.typed("--local", "resume", "jira")
    assert (result.returncode, result.stdout) == (0, "")
    assert "jira is not paused" in result.stderr


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend() as backend:
        yield backend


def sent(jira: Pipeline, label: str, *bodies: bytes, query: str = "") -> list[str]:
    """Webhooks with this label, stored."""
    found = []
    with contextlib.closing(jira.connect()) as connection:
        for body in bodies:
            headers = {"content-type": "application/json", "x-label": label, "x-hub-signature": "sha256=as-it-came"}
            connection.request("POST", f"{urlsplit(jira.endpoint).path}?{query}", body=body, headers=headers)
            response = connection.getresponse()
            response.read()
            assert response.status == 200
            found.append(str(response.headers["nami-delivery-id"]))
    for delivery_id in found:
        jira.document(delivery_id)
    return found


def labelled(label: str) -> list[str]:
    return ["replay", "jira", "--since", "1h", "--filter", json.dumps({"headers": {"x-label": [label]}})]


def test_a_replay_renews_documents_of_any_size_and_keeps_their_first_date(nami: Nami, jira: Pipeline) -> None:
    large = b'{"text": "%s"}' % (b"x" * 5_900_000)
    keys = sent(jira, "renewed", b'{"n": 1}', b'{"n": 2}', large)
    before = {key: jira.document(key)["stored_at"] for key in keys}
    jira.documents.update_one({"_id": keys[0]}, {"$set": {"body": "a mistake", "handled": True}})
    asked = labelled("renewed")
    assert nami.typed("--local", *asked, "--dry-run").stdout == "3\n"
    result = nami.typed("--local", *asked, "--rate", "100")
    assert (result.returncode, result.stdout) == (0, "3\n"), result.stderr
    wait_for(lambda: jira.documents.count_documents({"_id": {"$in": keys}, "replayed_at": {"$exists": True}}) == 3, 20)
    after = {key: jira.document(key) for key in keys}
    assert {key: document["stored_at"] for key, document in after.items()} == before
    assert (after[keys[0]]["body"], after[keys[0]]["handled"]) == ({"n": 1}, True)
    assert bytes(after[keys[2]]["raw"]) == large


def test_a_replay_that_is_killed_goes_on_with_the_same_mark(nami: Nami, jira: Pipeline) -> None:
    keys = sent(jira, "killed", *(b'{"n": %d}' % number for number in range(6)))
    process = subprocess.Popen(
        [*TYPED, *labelled("killed"), "--rate", "2"], cwd=nami.folder, env=nami.environment, stderr=subprocess.DEVNULL
    )
    replayed = {"_id": {"$in": keys}, "replayed_at": {"$exists": True}}
    wait_for(lambda: jira.documents.count_documents(replayed), 20)
    process.kill()
    process.wait()
    assert jira.documents.count_documents(replayed) < 6
    result = nami.typed("--local", "replay", "jira", "--resume")
    assert result.stdout == "6\n", result.stderr
    wait_for(lambda: jira.documents.count_documents(replayed) == 6, 20)
    assert len({jira.document(key)["replayed_at"] for key in keys}) == 1


def test_a_replay_to_a_server_arrives_there_as_it_came_and_tells_what_it_said(
    nami: Nami, jira: Pipeline, backend: Backend
) -> None:
    keys = [
        *sent(jira, "to", b'{"event":  "exact bytes"}'),
        *sent(jira, "to", b"{}", query="backend-status=500"),
        *sent(jira, "to", b"{}", query="backend-delay=0.5"),
    ]
    result = nami.typed("--local", *labelled("to"), "--to", backend.url)
    assert result.returncode == 9
    assert "did not take 1 of 3" in result.stderr
    assert [each.delivery_id for each in backend.received] == keys
    assert backend.received[0].body == b'{"event":  "exact bytes"}'
    assert backend.received[0].headers["x-hub-signature"] == "sha256=as-it-came"
    told = [line.split("  ") for line in result.stdout.splitlines()]
    assert [(line[1], line[2], line[3]) for line in told] == [
        (keys[0], "exact bytes", "200"),
        (keys[1], "-", "500"),
        (keys[2], "-", "200"),
    ]


def test_a_replay_to_a_server_that_is_away_goes_on_when_it_is_there(
    nami: Nami, jira: Pipeline, backend: Backend
) -> None:
    keys = sent(jira, "away", b'{"n": 1}', b'{"n": 2}')
    backend.close()
    result = nami.typed("--local", *labelled("away"), "--to", backend.url)
    assert result.returncode == 9
    assert f"{backend.url}: nothing listens there; nami --local replay jira --resume goes on" in result.stderr
    with Backend(backend.port) as back:
        assert nami.typed("--local", "replay", "jira", "--resume").returncode == 0
        assert [each.delivery_id for each in back.received] == keys


def test_who_listens_gets_each_webhook_as_it_came(nami: Nami, jira: Pipeline, backend: Backend) -> None:
    (before,) = sent(jira, "listened", b'{"n": 0}')
    with listening(nami, "jira", "--to", backend.url, "--last", "1") as printed:
        keys = sent(jira, "listened", b'{"n": 1}', b'{"n":  2}')
        wait_for(lambda: all(backend.of(key) for key in keys), 20)
        (refused,) = sent(jira, "listened", b'{"n": 3}', query="backend-status=500")
        wait_for(lambda: len(printed) == 4, 20)
    assert [each.body for each in backend.received] == [b'{"n": 0}', b'{"n": 1}', b'{"n":  2}', b'{"n": 3}']
    assert backend.received[1].headers["x-hub-signature"] == "sha256=as-it-came"
    told = [line.split("  ")[1::2] for line in printed]
    assert told == [[before, "200"], *([key, "200"] for key in keys), [refused, "500"]]


def test_server_that_is_slow_or_away_gets_what_comes_later(nami: Nami, jira: Pipeline, backend: Backend) -> None:
    wanted = '{"headers": {"x-label": ["slow"]}}'
    with listening(nami, "jira", "--to", backend.url, "--filter", wanted) as printed:
        slow, *_ = sent(jira, "slow", b"{}", query="backend-delay=1")
        sent(jira, "of others", b"{}")
        (after,) = sent(jira, "slow", b"{}")
        wait_for(lambda: backend.of(after), 20)
        backend.close()
        (missed,) = sent(jira, "slow", b"{}")
        wait_for(lambda: len(printed) == 3, 20)
    told = [line.split("  ") for line in printed]
    assert [(line[1], line[3]) for line in told] == [
        (slow, "200"),
        (after, "200"),
        (missed, "- nothing listens there"),
    ]


def test_commands_of_the_page_work_one_after_another(nami: Nami, jira: Pipeline, backend: Backend) -> None:
    jira.documents.delete_many({"query": {"$in": ["backend-status=500", "backend-delay=0.5", "backend-delay=1"]}})
    sent(jira, "page", b"{}")
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / "docs" / "again.md").read_text(), re.DOTALL)
    typed = [line.removeprefix("$ nami ") for block in blocks for line in block.splitlines()]
    for line in typed:
        own = line.replace("shopify ", "jira ").replace("http://localhost:3000/webhooks", backend.url)
        words = shlex.split(own if own.endswith("jira") else re.sub(r"\bshopify$", "jira", own))
        if words[0] == "listen":
            process = subprocess.Popen([*TYPED, *words], cwd=nami.folder, env=nami.environment)
            count = len(backend.received)
            wait_for(lambda count=count: len(backend.received) > count, 20)
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        else:
            result = nami.typed("--local", *words)
            assert result.returncode == 0, f"{line}\n{result.stderr}"
