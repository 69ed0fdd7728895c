"""One process of one function: prints CPU seconds per request and peak memory in KiB. Linux only.

Usage: python run.py FOLDER MODULE EVENT_FILE COUNT. With COUNT 1 the whole process is the cold start.
"""

import sys
import time

folder, module, event_file, count = sys.argv[1:]
sys.path.insert(0, folder)
handler = __import__(module).handler

import json  # noqa: E402 - after the handler, so that its own imports are its own cost

with open(event_file) as file:  # noqa: PTH123 - pathlib would cost more than what is measured
    event = json.load(file)

lines, sys.stdout = sys.stdout, open("/dev/null", "w")  # noqa: PTH123, SIM115 - lives as long as the process
answer = handler(event, None)
assert answer["statusCode"] == 200, answer
spent = 0.0
if int(count) > 1:
    for _ in range(100):
        handler(event, None)
    started = time.process_time()
    for _ in range(int(count)):
        handler(event, None)
    spent = (time.process_time() - started) / int(count)
# The kernel's own mark; getrusage's counts the process that this one was forked from.
with open("/proc/self/status") as file:  # noqa: PTH123 - as above
    peak = next(line.split()[1] for line in file if line.startswith("VmHWM"))
print(spent, peak, file=lines, flush=True)
