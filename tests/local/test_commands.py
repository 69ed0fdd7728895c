"""What starts also stops, and what fails says why in one line and leaves nothing running."""

import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.local.conftest import ROOT, Nami, wait_for


def only_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, text
    return lines[0]


def test_interrupt_takes_the_name_down_and_with_the_last_everything(tiny: Nami) -> None:
    first = tiny.foreground("shopify")
    tiny.up("jira")
    assert tiny.status()["endpoints"].keys() == {"shopify", "jira"}
    first.send_signal(signal.SIGINT)
    assert first.wait(30) == 0
    assert tiny.status()["endpoints"].keys() == {"jira"}
    result = tiny("down")
    assert result.returncode == 0
    assert "jira" in result.stderr
    assert tiny.left_running() == []


def test_what_runs_in_the_foreground_serves_the_console_until_it_ends(tiny: Nami) -> None:
    process = tiny.foreground("shopify")
    said = tiny.home.with_name(f"{tiny.home.name}-shopify.log").read_text()
    url = re.search(r"^console    (http://127\.0\.0\.1:\d+/\?token=\S+)$", said, re.MULTILINE)
    assert url
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url[1].partition("?")[0], timeout=5)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


def test_destroying_what_is_held_in_the_foreground_ends_it_and_with_the_last_everything(tiny: Nami) -> None:
    first = tiny.foreground("shopify")
    tiny.up("jira")
    result = tiny.typed("--local", "destroy", "jira", "--yes")
    assert result.returncode == 0, result.stderr
    assert tiny.status()["endpoints"].keys() == {"shopify"}
    assert first.poll() is None
    assert tiny.typed("--local", "destroy", "shopify", "--yes").returncode == 0
    assert first.wait(30) == 0
    assert tiny.left_running() == []


def test_killed_local_aws_leaves_nothing_running_and_can_start_again(tiny: Nami) -> None:
    tiny.up("shopify")
    tiny.aws.send_signal(signal.SIGKILL)
    wait_for(lambda: tiny.left_running() == [], 15)
    result = tiny("status")
    assert result.returncode == 3
    assert "has ended" in only_line(result.stderr)
    command = tiny.foreground("shopify")
    tiny.aws.send_signal(signal.SIGKILL)
    assert command.wait(30) == 8
    assert tiny.left_running() == []


def test_terminated_while_starting_leaves_nothing_running(tiny: Nami, tmp_path: Path) -> None:

    command = subprocess.Popen(
        tiny.command("up", "shopify", "--port", str(tiny.port)),
        cwd=tiny.folder,
        env=tiny.environment,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    wait_for((tiny.home / "stacks" / "shopify" / "synth.log").exists, 30)
    command.terminate()
    assert command.wait(30) == 128 + signal.SIGTERM
    assert tiny.left_running() == []


def test_port_in_use_is_one_line_and_code_4(tiny: Nami) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", tiny.port))
        server.listen()
        result = tiny("up", "shopify", "--port", str(tiny.port))
    assert result.returncode == 4
    assert f"port {tiny.port} is in use" in only_line(result.stderr)
    assert tiny.left_running() == []


def test_missing_node_is_one_line_and_code_5(tiny: Nami, tmp_path: Path) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    (bare / "python3").symlink_to(sys.executable)

    result = subprocess.run(
        [bare / "python3", "-m", "nami_cli.main", "local", "up", "shopify"],
        cwd=tiny.folder,
        env={
            **tiny.environment,
            "PATH": str(bare),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "lambdas"), sysconfig.get_path("purelib")]),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 5
    assert "node is not on PATH" in only_line(result.stderr)
    assert tiny.left_running() == []


def test_refused_template_is_one_line_and_code_6(tiny: Nami) -> None:
    result = tiny("up", "shopify", "--port", str(tiny.port), "-c", "kind=AWS::EC2::Instance")
    assert result.returncode == 6
    assert "AWS::EC2::Instance" in only_line(result.stderr)
    assert tiny.left_running() == []


def test_failed_update_leaves_the_name_up(tiny: Nami) -> None:
    tiny.up("shopify")
    assert tiny("up", "shopify", "--detach", "-c", "kind=AWS::EC2::Instance").returncode == 6
    assert tiny.status()["endpoints"].keys() == {"shopify"}


def test_bad_setting_is_the_apps_own_line_and_code_6(tmp_path: Path) -> None:
    command = Nami(tmp_path / "home")
    result = command("up", "shopify", "--port", str(command.port), "-c", "maximum_concurrency=1")
    assert result.returncode == 6
    assert "maximum_concurrency" in only_line(result.stderr)
    assert command.left_running() == []


def test_database_that_does_not_answer_is_one_line_and_code_7(tiny: Nami) -> None:
    result = tiny("up", "shopify", "--mongo-uri", "mongodb://127.0.0.1:1/", "--port", str(tiny.port))
    assert result.returncode == 7
    assert "does not answer" in only_line(result.stderr)
    assert tiny.left_running() == []


def test_only_127_0_0_1_is_listened_on(nami: Nami) -> None:
    addresses = {
        connection.laddr.ip
        for process in [nami.aws, *nami.aws.children(recursive=True)]
        for connection in process.net_connections("tcp")
        if connection.status == "LISTEN"
    }
    assert addresses == {"127.0.0.1"}


def test_status_has_what_scripts_need(nami: Nami) -> None:
    status = nami.status()
    assert status["endpoints"]["shopify"].startswith(f"http://127.0.0.1:{nami.port}/")
    assert status["mongo_uri"].startswith("mongodb://127.0.0.1:")
    assert status["database"] == "nami"
    assert status["aws_endpoint_url"] == f"http://127.0.0.1:{nami.port}"


def test_status_of_nothing_is_code_3_and_still_json(tiny: Nami) -> None:
    result = tiny("status", "--json")
    assert result.returncode == 3
    assert '"endpoints": {}' in result.stdout


@pytest.mark.parametrize("command", [("send", "shopify"), ("events", "shopify"), ("logs", "shopify"), ("env",)])
def test_command_that_needs_a_running_aws_says_how_to_start_it(tiny: Nami, command: tuple[str, ...]) -> None:
    result = tiny(*command)
    assert result.returncode == 3
    assert "nami local up" in only_line(result.stderr)
