"""What the pre-queue function costs, beside the straightforward boto3 handler and beside a bare socket.

Ours verifies a Shopify signature (its secret read from Secrets Manager while it starts), builds the envelope,
signs the call, sends it and checks SQS's answer; boto3's verifies nothing. Each number is a median over rounds in which
the functions take turns, a ratio the median of the rounds' ratios; the server is another process.

"Cold" is a fresh process up to its first answer, measured twice: with everything compiled before (.pyc), and from
sources, as a function's bundle has its own and its dependencies' modules; the standard library is compiled in both.

Usage: python -m benchmarks.pre_queue [--rounds N] [--requests N] [--json]
"""

import argparse
import hmac
import json
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks import parts
from benchmarks.sqs_server import SECRET

ROOT = Path(__file__).parents[1]
FUNCTIONS = ROOT / "benchmarks" / "functions"
BOTO3 = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "urllib3", "six.py")
STATES = ("compiled", "sources")
LABELS = {
    "nami": "nami, signature verified",
    "boto3_handler": "boto3, no verification",
    "socket_handler": "bare socket",
}


@dataclass(frozen=True)
class Cost:
    """One process: its CPU seconds, its peak memory in MiB, and CPU seconds per warm request."""

    cpu: float
    memory: float
    warm: float


def main() -> None:
    """Runs all rounds and prints a table."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _lay_out(folder)
        tables = {}
        for transport in ("http", "https") if shutil.which("openssl") else ("http",):
            with parts.aws_server(folder, transport) as (port, bundle):
                tables[transport] = _measure(folder, transport, port, bundle, options)
    if options.json:
        print(json.dumps(tables, indent=2))
        return
    for transport, table in tables.items():
        _print(transport, table)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=15, help="rounds, each with every function once (default 15)")
    parser.add_argument("--requests", type=int, default=600, help="warm requests per round (default 600)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser.parse_args()


def _lay_out(folder: Path) -> None:
    """The functions as bundles: the handler with what it imports beside it, once to be compiled and once as sources."""
    sources = shutil.ignore_patterns("__pycache__", "data")
    found = find_spec("boto3")  # importing it would weigh on this process, and each child starts as its copy
    assert found
    packages = Path(str(found.origin)).parents[1]
    for state in STATES:
        place = folder / state
        shutil.copytree(ROOT / "lambdas" / "nami_runtime", place / "nami" / "nami_runtime", ignore=sources)
        shutil.copy(ROOT / "lambdas" / "pre_queue" / "handler.py", place / "nami" / "nami.py")
        for name in ("boto3_handler", "socket_handler"):
            (place / name).mkdir()
            shutil.copy(FUNCTIONS / f"{name}.py", place / name)
        for name in BOTO3:
            target = place / "boto3_handler" / name
            if name.endswith(".py"):
                shutil.copy(packages / name, target)
                continue
            shutil.copytree(packages / name, target, ignore=sources)
            if (packages / name / "data").is_dir():
                (target / "data").symlink_to(packages / name / "data")
    body = parts.order(820982911946154508)
    event = json.loads((ROOT / "tests" / "events" / "http_api_post.json").read_text())
    signature = b64encode(hmac.digest(SECRET.encode(), body.encode(), "sha256")).decode()
    event["body"], event["headers"]["x-shopify-hmac-sha256"] = body, signature
    (folder / "event.json").write_text(json.dumps(event))


def _measure(
    folder: Path, transport: str, port: int, bundle: str, options: argparse.Namespace
) -> dict[str, dict[str, float]]:
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": f"{transport}://localhost:{port}",
        **({"AWS_CA_BUNDLE": bundle} if bundle else {}),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",  # as the platform says it
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_SESSION_TOKEN": "t" * 700,
        "NAMI_SUBSCRIPTION": "shopify",
        "QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/nami-shopify",
        "SIGNATURE": '{"scheme":"shopify"}',
        "SIGNATURE_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:nami-shopify",
        "PYTHONPATH": sysconfig.get_path("purelib"),
    }
    functions = [name for name in LABELS if transport == "http" or name != "socket_handler"]
    costs: dict[tuple[str, str], list[Cost]] = {(name, kind): [] for name in functions for kind in (*STATES, "warm")}
    for number in range(options.rounds + 1):
        for name in functions:
            for kind in (*STATES, "warm"):
                state = "sources" if kind == "sources" else "compiled"
                environment["PYTHONDONTWRITEBYTECODE"] = "1" if state == "sources" else ""
                count = options.requests if kind == "warm" else 1
                cost = _run(folder / state / name, name, folder, count, environment)
                if number:  # the first round fills the disk's cache and compiles
                    costs[name, kind].append(cost)
    read: dict[str, tuple[str, Callable[[Cost], float]]] = {
        "warm_cpu_us": ("warm", lambda cost: 1e6 * cost.warm),
        "cold_cpu_ms": ("compiled", lambda cost: 1e3 * cost.cpu),
        "cold_sources_ms": ("sources", lambda cost: 1e3 * cost.cpu),
        "peak_mib": ("warm", lambda cost: cost.memory),
    }
    table: dict[str, dict[str, float]] = {}
    for name in functions:
        table[name] = {}
        for key, (kind, value) in read.items():
            own, theirs = ([value(cost) for cost in costs[each, kind]] for each in (name, "boto3_handler"))
            table[name][key] = statistics.median(own)
            table[name][f"{key}_ratio"] = statistics.median(b / a for a, b in zip(own, theirs, strict=True))
    return table


def _run(place: Path, module: str, folder: Path, count: int, environment: dict[str, str]) -> Cost:
    process = subprocess.Popen(
        # -S and a search path instead of this environment's start-up hooks, which no function has.
        [sys.executable, "-S", str(FUNCTIONS / "run.py"), str(place), module, str(folder / "event.json"), str(count)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{module} failed")
    spent, peak = said.split()
    return Cost(usage.ru_utime + usage.ru_stime, int(peak) / 1024, float(spent))


def _print(transport: str, table: dict[str, dict[str, float]]) -> None:
    title = "plain HTTP" if transport == "http" else "TLS"
    print(f"\n{title:<26}{'warm CPU/request':>20}{'cold CPU':>20}{'cold from sources':>20}{'peak memory':>20}")
    units = {"warm_cpu_us": "µs", "cold_cpu_ms": "ms", "cold_sources_ms": "ms", "peak_mib": "MiB"}
    for name, costs in table.items():
        ratios = {key: "1" if name == "boto3_handler" else f"1/{costs[f'{key}_ratio']:.1f}" for key in units}
        cells = [f"{f'{costs[key]:.0f} {unit} ({ratios[key]})':>20}" for key, unit in units.items()]
        print(f"{LABELS[name]:<26}{''.join(cells)}")


if __name__ == "__main__":
    main()
