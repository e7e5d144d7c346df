"""What is waited for at the end of a process, and that a command does not wait."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.once

WAITS = """
import atexit
from trapline.vm.host.at_exit import leave, wait_at_exit

atexit.register(print, "cleaned up")
wait_at_exit(lambda: print("waited"), lambda: {needed})
{then}
"""


@pytest.mark.parametrize(
    "needed, then, status, printed",
    [
        (True, "leave(3)", 3, "cleaned up\n"),
        (False, "leave(3)", 0, "waited\ncleaned up\n"),
        (True, "raise SystemExit(4)", 4, "waited\ncleaned up\n"),
    ],
)
def test_who_leaves_does_not_wait(needed: bool, then: str, status: int, printed: str) -> None:
    text = WAITS.format(needed=needed, then=f"{then}")
    ended = subprocess.run([sys.executable, "-u", "-c", text], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (status, printed, "")


COMMAND = """
import sys
from trapline.__main__ import run
from trapline.vm.host.at_exit import wait_at_exit

wait_at_exit(lambda: print("waited"), lambda: True)
sys.argv = ["trapline", *{words}]
run()
"""


@pytest.mark.parametrize(
    "words, status", [(["--version"], 0), (["boot", "nothing.s"], 2), (["disasm", "--no-such-option"], 2)]
)
def test_a_command_ends_with_its_status(words: list[str], status: int) -> None:
    text = COMMAND.format(words=words)
    ended = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)
    assert ended.returncode == status and "waited" not in ended.stdout
    assert "trapline" in ended.stdout + ended.stderr
