"""What the trace, the logs and the explanation say of a guest with compressed instructions."""

from pathlib import Path

import pytest

from support.cli.command import invoke
from trapline.asm import assemble_text

pytestmark = pytest.mark.once

KERNEL = """
_start: la      t0, handler
        csrw    mtvec, t0
        li      s0, 0x10000000
        c.lw    a1, 0(s0)       # from the UART
        c.ebreak
        .2byte  4               # illegal
        li      t0, 0x100000
        li      t1, 0x5555
        c.swsp  a1, 0(sp)
        sw      t1, (t0)
        .balign 4
handler: csrr   t3, mepc
        addi    t3, t3, 2
        csrw    mepc, t3
        mret
"""
MACHINE = ("--isa", "rv32imac", "--engine", "python", "--memory", "1M")


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compressed") / "k.elf"
    source = KERNEL.replace("_start:", "_start: li sp, 0x80001000\n", 1)
    path.write_bytes(assemble_text(source, text_base=0x80000000, isa="rv32imac").elf)
    return path


def said(*arguments: object) -> str:
    """Standard output and messages of a run that ends well."""
    result = invoke(*(str(a) for a in arguments))
    assert result.status == 0, result.message
    return result.stdout.decode() + result.message


def test_a_trace_has_four_digits(kernel: Path) -> None:
    text = said("boot", kernel, *MACHINE, "--trace", "-")
    assert " (0x400c) x11 0x00000000 mem 0x10000000\n" in text
    assert " (0x0e09) x28 0x" in text and " (0xc02e) mem 0x80001000 0x00000000\n" in text
    assert "(0x9002)" not in text and "(0x0004)" not in text


def test_events_have_four_digits(kernel: Path) -> None:
    text = said("boot", kernel, *MACHINE, "--log", "exec,int")
    assert " 400c     lw a1, 0(s0) at " in text and " 9002     ebreak at " in text
    assert " 0004     .half 0x0004 at " in text and " tval 0x00000004 " in text


@pytest.mark.parametrize("technique", ["trap", "patch", "translate"])
def test_exits_are_named_by_what_the_instruction_stands_for(kernel: Path, technique: str) -> None:
    text = said("virt", kernel, *MACHINE, "--technique", technique, "--exit-log", "-")
    lines = [line for line in text.splitlines() if " lw a1, 0(s0) " in line]
    assert len(lines) == 1 and " 400c     lw a1, 0(s0) " in lines[0] and "emulate lw " in lines[0]
    number = lines[0].split()[0]
    text = said("virt", kernel, *MACHINE, "--technique", technique, "--explain", number)
    assert "  400c  lw a1, 0(s0)\n" in text and "What the dispatcher does: emulate lw." in text
