"""The records of a virtual machine: virtual harts and board, and the real harts that the hypervisor has."""

import numpy as np

from trapline.isa.mode import U
from trapline.isa.pmp import A_SHIFT, NAPOT, PMP_R, PMP_W, PMP_X
from trapline.isa.sv32 import PAGE, PAGE_WORDS
from trapline.isa.word import MASK
from trapline.vm.core.hart import NO_DEVICES, as_harts, as_machines
from trapline.vm.core.overlays import OVERLAYS
from trapline.vm.core.records import MachineRecord
from trapline.vm.core.stops import COPIES
from trapline.vm.hypervisor.assist import ALL_EXCEPTIONS
from trapline.vm.hypervisor.frames import FIRST_TABLE, FRAMES
from trapline.vm.hypervisor.host.original_words import Originals
from trapline.vm.hypervisor.host.translated_blocks import Translation
from trapline.vm.hypervisor.patch import STATE_WORDS
from trapline.vm.hypervisor.technique import HYBRID, SHADOWS, TECHNIQUES

_TABLE_PAGES = OVERLAYS * 8 // PAGE


def pages_behind_ram(technique: str, harts: int, pages: int) -> int:
    """Pages of host memory behind the `pages` of a virtual machine's RAM.

    Shadow tables; under `patch` and `translate` the states of pages, originals or copies.
    """
    states = -(-pages * STATE_WORDS // PAGE_WORDS)
    return FRAMES * harts + {"patch": states + _TABLE_PAGES, "translate": states + COPIES}.get(technique, 0)


def under_hypervisor(
    hart_words: memoryview, machine_words: memoryview, technique: str, shadow: str = "lazy"
) -> tuple[memoryview, memoryview]:
    """Turn a machine after reset into a virtual one: (virtual harts and then real ones, virtual machine and then one
    record for each real hart). The words of records are taken and returned.

    The real harts stay in U mode, see no interrupt, trap for every exception, and reach the guest's RAM through
    shadow page tables in FRAMES pages each behind it. No counter is enabled for them.
    """
    if technique not in TECHNIQUES:
        raise ValueError(f"technique '{technique}' is not one of {', '.join(TECHNIQUES)}")
    if shadow not in SHADOWS:
        raise ValueError(f"shadow tables are {' or '.join(SHADOWS)}, not '{shadow}'")
    harts, machine = as_harts(hart_words), as_machines(machine_words)
    real, host = harts.copy(), np.repeat(machine, len(harts))
    real["mode"] = U
    real["pmpcfg"][:, 0] = NAPOT << A_SHIFT | PMP_X | PMP_W | PMP_R
    real["pmpaddr"][:, 0] = MASK
    real["pmp_entries"] = 1
    real["stale"] = 0
    machine["technique"] = TECHNIQUES[technique]
    machine["stop_at_user"] = int(TECHNIQUES[technique] == HYBRID)
    machine["traced"] = int(shadow == "traced")
    behind = machine["ram_size"] + len(harts) * FRAMES * PAGE
    if technique == "patch":
        machine["overlay_table"] = behind
        machine["page_states"] = behind + _TABLE_PAGES * PAGE
    if technique == "translate":
        machine["first_copy"] = behind // PAGE
        machine["page_states"] = behind + COPIES * PAGE
    machine["notes_walks"] = machine["page_states"] != 0
    machine["notes_stores"] = machine["traced"] | machine["notes_walks"]
    host["first_frame"] = host["ram_size"] // PAGE + np.arange(len(harts)) * FRAMES
    host["ram_size"] += len(harts) * FRAMES * PAGE
    if technique == "translate":
        host["ram_size"] += COPIES * PAGE
    host["board"] = NO_DEVICES
    host["host_traps"] = ALL_EXCEPTIONS
    host["next_frame"] = FIRST_TABLE
    host["shadow_generation"] = -1
    return _words(np.concatenate([harts, real])), _words(np.concatenate([machine, host]))


def _words(records: np.ndarray) -> memoryview:
    return records.view(np.int64).data.cast("B").cast("q")


def replaced_code(
    technique: str, m: MachineRecord, ram: np.ndarray, code: np.ndarray, extensions: int
) -> tuple[Originals | None, Translation | None]:
    """The host's view of the code that the technique replaces, in place or by copies; None for what it does not do.

    m: the virtual machine's record; ram: uint8[], all of it; code: int64[], decoded instructions; extensions: of harts.
    """
    originals = Originals(m, ram, code) if technique == "patch" else None
    return originals, Translation(m, ram, extensions) if technique == "translate" else None
