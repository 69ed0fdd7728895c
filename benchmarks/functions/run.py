"""One process of one function: prints CPU seconds per call and peak memory in KiB. Linux only.

Usage: python run.py FOLDER LIBRARIES EVENTS_FILE COUNT. With COUNT 1 the whole process is the cold start. Where
AWS_LAMBDA_RUNTIME_API is set, the events come from there, through the client that Lambda's own Python runtime has.
"""

import os
import sys
import time

folder, libraries, events_file, count = sys.argv[1:]
count = int(count)
sys.path[:0] = [folder, libraries]
lines, sys.stdout = sys.stdout, open("/dev/null", "w")  # noqa: PTH123, SIM115 - lives as long as the process
import handler  # noqa: E402


class Context:
    """As far as a handler asks it."""

    def get_remaining_time_in_millis(self):  # noqa: ANN201 - typing would cost what is measured
        """Of a minute."""
        return 60_000


called, started = 0, 0.0


def call(event, context):  # noqa: ANN001, ANN201 - as above
    """The function; at the call after the last one it is done. As many as are measured come before, to warm it up."""
    global called, started  # noqa: PLW0603 - one process, one measurement
    if called in (count, 2 * count) and count > 1:
        started = time.process_time() if called == count else (time.process_time() - started) / count
    if called == (2 * count if count > 1 else 1):
        end()
    called += 1
    answer = handler.handler(event, context) or {}
    assert answer.get("statusCode", 200) == 200, answer
    assert not answer.get("batchItemFailures"), answer
    return answer


def end():
    """Say it, and take nothing down, as the platform takes nothing down."""
    # The kernel's own mark; getrusage's counts the process that this one was forked from.
    with open("/proc/self/status") as file:  # noqa: PTH123 - pathlib would cost more than what is measured
        peak = next(line.split()[1] for line in file if line.startswith("VmHWM"))
    print(started, peak, file=lines, flush=True)
    os._exit(0)


if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    from awslambdaric import bootstrap
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient

    bootstrap._get_handler = lambda name: call
    bootstrap.run("handler.handler", LambdaRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"]))

import json  # noqa: E402 - after the handler, so that its own imports are its own cost

with open(events_file) as file:  # noqa: PTH123 - as above
    events = json.load(file)
while True:
    call(events[called % len(events)], Context())
