"""Debug triggers in a file: as they were, also on a page that the machine knows, and none that cannot be set."""

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as changed

from support.golden_files import boot
from support.machines import RAM, encode, put
from support.paths import BOOT_KERNELS
from support.snapshot_files import resumed, saved
from trapline.vm.snapshot_file.container import SnapshotFileError

DATA = RAM + 0x2000
BREAKPOINT = 3


def test_they_are_kept(tmp_path: Path) -> None:
    plain = boot(BOOT_KERNELS / "virtio-blk.s", "bare")
    made = replace(plain, machine=changed(plain.machine, isa="rv32ima_sdtrig"))
    machine = made.build(engine="python")
    put(machine, RAM, [encode("lw", rd=5, rs1=6, imm=4), encode("lw", rd=5, rs1=6)])
    machine.pc, machine.x[6], machine.csr["mtvec"] = RAM, DATA, RAM
    machine.csr["tdata2"], machine.csr["tdata1"] = DATA, 1 << 6 | 1
    machine.step()
    again = resumed(saved(machine, made), tmp_path / "file", engine="python")
    again.step()
    assert (again.pc, again.trap_counts) == (RAM, {BREAKPOINT: 1})
    records = machine.engine.arrays.harts
    for name, wrong in (("tselect", 4), ("tdata1", 1 << 11 | 4), ("triggers", 4), ("tdata2", -1)):
        kept = records[name].copy()
        records[name] = wrong
        with pytest.raises(SnapshotFileError, match="of a hart"):
            resumed(saved(machine, made), tmp_path / "file", engine="python")
        records[name] = kept
