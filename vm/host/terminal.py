"""A terminal as the console of a machine: every key goes to the guest, except commands after Ctrl-A.

The terminal's settings are restored whenever the machine does not run: at the end of a run, however it ends, and while
the process is stopped or in the background.
"""

import atexit
import errno
import os
import select
import signal
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from trapline.vm.host.signals import ENDING

ESCAPE = 0x01
INTERRUPT = b"\x03"
HELP = """
Ctrl-A X       quit
Ctrl-A H       show this help
Ctrl-A Ctrl-A  send Ctrl-A to the guest (or Ctrl-A A)
Every other key goes to the guest, including Ctrl-C and Ctrl-Z.
"""
HINT = "\ntrapline: Ctrl-C goes to the guest, which is not reading; Ctrl-A X quits\n"

_IFLAG, _CFLAG, _LFLAG, _CC = 0, 2, 3, 6
"""Indices into the list from termios.tcgetattr."""
_STOPPING = (signal.SIGTSTP, signal.SIGQUIT)

Attributes = list[Any]


def raw(attributes: Attributes) -> Attributes:
    """These settings in raw mode: each byte is passed on at once and unchanged, without echo or special meaning.

    Output processing stays on, so that lines that end with a bare newline look right.
    """
    changed = [*attributes[:_CC], list(attributes[_CC])]
    changed[_IFLAG] &= ~(
        termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.INPCK | termios.ISTRIP
        | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON | termios.IXOFF
    )  # fmt: skip
    changed[_CFLAG] = (changed[_CFLAG] & ~(termios.CSIZE | termios.PARENB)) | termios.CS8
    changed[_LFLAG] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    changed[_CC][termios.VMIN], changed[_CC][termios.VTIME] = 1, 0
    return changed


class Terminal:
    """The terminal at a file descriptor, as a `vm.host.console.Source`. quit: Ctrl-A X was typed."""

    interactive = True

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.quit = False
        self._escaped = False
        self._active = False
        self._stops = 0
        self._before: Attributes | None = None
        self._unread: Callable[[], bytes] = bytes

    @contextmanager
    def attached(self, unread: Callable[[], bytes]) -> Iterator[None]:
        """A context in which the terminal is raw while the process is in the foreground."""
        self._unread = unread
        handled = self._handle_signals()
        atexit.register(self.restore)  # in case a second signal interrupts the cleanup
        self._active = True
        try:
            self._take()
            yield
        finally:
            self._active = False
            with _undisturbed():
                self.restore()
                for number, handler in handled.items():
                    signal.signal(number, handler)
            atexit.unregister(self.restore)

    def poll(self, seconds: float) -> bytes | None:
        """Keys for the guest typed within `seconds`; None when the terminal is gone."""
        if not self._take():
            # In the background the keys belong to another process, and reading them would stop this one.
            time.sleep(seconds)
            return b""
        stops = self._stops
        try:
            readable = select.select([self.descriptor], [], [], seconds)[0]
            if not readable or self._stops != stops or not self._in_foreground():
                # select resumes after a stop: the key it saw may have been the shell's, and a read would block.
                return b""
            data = os.read(self.descriptor, 4096)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""  # Linux: the other end is closed
        if not data:
            return None
        return self._for_guest(data)

    def restore(self) -> None:
        """Restore the terminal's settings, unless another process has the terminal."""
        if self._before is not None and self._in_foreground():
            self._set(self._before)
        self._before = None

    def _take(self) -> bool:
        """Make the terminal raw if necessary; whether this process has the terminal."""
        if not self._in_foreground():
            self._before = None  # its new owner has set it up
            return False
        if self._before is None and self._active:
            with suppress(termios.error):
                self._before = before = termios.tcgetattr(self.descriptor)
                self._set(raw(before))
        return True

    def _in_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self.descriptor) == os.getpgrp()
        except OSError:
            return True  # not the controlling terminal: no shell takes it away

    def _set(self, attributes: Attributes) -> None:
        # TCSANOW: output processing does not change, and draining the output could take forever.
        with suppress(termios.error):
            termios.tcsetattr(self.descriptor, termios.TCSANOW, attributes)

    def _for_guest(self, data: bytes) -> bytes:
        """The keys for the guest, after obeying commands that follow Ctrl-A."""
        passed = bytearray()
        for byte in data:
            if self._escaped:
                self._escaped = False
                if byte in b"\x01aA":
                    passed.append(ESCAPE)
                elif byte in b"xX":
                    self.quit = True
                elif byte in b"hH?":
                    self._print(HELP)
            elif byte == ESCAPE:
                self._escaped = True
            else:
                passed.append(byte)
        if not data.strip(INTERRUPT) and INTERRUPT in self._unread() + data[1:]:
            self._print(HINT)
        return bytes(passed)

    def _print(self, text: str) -> None:
        try:
            os.write(self.descriptor, text.encode())
        except OSError:
            sys.stderr.write(text)  # the descriptor is read-only
            sys.stderr.flush()

    # Job control

    def _handle_signals(self) -> dict[int, Any]:
        """Handle signals that would stop or end the process with a raw terminal; the handlers they had."""
        handled: dict[int, Any] = {}
        with suppress(ValueError):  # only the main thread may set handlers
            for number in (*_STOPPING, signal.SIGCONT):
                if signal.getsignal(number) is signal.SIG_DFL:
                    handled[number] = signal.signal(number, self._signalled)
        return handled

    def _signalled(self, number: int, frame: Any) -> None:
        self._stops += 1
        if number == signal.SIGCONT:
            # After SIGSTOP the shell has changed the terminal's settings.
            if self._active and self._in_foreground():
                self._set(raw(self._before)) if self._before is not None else self._take()
            return
        self.restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # stops or ends here
        signal.signal(number, self._signalled)
        self._take()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A context that blocks the signals that end a run."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, *ENDING))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
