"""What is waited for when the process ends, unless it need not be: a thread in the middle of what cannot be stopped."""

import atexit
import os
from collections.abc import Callable
from typing import NamedTuple


class _Wait(NamedTuple):
    wait: Callable[[], None]
    is_needed: Callable[[], bool]


_waits: list[_Wait] = []


def wait_at_exit(wait: Callable[[], None], is_needed: Callable[[], bool]) -> None:
    """Call `wait` when the interpreter shuts down. is_needed: whether it would take time now."""
    _waits.append(_Wait(wait, is_needed))
    atexit.register(wait)


def leave(status: int) -> None:
    """End the process with this status if it would have to wait; what else is to be done at its end is done."""
    if any(w.is_needed() for w in _waits):
        for w in _waits:
            atexit.unregister(w.wait)
        atexit._run_exitfuncs()
        os._exit(status)
