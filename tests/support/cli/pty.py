"""A pseudo-terminal, and a command that runs in it."""

import os
import pty
import subprocess
import termios
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from support.cli.command import PATIENCE, Outcome, check_ending, command, processor_seconds, watchdog


class Session:
    """A process in a session of its own, controlled by a new terminal whose output is read all the time.

    words: what to start, `trapline` with these arguments unless `program` is given. streams: other files than the
    terminal for stdin, stdout or stderr.
    """

    def __init__(self, *words: str | Path, program: list[str] | None = None, **streams: Any) -> None:
        self.leader, self.terminal = pty.openpty()
        self.before = self.settings()
        self.shown = b""
        self._seen = 0
        self._news = threading.Condition()
        at = {"stdin": self.terminal, "stdout": self.terminal, "stderr": self.terminal, **streams}
        name = os.ttyname(self.terminal)
        self.process = subprocess.Popen(
            program or command(*words), **at, start_new_session=True,
            preexec_fn=lambda: os.close(os.open(name, os.O_RDWR)),
        )  # fmt: skip
        self._watchdog = watchdog(self.process)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while data := os.read(self.leader, 65536):
                with self._news:
                    self.shown += data
                    self._news.notify_all()
        except OSError:
            pass  # the terminal is closed

    def settings(self) -> list[Any]:
        """The settings of the terminal now."""
        return termios.tcgetattr(self.terminal)

    @property
    def raw(self) -> bool:
        """Whether the terminal is in raw mode."""
        return not self.settings()[3] & (termios.ICANON | termios.ECHO | termios.ISIG)

    def expect(self, text: bytes) -> bytes:
        """Wait until this is shown, after what was expected before; the output in between."""
        end = time.monotonic() + PATIENCE
        with self._news:
            while (found := self.shown.find(text, self._seen)) < 0:
                assert self._news.wait(end - time.monotonic()), (text, self.shown[self._seen :][-2000:])
            between = self.shown[self._seen : found]
            self._seen = found + len(text)
        return between

    def press(self, keys: bytes) -> None:
        """Press keys."""
        while keys:
            keys = keys[os.write(self.leader, keys) :]

    def eventually(self, condition: Any) -> None:
        """Wait until a condition holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, self.shown[-2000:]
            time.sleep(0.005)

    def end(self) -> int:
        """Wait for the end of the process; its status. The terminal's settings must be restored."""
        status = self.process.wait()
        assert self.settings() == self.before
        check_ending(Outcome(status, self.shown, b""))
        return status

    def processor_seconds(self, pid: int | None = None) -> float:
        """Processor time that the process has used."""
        return processor_seconds(pid or self.process.pid)

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watchdog.cancel()
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)
        self._reader.join(5)
        os.close(self.leader)
