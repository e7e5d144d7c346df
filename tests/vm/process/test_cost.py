"""What a system call costs, counted: calls of Python functions, which are most of its time, and the same everywhere."""

import io
import os
import sys
from types import FrameType
from typing import Any

import pytest

from trapline.vm.engine import TRANSLATE
from trapline.vm.process import Process

pytestmark = pytest.mark.skipif(
    os.environ.get("TRAPLINE_ENGINE") == "python" or os.environ.get("NUMBA_BOUNDSCHECK") == "1",
    reason="the engine is Python or is called through numba",
)

GETPID = "li a7, 172\n ecall"
WRITE = "li a0, 1\n la a1, loop\n li a2, 1\n li a7, 64\n ecall"


def pair(size: int) -> str:
    """`mmap` and `munmap` of so many bytes."""
    start = f"li a0, 0\n li a1, {size}\n li a2, 3\n li a3, 0x22\n li a4, -1\n li a5, 0\n li a7, 222\n ecall\n"
    return f"{start} li a1, {size}\n li a7, 215\n ecall"


def python_calls(body: str, rounds: int) -> int:
    """Calls of Python functions in a run of a program that does this so many times."""
    process = Process.from_source(
        f"_start: li s0, {rounds}\nloop: {body}\n addi s0, s0, -1\n bnez s0, loop\n li a0, 0\n li a7, 93\n ecall",
        stdout=io.BytesIO(),
    )
    calls = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        result = process.run()
    finally:
        sys.setprofile(before)
    assert result.exit_code == 0
    return calls


def cost(body: str) -> float:
    """Calls for one round; those of a beginning and an end are the same in a short run and a long one."""
    short = python_calls(body, 10)  # first, for it makes what processes keep for each other
    return (python_calls(body, 60) - short) / 50


@pytest.mark.parametrize(
    "body, most",
    [(GETPID, 16), (WRITE, 24), (pair(4 << 10), 48), (pair(64 << 10), 48)],
    ids=["getpid", "write", "4", "64"],
)
def test_few_calls_of_python_serve_a_system_call(body: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRANSLATE, "0")  # a translator is made once in a run
    assert cost(body) <= most


def test_a_large_mapping_costs_no_more_calls_than_a_small_one() -> None:
    assert cost(pair(16 << 20)) <= cost(pair(4 << 10))
