"""The records of a virtual machine: virtual harts and board, and the real harts that the hypervisor has."""

import numpy as np

from trapline.vm.core.patches import PATCHES
from trapline.vm.hypervisor.shadow import FIRST_TABLE, FRAMES
from trapline.vm.hypervisor.technique import SHADOWS, TECHNIQUES
from trapline.vm.hypervisor.translator import COPIES

_ALL_EXCEPTIONS = 0xFFFF
_TABLE_PAGES = PATCHES * 8 // 4096


def pages_behind_ram(technique: str, harts: int, pages: int) -> int:
    """Pages of host memory behind the `pages` of a guest's RAM.

    Shadow tables; under `patch` and `translate` the states of pages, originals or copies.
    """
    if technique == "bare":
        return 0
    states = -(-pages // 256)
    return FRAMES * harts + {"patch": states + _TABLE_PAGES, "translate": states + COPIES}.get(technique, 0)


def under_hypervisor(
    harts: np.ndarray, machine: np.ndarray, technique: str, shadow: str = "lazy"
) -> tuple[np.ndarray, np.ndarray]:
    """Turn a machine after reset into a virtual one: (virtual harts and then real ones, virtual machine and then one
    record for each real hart).

    The real harts stay in U mode, see no interrupt, trap for every exception, and reach the guest's RAM through
    shadow page tables in FRAMES pages each behind it. No counter is enabled for them.
    """
    if technique not in TECHNIQUES:
        raise ValueError(f"technique '{technique}' is not one of {', '.join(TECHNIQUES)}")
    if shadow not in SHADOWS:
        raise ValueError(f"shadow tables are {' or '.join(SHADOWS)}, not '{shadow}'")
    real, host = harts.copy(), np.repeat(machine, len(harts))
    real["mode"] = 0
    real["pmpcfg"][:, 0] = 0x1F
    real["pmpaddr"][:, 0] = 0xFFFFFFFF
    real["pmp_entries"] = 1
    real["stale"] = 0
    machine["technique"] = TECHNIQUES[technique]
    machine["traced"] = int(shadow == "traced")
    behind = machine["ram_size"] + len(harts) * FRAMES * 4096
    if technique == "patch":
        machine["patch_table"] = behind
        machine["page_states"] = behind + _TABLE_PAGES * 4096
    if technique == "translate":
        machine["first_copy"] = behind // 4096
        machine["page_states"] = behind + COPIES * 4096
    host["first_frame"] = host["ram_size"] // 4096 + np.arange(len(harts)) * FRAMES
    host["ram_size"] += len(harts) * FRAMES * 4096
    if technique == "translate":
        host["ram_size"] += COPIES * 4096
    host["board"] = 0
    host["host_traps"] = _ALL_EXCEPTIONS
    host["next_frame"] = FIRST_TABLE
    host["shadow_generation"] = -1
    return np.concatenate([harts, real]), np.concatenate([machine, host])
