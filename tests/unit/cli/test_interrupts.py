"""A signal ends a command once what it is starting is known to those who stop it."""

import os
import signal

import pytest

from nami_control.interrupts import Interrupted, interruptible, starting


def interrupt(number: signal.Signals) -> None:
    with interruptible():
        os.kill(os.getpid(), number)
        signal.pause()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_the_command_with_its_code(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as raised:
        interrupt(number)
    assert raised.value.exit_code == 128 + number
    assert signal.getsignal(number) == before


def test_signal_waits_for_what_is_starting() -> None:
    done: list[str] = []

    def command() -> None:
        with interruptible():
            with starting():
                with starting():
                    os.kill(os.getpid(), signal.SIGTERM)
                    done.append("spawned")
                done.append("known")
            done.append("went on")

    with pytest.raises(Interrupted):
        command()
    assert done == ["spawned", "known"]


def test_second_signal_does_not_disturb_the_end() -> None:
    done: list[str] = []

    def command() -> None:
        with interruptible():
            try:
                os.kill(os.getpid(), signal.SIGINT)
                signal.pause()
            finally:
                os.kill(os.getpid(), signal.SIGINT)
                done.append("ended")

    with pytest.raises(Interrupted):
        command()
    assert done == ["ended"]
