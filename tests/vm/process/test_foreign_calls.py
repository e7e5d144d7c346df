"""Calls that Linux does not have are reported, with what Linux has instead; the program goes on with -ENOSYS."""

import io
import re

import pytest

from trapline.vm.process import Process
from trapline.vm.process.foreign_calls import MOST, PROBED, RARS, VENUS
from trapline.vm.process.system_calls import TABLE

EXIT = " li a7, 93\n ecall\n"


def said(text: str) -> tuple[int, str]:
    """The status of a program, and what is said on stderr."""
    errors = io.BytesIO()
    result = Process.from_source(text, stderr=errors).run()
    return result.exit_code, errors.getvalue().decode()


def test_an_unknown_call_is_reported_once_with_its_place():
    loop = "1: li a7, 5555\n ecall\n addi s0, s0, -1\n bnez s0, 1b\n"
    status, text = said(f"_start: li s0, 3\n{loop} neg a0, a0\n{EXIT}")
    assert status == 38, "ENOSYS"
    place = "pc 0x00010080 <_start+12> (<string>:3)"
    assert text == f"trapline: unknown system call 5555 at {place}: it returns -38 (ENOSYS)\n"


@pytest.mark.parametrize("number, name, instead", [
    (10, "Exit", "exit is 93"), (1, "PrintInt", "write is 64"), (4, "PrintString", "write is 64"),
    (8, "ReadString", "read is 63"), (11, "PrintChar", "write is 64"), (9, "Sbrk", "brk is 214"),
    (34, "PrintIntHex", "write is 64"), (35, "PrintIntBinary", "write is 64"), (41, "Rand", "getrandom is 278"),
    (56, "Dialog", "there are no dialogs"),
])  # fmt: skip
def test_calls_of_rars(number, name, instead):
    _, text = said(f"_start: li a0, 7\n li a7, {number}\n ecall\n li a0, 0\n{EXIT}")
    first, second = text.splitlines()
    assert f"system call {number} at pc 0x0001007c <_start+8> (<string>:3)" in first
    assert second.startswith(f"  in RARS {number} is {name}: on Linux {instead}")


@pytest.mark.parametrize("number, name, instead", [
    (10, "exit", "exit is 93"), (17, "exit2", "exit is 93"), (1, "print_int", "write is 64"), (9, "Sbrk", "brk is 214"),
])  # fmt: skip
def test_calls_of_venus(number, name, instead):
    _, text = said(f"_start: li a0, {number}\n li a1, 7\n ecall\n li a0, 0\n{EXIT}")
    assert "unknown system call 0 at pc 0x0001007c" in text
    assert f"  Linux takes the number in a7; in Venus {number} in a0 is {name}: on Linux {instead}" in text


def test_what_linux_has_is_not_remarked_on():
    """RARS took numbers from Linux too; a call on the current folder is meant; C libraries probe."""
    calls = [*sorted(PROBED), 34, 35, 56, 57, 62, 80, 17]
    text = "".join(f" li a0, -100\n li a7, {number}\n ecall\n" for number in calls)
    assert said(f"_start:{text} li a0, 0\n{EXIT}") == (0, "")
    assert not {57, 62, 63, 64, 93} & set(RARS)


def test_what_is_advised_is_served():
    numbers = {int(n) for _, instead in (*RARS.values(), *VENUS.values()) for n in re.findall(r" is (\d+)", instead)}
    assert {64, 63, 93, 214, 278, 403, 407} == numbers and numbers <= set(TABLE)


def test_a_named_call_and_a_flood():
    _, text = said(f"_start: li a7, 220\n ecall\n li a0, 0\n{EXIT}")
    assert "system call clone (220) at pc" in text and "is not served: it returns -38 (ENOSYS)" in text
    _, text = said(f"_start: li a7, 2000\n1: ecall\n addi a7, a7, 1\n li t0, 3000\n blt a7, t0, 1b\n li a0, 0\n{EXIT}")
    assert text.count("\n") == MOST
