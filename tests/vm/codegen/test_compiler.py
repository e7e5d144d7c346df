"""What the compiling process leaves out of numba's work."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.once

SOURCE = """
import numba
from trapline.vm.codegen import compiler
{change}
@numba.njit
def callee(x):
    return callee(x - 1) + callee(x - 2) if x > 1 else x
@numba.njit(numba.int64(numba.int64))
def caller(x):
    return callee(x) + callee(x + 1)
library = caller.overloads[caller.signatures[0]].library
print(caller(7), str(library._final_module).count("store ptr null, ptr %excinfo"))
"""


def compile_with(change: str) -> list[int]:
    """What `caller` answers, and of how many places its code makes zero where a call would leave an exception."""
    command = [sys.executable, "-c", SOURCE.format(change=change)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


def test_no_function_begins_with_zeros() -> None:
    assert compile_with("compiler.leave_zeros_out()") == [13 + 21, 0]
    assert compile_with("")[1] > 0, "numba has none either: there is nothing to leave out"
