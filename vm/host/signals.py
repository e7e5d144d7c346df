"""SIGTERM and SIGHUP end a run as Ctrl-C does: the guest's output and the requested reports are still written.

On Windows SIGTERM and SIGBREAK do; there is no SIGHUP.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ENDING: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
_received: int = signal.SIGINT


def _terminate(number: int, frame: Any) -> None:
    global _received
    _received = number
    raise KeyboardInterrupt


@contextmanager
def caught() -> Iterator[None]:
    """While active, these raise KeyboardInterrupt, unless the parent ignores or handles them."""
    global _received
    _received = signal.SIGINT
    free = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]
    try:
        for number in free:
            signal.signal(number, _terminate)
    except ValueError:
        free = []  # only the main thread may set handlers
    try:
        yield
    finally:
        for number in free:
            signal.signal(number, signal.SIG_DFL)


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
