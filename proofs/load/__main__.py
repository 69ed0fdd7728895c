"""Send bursts of webhooks, and look at what becomes of them. `make load`, or python -m proofs.load.

Each webhook has its time by the shape, whether those before it are answered or not, as long as one of the connections
is free; where they were sent late, that is told. locust makes the requests and shows them on its page; one process of
it, on one core, which is also where they are signed.
"""

from locust import FastHttpUser, LoadTestShape, constant, task  # first: it makes everything below wait without blocking
from locust.env import Environment
from locust.exception import StopUser

# isort: split
import argparse
import contextlib
import json
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import gevent
import gevent.event

from nami_cli.terminal import print_table, say
from nami_control.aws_errors import of_aws, told
from nami_control.destinations.mongo import collection
from nami_control.errors import NamiError, UsageError, WebhookError
from nami_control.processes import free_port
from proofs.load import target
from proofs.load.series import NO_ANSWER, Request, Series
from proofs.load.shapes import SHAPES, Shape

LONGEST = 600.0  # seconds
_GRACE = 60.0  # seconds for what is late; the gateway itself gives up after 30
_DRAINS_WITHIN = 300.0  # seconds
_CONNECTIONS = 250
# A local AWS starts a process for each request that a function has at once; more of them than cores only wait.
_CONNECTIONS_HERE = 8
_WEB_PORT = 8089
_AT_ONCE = 1000  # ids in one question to the database
_SURE = 3  # times that a queue says it is empty: its numbers are approximate


class Producer(FastHttpUser):
    """One connection of the producer: takes the next webhook that is due, waits for its time, sends it."""

    wait_time = constant(0)
    insecure = False
    network_timeout = 35.0  # the gateway gives up after 30
    connection_timeout = 10.0
    max_retries = max_redirects = 0

    @task
    def deliver(self) -> None:
        load: Load = self.environment.load
        due = next(load.coming, None)
        if due is None:
            raise StopUser
        gevent.sleep(max(0.0, due - load.now()))
        url, headers, body = load.target.webhook()
        sent, began = load.now(), time.perf_counter()
        answer = self.client.post(url, data=body, headers=headers, name=load.target.place, allow_redirects=False)
        milliseconds = (time.perf_counter() - began) * 1000
        delivery_id = (answer.headers or {}).get("nami-delivery-id")
        status = answer.status_code or NO_ANSWER
        load.series.requests.append(Request(due, sent, milliseconds, status, delivery_id))


class Schedule(LoadTestShape):
    """All connections at once, until everything is answered or the time is up."""

    def __init__(self, load: "Load") -> None:
        super().__init__()
        self.load = load
        most = _CONNECTIONS_HERE if load.target.is_here else _CONNECTIONS
        self.connections = min(most, max(10, round(load.shape.peak)))

    def reset_time(self) -> None:
        """A test begins, by us or by locust's page."""
        super().reset_time()
        self.load.begin()

    def tick(self) -> tuple[int, float] | None:
        """How many connections, asked each second; None: it is over."""
        over = self.load.is_answered or self.load.now() > self.load.shape.seconds + _GRACE
        return None if over else (self.connections, self.connections)


class Load:
    def __init__(self, shape: Shape, at: target.Target) -> None:
        self.shape, self.target = shape, at
        self.due = shape.due()
        self.environment = Environment(user_classes=[Producer], stop_timeout=0)
        self.environment.load = self
        self.environment.host = at.url
        self.environment.shape_class = Schedule(self)
        self.environment.create_local_runner()
        self.over = gevent.event.Event()
        self.environment.events.test_stop.add_listener(lambda **_: self.over.set())

    def begin(self) -> None:
        """Start the clock, with nothing sent yet, and watch the queue from now on."""
        self._started = time.monotonic()
        self.over.clear()
        self.series = Series(self.shape, self.target.place)
        self.coming: Iterator[float] = iter(self.due)
        if not self.target.known:
            self.series.no_depths = self.series.not_checked = "the stack is not known; give its --name"
        gevent.spawn(self._watch)

    def now(self) -> float:
        """Seconds after the start."""
        return time.monotonic() - self._started

    @property
    def is_answered(self) -> bool:
        return len(self.series.requests) == len(self.due)

    def result(self) -> Series:
        """Wait for the end of the test, and of what it left in the queue."""
        self.over.wait()
        deadline, empty = time.monotonic() + _DRAINS_WITHIN, 0
        while empty < _SURE and time.monotonic() < deadline and (depth := self._depth()) is not None:
            empty = 0 if depth else empty + 1
            gevent.sleep(1 if depth else 0.3)
        self._check()
        return self.series

    def _watch(self) -> None:
        while not self.over.is_set() and self._depth() is not None:
            gevent.sleep(1)

    def _depth(self) -> int | None:
        if self.series.no_depths:
            return None
        try:
            depth = self.target.depth()
        except Exception as error:
            if (why := of_aws(error)) is None:
                raise
            self.series.no_depths = str(why)
            return None
        self.series.depths.append((self.now(), depth))
        return depth

    def _check(self) -> None:
        """Look each acknowledged webhook up in the database."""
        ids = sorted({request.delivery_id for request in self.series.taken if request.delivery_id})
        if self.series.not_checked:
            return
        if len(ids) < len(self.series.taken):
            self.series.not_checked = "the answers do not name a delivery each"
            return
        try:
            with collection(self.target.deployment) as documents:
                self.series.stored = sum(
                    documents.count_documents({"_id": {"$in": ids[start : start + _AT_ONCE]}})
                    for start in range(0, len(ids), _AT_ONCE)
                )
        except NamiError as error:
            self.series.not_checked = str(error)


