"""SIGTERM and SIGHUP end a run as Ctrl-C does: the guest's output and the requested reports are still written.

On Windows SIGTERM and SIGBREAK do; there is no SIGHUP.
Several that come together are one: a second KeyboardInterrupt would hit whatever is handling the first.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

ENDING: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
TOGETHER = 1.0
"""Seconds after a signal in which more of them change nothing. Later ones end what takes long about ending."""
INTERRUPTED = 128 + signal.SIGINT
"""`status` after Ctrl-C."""
_received: int = signal.SIGINT
_received_at = float("-inf")
_for_good = False


def _terminate(number: int, frame: Any) -> None:
    global _received, _received_at
    now = time.monotonic()
    if now - _received_at < TOGETHER:
        return
    _received, _received_at = number, now
    raise KeyboardInterrupt


@contextmanager
def caught() -> Iterator[None]:
    """While active, these and Ctrl-C raise KeyboardInterrupt, unless the parent ignores or handles them."""
    global _received, _received_at
    _received, _received_at = signal.SIGINT, float("-inf")
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDING)}
    free = {n: handler for n, handler in before.items() if handler in (signal.SIG_DFL, signal.default_int_handler)}
    try:
        for number in free:
            signal.signal(number, _terminate)
    except ValueError:
        free = {}  # only the main thread may set handlers
    try:
        yield
    finally:
        if _for_good:
            ignored()
        else:
            for number, handler in free.items():
                signal.signal(number, handler)


def for_good() -> None:
    """The process is the command's own: after it nothing is left that a signal could end."""
    global _for_good
    _for_good = True


def ignored() -> None:
    """From now on none of them changes anything: the process is at its end.

    Where Ctrl-C came while a string was executed, as when a named tuple is declared, CPython remembers it, although it
    was caught, and would end the process by a signal instead of with its status. The next string makes it forget.
    """
    exec("")
    with suppress(ValueError):
        for number in (signal.SIGINT, *ENDING):
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def held() -> Iterator[None]:
    """A short critical section: SIGTERM, SIGHUP and Ctrl-C take effect only at its end.

    A signal mask would not do: threads that libraries start would receive the signal.
    """
    received: list[signal.Signals] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDING)}
    handled: dict[signal.Signals, Any] = {number: handler for number, handler in before.items() if callable(handler)}
    try:
        for number in handled:
            signal.signal(number, lambda number, frame: received.append(signal.Signals(number)))
    except ValueError:
        handled = {}  # only the main thread may set handlers, and only it is interrupted
    try:
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
        for number in received[:1]:
            handled[number](number, None)


def status() -> int:
    """The exit status after a KeyboardInterrupt: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP, as in a shell."""
    return 128 + _received
