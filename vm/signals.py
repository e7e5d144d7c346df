"""SIGTERM ends a run as Ctrl-C does: what the guest printed and the reports asked for are still written."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_received = signal.SIGINT


def _terminate(number: int, frame: Any) -> None:
    global _received
    _received = signal.SIGTERM
    raise KeyboardInterrupt


@contextmanager
def caught() -> Iterator[None]:
    """Meanwhile SIGTERM raises KeyboardInterrupt, unless whoever started us wants it ignored or handles it."""
    global _received
    _received = signal.SIGINT
    try:
        free = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        if free:
            signal.signal(signal.SIGTERM, _terminate)
    except ValueError:
        free = False  # only the main thread may
    try:
        yield
    finally:
        if free:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def status() -> int:
    """The exit status after a KeyboardInterrupt: 130 for Ctrl-C, 143 for SIGTERM, as a shell has them."""
    return 128 + _received
