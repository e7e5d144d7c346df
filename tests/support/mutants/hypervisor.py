"""Hypervisors with one mistake each, which random kernels must notice."""

from typing import Any

from support.hypervisor.bare_and_virtual import Reused
from support.mutants.engine import Change, in_function
from trapline.vm.codegen.engine_text import PYTHON_PRELUDE, engine_text

MUTANTS: dict[str, Change] = {
    "SUM does not choose a root": in_function("way_to_access", "ROOT_SUM if v.mstatus & SUM else ROOT_S", "ROOT_S"),
    "M mode shares the root of bare S mode": in_function("way_to_access", "return ROOT_M\n", "return ROOT_BARE_S\n"),
    "U mode shares the root of S mode": in_function("way_to_access", "return ROOT_U", "return ROOT_S"),
    "MXR drops nothing": in_function("follow_virtual", " or shadowed_mxr(v, m) != r.shadow_mxr", ""),
    "sfence.vma drops nothing": in_function("follow_virtual", "v.generation != r.shadow_generation or ", ""),
    "writable before D is set": in_function("guest_permissions", " and (access != STORE or pte & PTE_D)", ""),
    "PMP is asked about one access only": in_function("guest_permissions", " and pmp_allows(cfg, access, mode)", ""),
    "the entry is asked about one access only": in_function(
        "guest_permissions", "pte_allows(v, pte, access, mode) and ", ""
    ),
    "PMP is asked about a word only": in_function("fill_shadow", "start + PAGE", "start + 4"),
    "frames are guest RAM": in_function("fill_shadow", "offset >= m.ram_size", "offset >= r.ram_size"),
    "the reservation stays outside": in_function("enter_guest", "h.reservation = v.reservation", "pass"),
    "the reservation stays inside": in_function("leave_guest", "v.reservation = h.reservation", "pass"),
    "uflags stays outside": in_function("enter_guest", "h.uflags = v.uflags", "pass"),
    "uflags stays inside": in_function("leave_guest", "v.uflags = h.uflags", "pass"),
    "mleak is forgotten": in_function("trap_enter", "v.mleak if v.mode == U else 0", "0"),
    "MPRV runs directly": in_function("trap_runs_directly", "not (v.mode == M and v.mstatus & MPRV)", "True"),
    "interrupts wait for a trap": in_function("dispatch", "(v.mip | v.lines) & v.mie != 0", "False"),
    "interrupts are not counted": in_function(
        "take_interrupt", "count_trap(v, INTERRUPT_COUNTS + (cause & CAUSE_CODE))", "pass"
    ),
    "code is forgotten": in_function("run_directly", "m.code_epoch = r.code_epoch", "pass"),
    "roots share tags": in_function("follow_virtual", " << ROOT_BITS) + root", " << ROOT_BITS)"),
    "frames are used as they are": in_function("lower_table", "clear_frame(ram32, frame)", "pass"),
    "one frame for all": in_function("lower_table", "r.next_frame = r.next_frame + 1", "pass"),
    "cached translations live on": in_function(
        "begin_epoch", "r.shadow_epoch = r.shadow_epoch + 1", "r.shadow_epoch = 1"
    ),
    "roots live on": in_function("take_tables_back", "clear_frame(ram32, r.first_frame + i)", "pass"),
}


def mutated(name: str, technique: str = "trap", harts: int = 1) -> Reused:
    """A machine whose hypervisor has this mistake; plain Python."""
    reused = Reused(technique, harts, engine="python")
    names: dict[str, Any] = {}
    exec(compile(PYTHON_PRELUDE + MUTANTS[name](engine_text()), "<mutant>", "exec"), names)
    reused.machine.engine._run = names["run"]
    return reused
