"""The whole on one machine: a full queue emptied, the template made and deployed, the console's pages."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import psutil

from benchmarks import parts
from benchmarks.bundles import FUNCTIONS
from benchmarks.growth import STEPS
from benchmarks.local_aws import NAME, LocalAws, cpu
from benchmarks.parts import ROOT
from benchmarks.tables import Table, cell, microseconds, milliseconds, times

_APPS = {"nami": ROOT / "app.py", "plain": FUNCTIONS / "plain_app.py"}
_EVENTS = 100  # stored, of the smallest of three sizes
_LOOKS, _TOGETHER = 5, 10  # at each page


def whole(folder: Path, rounds: int, messages: int) -> list[Table]:
    """With a local AWS of its own, in which each thing is done in turns with the plain way to do it."""
    rounds = min(rounds, 5)
    table = Table("whole", ["nami", "the plain way"])
    with LocalAws(folder) as aws:
        _drain(aws, table, rounds, messages)
        made = {name: folder / name for name in _APPS}
        took = [_in_turns(lambda name: _synthesise(name, made[name])) for _ in range(rounds)]
        _add(table, "synthesis, CPU", took, milliseconds)
        took = [_in_turns(lambda name: _deploy(aws, name, made[name])) for _ in range(min(rounds, 3))]
        _add(table, "deployment into local AWS, CPU of the CDK's CLI and local AWS", took, milliseconds)
        return [table, _pages(aws)]


def _in_turns(measure: Callable[[str], float]) -> dict[str, float]:
    return {name: measure(name) for name in _APPS}


def _add(table: Table, label: str, took: list[dict[str, float]], show: Callable[[float], str]) -> None:
    ours, theirs = ([each[name] for each in took] for name in _APPS)
    table.rows[label] = [cell(ours, ours, show), cell(theirs, ours, show)]


def _drain(aws: LocalAws, table: Table, rounds: int, count: int) -> None:
    functions = {"nami": aws.ours(), "plain": aws.theirs()}
    spent: list[dict[str, float]] = []
    took: list[dict[str, float]] = []
    for number in range(rounds + 1):
        messages = [record["body"] for record in parts.batch(number, [parts.order(i) for i in range(count)])["Records"]]
        found = {}
        for name in list(functions)[:: 1 if number % 2 else -1]:
            aws.fill(functions[name], messages)
            found[name] = aws.drain(functions[name])
            if (stored := functions[name].collection.count_documents({})) != count:
                raise SystemExit(f"{name} stored {stored} of {count}")
        if number:  # in the first round the workers start, connect and fill caches
            took.append({name: clock / count for name, (clock, _) in found.items()})
            spent.append({name: seconds / count for name, (_, seconds) in found.items()})
    _add(table, "a full queue into MongoDB, by the clock, a message", took, microseconds)
    _add(table, "the same, CPU of functions and database", spent, microseconds)


def _synthesise(name: str, out: Path) -> float:
    context = json.loads((ROOT / "cdk.json").read_text())["context"] if name == "nami" else {}
    variables = {"CDK_OUTDIR": str(out), "CDK_CONTEXT_JSON": json.dumps({**context, "name": NAME + "-again"})}
    shutil.rmtree(out, ignore_errors=True)
    return _children(lambda: _run([sys.executable, str(_APPS[name])], **variables))


def _deploy(aws: LocalAws, name: str, out: Path) -> float:
    """Without the synthesis; the stack is gone afterwards."""
    command = ["cdk", "deploy", "--app", str(out), "--require-approval=never", "--progress=events", "--no-notices"]
    before = cpu(aws.process)
    spent = _children(lambda: _run(command, **aws.variables)) + cpu(aws.process) - before
    stack = "plain" if name == "plain" else f"nami-{NAME}-again"
    aws.client("cloudformation").delete_stack(StackName=stack)
    return spent


def _run(command: list[str], **variables: str) -> None:
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr}")


def _children(run: Callable[[], None]) -> float:
    """CPU seconds of the processes that it starts and waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _pages(aws: LocalAws) -> Table:
    """Of the console, CPU and time until they are there, as more events are stored."""
    table = Table(
        "console", ["stored", "CPU of the page of all subscriptions", "of the page of events", "by the clock"]
    )
    collection = aws.ours().collection
    collection.delete_many({})
    first: list[list[float]] = []
    with aws.console() as (process, url):
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        browser.open(url).read()
        base = "/".join(url.split("/")[:3])
        for step in STEPS:
            _store(collection, collection.count_documents({}), _EVENTS * step)
            looks = [_look(browser, process, base + path) for path in ("/", f"/s/{NAME}/events")]
            spent, clocks = [[one for one, _ in each] for each in looks], [clock for _, clock in looks[1]]
            first = first or [*spent, clocks]
            cells = [cell(now, then, milliseconds) for now, then in zip([*spent, clocks], first, strict=True)]
            table.rows[f"{times(step)} times"] = [f"{_EVENTS * step:,}", *cells]
    return table


def _look(browser: urllib.request.OpenerDirector, process: psutil.Process, url: str) -> list[tuple[float, float]]:
    found = []
    for number in range(_LOOKS + 1):
        before, started = _exactly(process), time.monotonic()
        for _ in range(_TOGETHER):
            browser.open(url).read()
        if number:  # the first ones fill caches
            found.append(((_exactly(process) - before) / _TOGETHER, (time.monotonic() - started) / _TOGETHER))
    return found


def _exactly(process: psutil.Process) -> float:
    """CPU seconds of its threads that live: a page takes less than the hundredths in which those of a process count.

    https://docs.kernel.org/scheduler/sched-stats.html
    """
    threads = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[0]) for each in threads) / 1e9


def _store(collection: Any, there: int, wanted: int) -> None:
    now = datetime.now(UTC)
    documents = []
    for number in range(there, wanted):
        at, body = now - timedelta(seconds=number), parts.order(number)
        fields = {"headers": {"content-type": "application/json"}, "body": json.loads(body), "raw": body.encode()}
        documents.append({"_id": f"{number:06}", "received_at": at, "stored_at": at, "subscription": NAME, **fields})
    collection.insert_many(documents)
