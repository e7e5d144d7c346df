"""gdb on a guest that has debug triggers of its own: they stay the guest's, and gdb's stay gdb's."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.gdb.scripted import BOOT, UNDER_TRAP, converse, script, undisturbed
from support.gnu import Find
from trapline import assemble

pytestmark = [pytest.mark.slow, pytest.mark.once]

PROGRAM = """
_start: la t0, handler
        csrw mtvec, t0
        la t1, cell
        csrw tdata2, t1
        li t2, 0x43                     # m, store, load
        csrw tdata1, t2
        csrwi tselect, 1
        la t1, target
        csrw tdata2, t1
        li t2, 0x44                     # m, execute
        csrw tdata1, t2
        la s0, cell
        lw a0, (s0)
        sw a0, (s0)
        call target
        csrw tdata1, zero
        csrwi tselect, 0
        csrw tdata1, zero
        li a0, 7
        sw a0, (s0)
        call target
        li t0, 0x100000
        li t1, 0x5555
        sw t1, (t0)
1:      j 1b
target: addi s2, s2, 1
        ret
        .balign 4
handler: addi s1, s1, 1
        csrr t3, mepc
        addi t3, t3, 4
        csrw mepc, t3
        mret
        .data
        .balign 4096
cell:   .word 0
"""
SESSION = script(
    """
    hbreak *target
    watch *(int *) &cell
    # store
    continue
    printf "%d, %d\\n", $s1, $s2
    # target
    continue
    printf "%d, %d, %x\\n", $s1, $s2, $tdata2
    # go
    continue
    """
)


@pytest.mark.parametrize("way", [BOOT, UNDER_TRAP], ids=["bare", "trap"])
def test_a_session(tool: Find, tmp_path: Path, way: Sequence[str]) -> None:
    source, elf = tmp_path / "k.s", tmp_path / "k.elf"
    source.write_text(PROGRAM)
    elf.write_bytes(assemble([source], text_base=0x80000000).elf)
    machine = ("--isa", "rv32ima_sdtrig", "--engine", "python", "--memory", "1M")
    told = converse(tool, tmp_path, way, elf, machine, elf, SESSION)
    assert "Old value = 0\nNew value = 7" in told.after("store") and told.after("store").endswith("3, 0")
    assert re.search(r"Breakpoint 1, 0x\w+ in target \(\)", told.after("target"))
    assert re.search(r"^3, 0, 8000\w{4}$", told.after("target"), re.M)
    alone = undisturbed(tmp_path, way, elf, *machine)
    assert told.status == alone.status == 0
    assert told.report["retired_instructions"] == alone.report["retired_instructions"]
