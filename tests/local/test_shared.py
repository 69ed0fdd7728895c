"""Two subscriptions on one gateway and one MongoDB host, which are in a stack of their own.

Each test goes on where the one before it ended.
"""

import json
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import botocore.exceptions
import pytest

from tests.local.conftest import QUICK, Nami, Pipeline, pipeline

# The same settings as flags.
FLAGS = [part for setting in QUICK if setting != "-c" for part in f"--{setting.replace('_', '-')}".split("=")]


@pytest.fixture(scope="module")
def first(nami: Nami) -> Iterator[subprocess.CompletedProcess[str]]:
    """The deployment of market, by which the shared stack comes to be."""
    result = nami("up", "market", "--detach", *QUICK, "-c", "gateway=shared", "-c", "destination=shared-mongo")
    assert result.returncode == 0, result.stderr
    yield result
    for name in ("market", "till", "shared"):
        nami.typed("--local", "destroy", name, "--yes")


@pytest.fixture(scope="module")
def second(nami: Nami, first: object) -> subprocess.CompletedProcess[str]:
    """The deployment of till, which finds it there."""
    shared = ["--gateway", "shared", "--destination", "shared-mongo"]
    result = nami.typed("--local", "deploy", "till", *FLAGS, *shared)
    assert result.returncode == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def market(nami: Nami, second: object) -> Pipeline:
    return pipeline(nami, "market")


@pytest.fixture(scope="module")
def till(nami: Nami, second: object) -> Pipeline:
    return pipeline(nami, "till")


def shared_outputs(nami: Nami) -> dict[str, str]:
    outputs: dict[str, str] = json.loads(nami.typed("--local", "outputs", "shared", "--json").stdout)
    return outputs


def rules_of_the_host(nami: Nami, client: Any) -> list[Any]:
    """The rules that let functions into the shared host."""
    group = shared_outputs(nami)["SharedMongo"].split()[-1]
    (found,) = client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
    return [permission for permission in found["IpPermissions"] if permission["FromPort"] == 27017]


def routes(nami: Nami, client: Any) -> set[str]:
    """The routes of the shared API."""
    found = client("apigatewayv2").get_routes(ApiId=shared_outputs(nami)["SharedGateway"])["Items"]
    return {route["RouteKey"] for route in found}


def test_first_subscription_brings_what_is_shared_and_says_so(first: subprocess.CompletedProcess[str]) -> None:
    assert (
        "nami-shared, the gateway and the MongoDB host that subscriptions share, is not there yet: it comes first"
        in first.stderr
    )


def test_second_subscription_finds_it_there(second: subprocess.CompletedProcess[str]) -> None:
    assert "nami-shared" not in second.stderr
    assert "AutoScalingGroup" not in second.stderr


def test_webhooks_are_stored_in_each_ones_own_collection(market: Pipeline, till: Pipeline) -> None:
    sent = [(each, each.post(json.dumps({"to": each.name}).encode())[1]) for each in (market, till)]
    for each, delivery_id in sent:
        assert each.document(delivery_id)["body"] == {"to": each.name}
    assert market.documents.count_documents({"body.to": "till"}) == 0
    assert till.documents.count_documents({"body.to": "market"}) == 0


def test_both_are_behind_one_gateway(nami: Nami, market: Pipeline, till: Pipeline) -> None:
    api = shared_outputs(nami)["GatewayUrl"]
    assert [market.endpoint, till.endpoint] == [f"{api}/nami/market", f"{api}/nami/till"]
    assert routes(nami, market.client) == {"POST /nami/market", "POST /nami/till"}


def test_host_lets_both_functions_in(nami: Nami, market: Pipeline) -> None:
    assert len(rules_of_the_host(nami, market.client)) == 2


def test_commands_find_the_documents_in_the_shared_database(nami: Nami, till: Pipeline) -> None:
    assert '"to": "till"' in nami.typed("--local", "events", "till", "--limit", "1", "--full").stdout
    assert nami.typed("--local", "connect", "till").stdout.startswith("mongodb://127.0.0.1:")


def test_list_and_doctor_tell_who_uses_it(nami: Nami, market: Pipeline) -> None:
    (row,) = (row for row in json.loads(nami.typed("--local", "list", "--json").stdout) if row["name"] == "shared")
    assert row["used_by"] == ["market", "till"]
    assert "used by           market, till" in nami.typed("--local", "doctor", "shared").stdout


def test_what_is_used_is_not_destroyed(nami: Nami, market: Pipeline) -> None:
    result = nami.typed("--local", "destroy", "shared", "--yes")
    assert result.returncode == 12
    assert "nami-shared is used by market, till" in result.stderr


def test_cloudformation_itself_does_not_delete_it(market: Pipeline) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="nami-shared-gateway is imported by"):
        market.client("cloudformation").delete_stack(StackName="nami-shared")


def test_destroying_one_takes_its_own_and_leaves_the_others(nami: Nami, market: Pipeline, till: Pipeline) -> None:
    result = nami.typed("--local", "destroy", "market", "--yes")
    assert "is kept: the collection market in nami-shared" in result.stderr
    assert routes(nami, till.client) == {"POST /nami/till"}
    assert len(rules_of_the_host(nami, till.client)) == 1
    connection = market.connect()
    connection.request("POST", urlsplit(market.endpoint).path, b"{}")
    assert connection.getresponse().status == 404
    connection.close()
    assert till.document(till.post(b'{"still": true}')[1])["body"] == {"still": True}


def test_what_nobody_uses_any_more_goes_and_its_data_stays(nami: Nami, till: Pipeline) -> None:
    kept = shared_outputs(nami)
    assert nami.typed("--local", "destroy", "till", "--yes").returncode == 0
    result = nami.typed("--local", "destroy", "shared", "--yes")
    assert result.returncode == 0, result.stderr
    assert f"nami --local deploy shared --data-volume-id {kept['DataVolumeId']} " in result.stdout
    assert till.client("secretsmanager").get_secret_value(SecretId=kept["DatabaseSecretArn"])["SecretString"]
    assert till.client("ec2").describe_volumes(VolumeIds=[kept["DataVolumeId"]])["Volumes"]
    assert till.documents.database["market"].count_documents({"body.to": "market"}) == 1
