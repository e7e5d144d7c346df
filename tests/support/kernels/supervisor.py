"""Kernels in S mode over the built-in SBI, from assembly text, and single SBI calls without any kernel."""

from typing import Any

from trapline.asm import assemble_text
from trapline.vm.boot.firmware import attach, start
from trapline.vm.boot.kernel_image import from_elf
from trapline.vm.boot.memory_map import Request, make_plan
from trapline.vm.loader.files import load_elf
from trapline.vm.machine import Machine

BASE = 0x80400000
CALLS = """
        .equ    BASE, 0x10
        .equ    TIME, 0x54494d45
        .equ    IPI, 0x735049
        .equ    RFENCE, 0x52464e43
        .equ    HSM, 0x48534d
        .equ    SRST, 0x53525354
        .equ    DBCN, 0x4442434e
        .macro  sbi extension, function=0
        li      a7, \\extension
        li      a6, \\function
        ecall
        .endm
        .macro  power_off
        li      a0, 0
        li      a1, 0
        sbi     SRST
        .endm
        .globl  _start
"""


def supervisor(text: str, *, harts: int = 1, memory: int = 8 << 20, **options: Any) -> Machine:
    """A machine about to enter this kernel, at `_start`, with a device tree."""
    return over_sbi(assemble_text(CALLS + text, text_base=BASE).elf, harts=harts, memory=memory, **options)


def over_sbi(elf: bytes, *, harts: int = 1, memory: int = 16 << 20, **options: Any) -> Machine:
    """A machine about to enter the S-mode kernel in an ELF file, with a device tree."""
    image = load_elf(elf)
    machine = Machine(harts=harts, memory=memory, **options)
    request = Request(machine.isa, harts, (machine.ram_base, memory), from_elf(image), "sbi")
    plan = make_plan(request)
    attach(machine, plan)
    start(machine, plan)
    return machine


def ask(sbi: Any, h: Any, extension: int, function: int, *arguments: int) -> tuple[int, int]:
    """One call of hart record h: error, as a signed number, and value."""
    h.x[17], h.x[16] = extension, function
    for number in range(6):
        h.x[10 + number] = arguments[number] & 0xFFFFFFFF if number < len(arguments) else 0xDEAD
    sbi.call(h)
    return h.x[10] - ((h.x[10] & 0x80000000) << 1), h.x[11]