def main() -> None:
    """Run the load that was asked for; one line and an exit code where it can't be."""
    logging.basicConfig(level=logging.ERROR)
    options = _options()
    try:
        _run(options)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if (why := told(error)) is None:
            raise
        say(f"error: {why}")
        sys.exit(why.exit_code)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m proofs.load",
        description="Send bursts of webhooks: to a subscription of its own on this machine, or where you say.",
    )
    parser.add_argument("--name", help="a deployed subscription, where the usual AWS variables point")
    parser.add_argument("--url", help="any endpoint; with --name that subscription's, under another URL")
    parser.add_argument(
        "--signature", help=f"for --url: the scheme to sign with; its secret is read from {target.SECRET}"
    )
    parser.add_argument("--shape", choices=[*SHAPES], default="spike", help="(default spike)")
    parser.add_argument("--rate", type=float, default=1.0, help="the usual requests/s (default 1)")
    parser.add_argument("--peak", type=float, help="those of a spike, and at the end of a ramp (default 100 times)")
    parser.add_argument("--seconds", type=float, help="of the spike (default 5), the steady rate or the ramp (30)")
    parser.add_argument("--most", type=int, default=10_000, help="refuse to send more (default 10,000)")
    parser.add_argument("--yes", action="store_true", help="for an endpoint that is not on this machine: it may cost")
    parser.add_argument("--web", action="store_true", help="show locust's page on 127.0.0.1 meanwhile, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--out", type=Path, help="the picture (default .nami/load-SHAPE.png)")
    return parser.parse_args()


def _run(options: argparse.Namespace) -> None:
    shape = _shape(options)
    with target.find(options.name, options.url, options.signature) as at:
        if not at.is_here and not options.yes:
            raise UsageError(_warning(shape, at))
        load = Load(shape, at)
        web = None
        if options.web:
            del sys.argv[1:]  # locust would read them as its own
            web = load.environment.create_web_ui("127.0.0.1", free_port(_WEB_PORT))
            say(f"locust's page: http://127.0.0.1:{web.port}")
        say(f"sending to {at.place}: {shape}")
        load.environment.runner.start_shape()
        series = load.result()
        _report(series, options)
        with contextlib.suppress(KeyboardInterrupt):
            while web is not None:
                say("the page stays until Ctrl-C, and can start the same again")
                while load.over.is_set():
                    gevent.sleep(0.2)
                series = load.result()
                _report(series, options)
        load.environment.runner.quit()
        if series.stored is not None and series.stored < len(series.taken):
            raise WebhookError(f"{len(series.taken) - series.stored} acknowledged webhooks are not in the database")
        if not series.taken:
            raise WebhookError("no webhook was accepted")


def _shape(options: argparse.Namespace) -> Shape:
    peak = 100 * options.rate if options.peak is None else options.peak
    for flag, value in (("rate", options.rate), ("peak", peak), ("seconds", options.seconds)):
        if value is not None and not value > 0:
            raise UsageError(f"--{flag} {value:g}: must be over 0")
    shape = SHAPES[options.shape](options.rate, peak, options.seconds)
    count = round(sum(phase.count for phase in shape.phases))
    if count > options.most:
        raise UsageError(f"{shape}: that is {count:,} webhooks, over --most {options.most:,}; raise it if you mean it")
    if shape.seconds > LONGEST:
        raise UsageError(f"{shape}: that is over {LONGEST:g} seconds; take fewer")
    return shape


def _warning(shape: Shape, at: target.Target) -> str:
    count = len(shape.due())
    dollars = target.price(count)
    cost = f"about {dollars:.2f} dollars" if dollars >= 0.01 else "less than a cent"
    return (
        f"{at.place} is not on this machine: {count:,} webhooks in {shape.seconds:g} s cost {cost} there, and load "
        "whatever is behind it; say --yes (make load YES=1) if it is yours"
    )


def _report(series: Series, options: argparse.Namespace) -> None:
    from proofs.load import plot  # noqa: PLC0415 it takes a second, which the first requests would wait for

    picture = options.out or Path(".nami") / f"load-{series.shape.name}.png"
    plot.draw(series, picture)
    if options.json:
        print(json.dumps({**series.as_json(), "picture": str(picture)}, indent=2))
    else:
        print_table(["what", "value"], [*series.rows(), ["picture", str(picture)]])
    if series.late() > 1000:
        say(f"some were sent over {series.late() / 1000:.1f} s late: all connections were busy, or this machine was")


if __name__ == "__main__":
    main()
