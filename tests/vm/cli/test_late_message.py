"""What is said after a time limit is said soon: no engine's text is made for it, and few traps are looked at."""

import pytest

from support.cli.command import invoke, write
from trapline import Machine, isa
from trapline.vm import registers
from trapline.vm.cli import trap_story
from trapline.vm.codegen.plain import python_module


def test_a_csr_reads_as_stored_without_the_engines_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ones that a message needs; and each as the engine's own text reads it."""
    machine = Machine(memory=1 << 12)
    h = machine.harts[0].h
    for number, csr in enumerate(isa.CSRS):
        if csr.storage is not None and csr.index is None:
            setattr(h, csr.storage, 0x123 + number)
    read = {
        csr.name: python_module()["csr_read"](h, csr.address) for csr in isa.CSRS if registers._reads_as_stored(csr)
    }
    monkeypatch.setattr(registers, "python_module", None)
    needed = ("mtvec", "mcause", "mepc", "stvec", "scause", "sepc", "medeleg", "mstatus")
    assert {name: machine.csr[name] for name in needed} == {name: read[name] for name in needed}


def test_after_a_time_limit_few_traps_are_looked_at(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that handles its traps has no story, however many they are."""
    seen: list[float] = []
    look = trap_story._Witness.__call__

    def noting(witness: trap_story._Witness, *trap) -> None:
        seen.append(witness.left)
        look(witness, *trap)

    monkeypatch.setattr(trap_story._Witness, "__call__", noting)
    monkeypatch.setattr(trap_story, "MOST_TRAPS", 5)
    kernel = write(
        tmp_path,
        "k.s",
        "_start: la t0, 2f\n csrw mtvec, t0\n1: ecall\n j 1b\n .balign 4\n"
        "2: csrr t0, mepc\n addi t0, t0, 4\n csrw mepc, t0\n mret\n",
    )
    assert invoke("boot", kernel, "--timeout", "0.05").status == 124
    assert len(seen) == 5
    assert invoke("boot", kernel, "--max-instructions", "1k").status == 124
    assert len(seen) > 50
