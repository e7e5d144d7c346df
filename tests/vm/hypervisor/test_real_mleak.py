"""Holes that the hardware has mended: with mleak set on the real harts, trap-and-emulate is exact again."""

import pytest

from support.budget import seeds
from support.cli.command import invoke, refused
from support.hypervisor.random_guests import guest
from support.machines import RAM, S, U, difference, encode, enter, from_words, open_memory, state
from trapline import Machine
from trapline.isa.extension import XLEAK

MENDED = ("trap", "hybrid", "paravirt", "patch", "translate")


def finish(seed: int, technique: str, bits: int = 0) -> dict[str, object]:
    machine = guest(seed, holes=True, reads_code=False, technique=technique, real_mleak=bits)
    reason = machine.run(max_instructions=400).reason
    return {"reason": reason, **state(machine)}


@pytest.mark.parametrize("seed", seeds(12))
def test_random_guests_with_all_holes_end_as_on_the_bare_machine(seed: int) -> None:
    bare = finish(seed, "bare")
    for technique in MENDED:
        assert difference(bare, finish(seed, technique, 0xFF)) == {}, technique


def rdmode(bits: int, mode: int, technique: str = "trap") -> Machine:
    machine = from_words([encode("rdmode", rd=10)], technique=technique, real_mleak=bits, isa="rv32ima_xleak")
    open_memory(machine)
    enter(machine, mode)
    machine.run(max_instructions=1)
    return machine


def test_each_bit_mends_its_own_hole() -> None:
    """Only that of rdmode lets it find the virtual mode."""
    for number, extension in enumerate(XLEAK):
        machine = rdmode(1 << number, S)
        assert (machine.x["a0"] == S) == (extension == "xrdmode")
        assert machine.engine.real[0].exits[2] == (extension == "xrdmode")


def test_the_guest_does_not_see_it() -> None:
    """Virtual user mode executes the instruction as long as the guest's own mleak permits; the CSR stays as it was."""
    machine = rdmode(0xFF, U)
    assert (machine.x["a0"], machine.pc, machine.csr["mleak"]) == (U, RAM + 4, 0)


def test_other_bits_are_refused() -> None:
    for bits in (-1, 0x100):
        with pytest.raises(ValueError, match=r"real_mleak must be in 0\.\.0xff"):
            from_words([0], technique="trap", real_mleak=bits)


def test_the_option() -> None:
    command = ["virt", "programs/sensitive/popf.s", "--isa", "rv32ima_xpopf", "--compare", "--technique", "trap"]
    assert invoke(*command).status == 1
    assert invoke(*command, "--mleak", "1").status == 0
    refused(invoke("virt", "programs/sensitive/popf.s", "--mleak", "256"), "0x100 is not in 0..0xff", lines=None)
