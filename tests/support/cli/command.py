"""Running the command in tests: in this process where that is enough, else in one of its own."""

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from trapline.vm.cli.main import main

MIB = 1 << 20
PATIENCE = 240
"""Seconds after which what still runs hangs. It is no measure: other processes may hold up a process for long."""

# VmHWM belongs to the address space, which exec makes anew; ru_maxrss would start at what the tests themselves use.
_MEASURED = """
import sys
sys.argv[0] = "trapline"
from trapline.vm.cli.main import main
try:
    main()
finally:
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            open({target!r}, "w").write(line.split()[1])
"""


@dataclass(frozen=True)
class Outcome:
    """The result of a command. peak: most resident bytes, 0 if not measured; seconds: wall clock.

    processor: seconds of processor time, which other processes on the computer hardly change.
    """

    status: int
    stdout: bytes
    stderr: bytes
    seconds: float = 0.0
    peak: int = 0
    processor: float = 0.0

    @property
    def message(self) -> str:
        """Its text on stderr."""
        return self.stderr.decode()


def invoke(*arguments: str | Path, stdin: bytes = b"") -> Outcome:
    """Run the command in this process; it must not raise."""
    begin, busy = time.monotonic(), time.process_time()
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin, prog_name="trapline")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    seconds, processor = time.monotonic() - begin, time.process_time() - busy
    outcome = Outcome(result.exit_code, result.stdout_bytes, result.stderr_bytes, seconds, processor=processor)
    check_ending(outcome)
    return outcome


@contextmanager
def without_root() -> Iterator[None]:
    """While active, this process does not have root's permission to open everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def command(*arguments: str | Path) -> list[str]:
    """The words that start the command as a process of its own."""
    return [sys.executable, "-m", "trapline", *map(str, arguments)]


def environment(**changes: str | None) -> dict[str, str]:
    """This process's environment with some variables set, and those that are None taken out."""
    merged = {**os.environ, **{name: value for name, value in changes.items() if value is not None}}
    return {name: value for name, value in merged.items() if changes.get(name, "") is not None}


def execute(
    *arguments: str | Path, stdin: bytes = b"", env: Mapping[str, str] | None = None, timeout: float = PATIENCE,
    stdout: int = subprocess.PIPE, folder: Path | None = None,
) -> Outcome:  # fmt: skip
    """Run the command in a process of its own and measure it. Fails after `timeout` seconds: nothing may hang."""
    with tempfile.NamedTemporaryFile("r") as peak:
        code = _MEASURED.format(target=peak.name)
        begin, busy = time.monotonic(), of_children()
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)], input=stdin, stdout=stdout, stderr=subprocess.PIPE,
            env=dict(env) if env is not None else None, timeout=timeout, check=False, cwd=folder,
        )  # fmt: skip
        seconds, processor = time.monotonic() - begin, of_children() - busy
        kib = int(peak.read() or 0)
    outcome = Outcome(done.returncode, done.stdout or b"", done.stderr, seconds, kib << 10, processor)
    check_ending(outcome)
    return outcome


def of_children() -> float:
    """Seconds of processor time of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def processor_seconds(pid: int) -> float:
    """Processor time that a process which has not been waited for has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def processor_seconds_at_end(pid: int) -> float:
    """Wait for the end of a process, which stays to be waited for; the processor time it has used, without children."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return processor_seconds(pid)


def at_work(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until a process has used this much processor time, however long others hold it up."""
    while process.poll() is None and processor_seconds(process.pid) < seconds:
        time.sleep(0.02)


def check_ending(outcome: Outcome) -> None:
    """Check that there is no traceback and no status of an internal error."""
    text = outcome.stderr + outcome.stdout
    assert b"Traceback" not in text and b"internal error" not in text, text.decode(errors="replace")
    assert outcome.status not in (1, 70) or not outcome.stderr, outcome.message


def refused(outcome: Outcome, *parts: str, lines: int | None = 1) -> None:
    """Check for a user's mistake: status 2, nothing on stdout, and a message with all of `parts` on stderr."""
    assert (outcome.status, outcome.stdout) == (2, b""), outcome
    for part in parts:
        assert part in outcome.message, f"{part!r} is not in {outcome.message!r}"
    assert lines is None or outcome.message.count("\n") == lines, outcome.message


def watchdog(process: subprocess.Popen[bytes], seconds: float = PATIENCE) -> threading.Timer:
    """Kill a process that still runs after `seconds`; cancel it when the process has ended."""
    timer = threading.Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    return timer


def write(folder: Path, name: str, content: str | bytes | Sequence[str]) -> Path:
    """A file with this content."""
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else "\n".join(content) + "\n")
    return path
