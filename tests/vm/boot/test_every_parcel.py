"""Every parcel that is an instruction or illegal, 49,152 in all, does here what it does on qemu-system-riscv32."""

import pytest

from support.gnu import Find
from support.qemu.every_parcel import GROUP, PROGRAM
from support.qemu.systems import RAM, run_here, run_on_qemu
from trapline.asm import assemble_text

INSTRUCTIONS = 41_000_000


@pytest.mark.slow
def test_every_parcel_does_what_it_does_on_qemu(tool: Find) -> None:
    """Registers, memory, where it goes on; cause, mepc and mtval of the illegal ones, reserved encodings among them."""
    elf = assemble_text(PROGRAM, name="<every parcel>", text_base=RAM).elf
    ours, theirs = run_here(elf, ["c"], INSTRUCTIONS), run_on_qemu(tool, elf, ["c"])
    assert len(ours) == len(theirs) == (1 << 16) // GROUP
    different = [hex(GROUP * i) for i, (here, there) in enumerate(zip(ours, theirs, strict=True)) if here != there]
    assert not different, f"{GROUP} parcels from each of these on"
    assert len({*ours}) > len(ours) // 2, "almost every one leaves something else behind"
