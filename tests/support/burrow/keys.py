"""Keys that a test presses at a console while a machine runs."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext


class Keys:
    """A console on which somebody types now and then."""

    interactive = False
    quit = False

    def __init__(self) -> None:
        self.typed = bytearray()

    def poll(self, seconds: float) -> bytes:
        """The bytes typed since the last call."""
        data = bytes(self.typed)
        self.typed.clear()
        return data

    def attached(self, unread: Callable[[], bytes]) -> AbstractContextManager[None]:
        """Nothing to prepare."""
        return nullcontext()
