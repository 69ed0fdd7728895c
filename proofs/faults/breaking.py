"""Kills and freezes processes of one local AWS: its functions' workers, its database, the database's host."""

import contextlib
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from proofs.faults import plan
from proofs.faults.plan import Fault

_FUNCTIONS = ("PreQueue", "PostQueue")
# Seconds by which an outage may become longer, so that a function fails for it also where the machine is slow.
_LONGER = 20.0


@dataclass(frozen=True)
class Done:
    """A fault that was made: when (seconds after the first webhook), and the processes that it met."""

    at: float
    what: str
    processes: int


class Breaking(threading.Thread):
    """Makes the planned faults, at their times. Only descendants of `aws` are ever touched.

    Args:
        failed: how many webhooks failed so far because the database was away.
    """

    def __init__(self, aws: psutil.Process, faults: list[Fault], seed: int, failed: Callable[[], int]) -> None:
        super().__init__(daemon=True)
        self._aws = aws
        self._chance = random.Random(f"workers of {seed}")
        self._failed = failed
        self._hung: list[psutil.Process] = []
        self.planned = faults
        self.done: list[Done] = []

    def run(self) -> None:
        began = time.monotonic()
        late = 0.0
        failed_before = 0
        for fault in self.planned:
            time.sleep(max(0.0, began + late + fault.at - time.monotonic()))
            if fault.what in plan.OUTAGES:
                failed_before = self._failed()
            if fault.what in plan.OUTAGES.values():
                # What follows is later by as much.
                late += self._wait_for_more_than(failed_before)
            met = self._make(fault.what)
            self.done.append(Done(round(time.monotonic() - began, 1), fault.what, met))

    def _wait_for_more_than(self, failed_before: int) -> float:
        began = time.monotonic()
        while self._failed() <= failed_before and time.monotonic() - began < _LONGER:
            time.sleep(0.2)
        return time.monotonic() - began

    def _make(self, what: str) -> int:
        actions: dict[str, Callable[[], int]] = {
            plan.KILL_WORKERS: lambda: _signal(self._half(self._workers()), signal.SIGKILL),
            plan.HANG_WORKERS: self._hang_workers,
            plan.WORKERS_GO_ON: lambda: _signal(self._hung, signal.SIGCONT),
            plan.KILL_DATABASE: lambda: _signal(self._host().children(), signal.SIGKILL),
            plan.HOST_AWAY: self._take_host_away,
            plan.HOST_BACK: lambda: _signal([self._host()], signal.SIGCONT),
            plan.HANG_DATABASE: lambda: _signal(self._host().children(), signal.SIGSTOP),
            plan.DATABASE_GOES_ON: lambda: _signal(self._host().children(), signal.SIGCONT),
        }
        return actions[what]()

    def _half(self, workers: list[psutil.Process]) -> list[psutil.Process]:
        return self._chance.sample(workers, (len(workers) + 1) // 2)

    def _hang_workers(self) -> int:
        self._hung = self._one_of_each()
        return _signal(self._hung, signal.SIGSTOP)

    def _take_host_away(self) -> int:
        # Stopped first: it would start the database again.
        host = self._host()
        return _signal([host], signal.SIGSTOP) + _signal(host.children(), signal.SIGKILL)

    def _workers(self) -> list[psutil.Process]:
        """Those of webhooks; local AWS waits for the answer of what a deployment calls, and does not ask again."""
        return [child for child in self._aws.children() if any(each in _command(child) for each in _FUNCTIONS)]

    def _one_of_each(self) -> list[psutil.Process]:
        """A worker of the pre-queue function and one of the post-queue function, as far as there are any."""
        workers = self._workers()
        chosen = []
        for function in _FUNCTIONS:
            if of_it := [worker for worker in workers if function in _command(worker)]:
                chosen.append(self._chance.choice(of_it))
        return chosen

    def _host(self) -> psutil.Process:
        return next(child for child in self._aws.children() if "nami_local.host" in _command(child))


def _command(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def _signal(processes: list[psutil.Process], number: signal.Signals) -> int:
    met = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)
            met += 1
    return met
