"""Warren with one mistake each, many of them the mistakes that other hypervisors for RISC-V have made, and who notices.

`python -m support.mutants.warren`, in tests/, looks for a check that notices each of them, and prints it.
"""

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from support.kernels.supervisor import over_sbi
from support.mutants.assembly import patched
from support.paths import PROGRAMS
from support.random_kernels.supervisor import seeded
from support.vmm.hostile import ALL, Fight
from support.vmm.random_guests import bare, begun, difference, guest
from support.warren import script, written
from trapline import ExitReason

WARREN = "hypervisors/warren"
SETTINGS: dict[str, dict[str, int]] = {
    "alone": {}, "few pages": {"POOL_PAGES": 8}, "with others": {"neighbours": 2, "SLICE": 300},
}  # fmt: skip
"""Where random kernels run."""
CLOCKS = "rdtime s0; rdcycle s1; rdinstret s2; rdtimeh s3"
CLOCK_KERNEL = (
    CLOCKS.replace("; ", "\n")
    + """
        add     s0, s0, s1
        add     s0, s0, s2
        li      t0, 6000
        sltu    a1, t0, s0              # the clocks have run before the guest began
        li      a0, 0
        li      a6, 0
        li      a7, 0x53525354
        ecall
"""
)
MUTANTS: dict[str, tuple[str, str, str, str]] = {
    # Virtual interrupts that get lost, or come when they must not.
    "what a CSR write enables is not taken": (
        "injection.s", "addi t0, t0, 4; csrw sepc, t0", "addi t0, t0, 4; csrw sepc, t0; j resume", "alone 5",
    ),
    "a timer that is due is not pending": (
        "timer.s", "ori t0, t0, INTERRUPT_STI; sw t0, VHART_SIP(s0)", "ori t0, t0, INTERRUPT_STI", "alone 1",
    ),
    "sret does not look for interrupts": (
        "emulation.s", "ori t0, t0, STATUS_SPIE; sw t0, VHART_SSTATUS(tp); call choose_root; j check_interrupts",
        "ori t0, t0, STATUS_SPIE; sw t0, VHART_SSTATUS(tp); call choose_root; j resume", "alone 5",
    ),
    "a guest in wfi is not woken": ("timer.s", "mv a0, s0; call wake", "nop", "alone 1"),
    "a new deadline leaves the timer pending": (
        "timer.s", "andi t0, t0, ~INTERRUPT_STI; sw t0, VHART_SIP(tp)", "andi t0, t0, ~INTERRUPT_STI", "alone 1",
    ),
    "the timer comes before the software interrupt": (
        "injection.s", "li a0, INTERRUPT_BIT | CODE_SSI; andi t1, t0, INTERRUPT_SSI; bnez t1, 2f",
        "li a0, INTERRUPT_BIT | CODE_SSI; andi t1, t0, INTERRUPT_STI; beqz t1, 2f", "alone 73",
    ),
    "U mode can turn interrupts off": (
        "injection.s", "lw t1, VHART_MODE(tp); beqz t1, 1f; lw t1, VHART_SSTATUS(tp)", "lw t1, VHART_SSTATUS(tp)",
        "alone 25",
    ),
    "S mode cannot turn interrupts off": ("injection.s", "andi t1, t1, STATUS_SIE; beqz t1, resume", "nop", "alone 1"),
    "a vectored interrupt goes to the base": ("injection.s", "slli a0, a0, 2; add t1, t1, a0", "nop", "alone 5"),
    "a guest sets its own timer bit": ("emulation.s", "VHART_SIP, INTERRUPT_SSI, advance",
                                       "VHART_SIP, INTERRUPTS, advance", "alone 15"),
    "SIE is not saved at a trap": ("injection.s", "slli t1, t1, SPIE_TO_SIE", "li t1, 0", "alone 0"),
    "sret leaves interrupts as they are": (
        "emulation.s", "andi t1, t1, STATUS_SIE; andi t0, t0, ~(STATUS_SPP | STATUS_SIE); or t0, t0, t1",
        "andi t0, t0, ~STATUS_SPP", "alone 0",
    ),
    # Shadow entries that stay, or are wrong.
    "sfence.vma of an address drops nothing": (
        "shadow.s", "3: sw zero, (t0); 4: addi a0, a0, 4; bne a0, t3, 1b", "3: nop; 4: addi a0, a0, 4; bne a0, t3, 1b",
        "alone 34",
    ),
    "sfence.vma drops nothing": ("shadow.s", "3: mv a0, s0; call drop_context; 4:", "3: nop; 4:", "alone 4"),
    "the real TLB keeps what the shadow drops": ("shadow.s", "bnez s3, 5f; sfence.vma s1", "bnez s3, 5f", "alone 83"),
    "a new satp keeps the old shadow": (
        "emulation.s", "call find_context; call choose_root; j advance", "call choose_root; j advance", "alone 3",
    ),
    "a clean page can be written": (
        "shadow.s", "andi t0, s4, PTE_D; bnez t0, 1f; andi s7, s7, ~PTE_W", "nop", "alone 1",
    ),
    "the walk does not set A": ("tables.s", "7: ori t0, t4, PTE_A", "7: mv t0, t4", "alone 5"),
    "the walk does not set D": ("tables.s", "bne a1, t1, 8f; ori t0, t0, PTE_D", "nop", "alone 1"),
    "the root of the last mode stays": ("injection.s", "beqz t2, choose_root; ret", "ret", "alone 9"),
    "a megapage may be misaligned": ("tables.s", "bnez t0, fault; 4: lw t1, VHART_SSTATUS(tp)",
                                     "4: lw t1, VHART_SSTATUS(tp)", "alone 39"),
    "W without R is an entry": ("tables.s", "li t1, PTE_W; beq t0, t1, fault", "nop", "alone 7"),
    # Wrong pc, cause or value.
    "sepc is the instruction after the one that trapped": (
        "injection.s", "count STAT_EXCEPTION; csrr a2, sepc", "count STAT_EXCEPTION; csrr a2, sepc; addi a2, a2, 4",
        "alone 0",
    ),
    "sret returns one instruction too far": (
        "emulation.s", "lw t0, VHART_SEPC(tp); csrw sepc, t0", "lw t0, VHART_SEPC(tp); addi t0, t0, 4; csrw sepc, t0",
        "alone 0",
    ),
    "sepc keeps its lowest bits": ("emulation.s", "csr 0x141, VHART_SEPC, ~3", "csr 0x141, VHART_SEPC, -1", "alone 12"),
    "a call of U mode comes as one of S mode": ("sbi.s", "li a0, CAUSE_ECALL_U", "li a0, CAUSE_ECALL_U + 1", "alone 4"),
    "an illegal instruction is not in stval": (
        "injection.s", "li a0, CAUSE_ILLEGAL_INSTRUCTION; mv a1, s1", "li a0, CAUSE_ILLEGAL_INSTRUCTION; li a1, 0",
        "alone 3",
    ),
    "an access fault comes as a page fault": ("shadow.s", "3: mv a1, s1; bnez a0, 4f", "3: mv a1, s1; j 4f", "alone 5"),
    "stvec takes a reserved mode": ("emulation.s", "beqz t0, advance; sw s5, (s7)", "beqz t0, advance", "alone 51"),
    # What a mode may do.
    "U mode reaches the CSRs of S mode": ("emulation.s", "lw t1, VHART_MODE(tp); bltu t1, t0, refuse", "nop",
    "alone 3"),
    "U mode executes sret and sfence.vma": (
        "emulation.s", "bnez s2, refuse; lw t0, VHART_MODE(tp); beqz t0, refuse", "bnez s2, refuse", "alone 3",
    ),
    "a counter is there whatever scounteren says": ("emulation.s", "srl t1, t1, t0; andi t1, t1, 1; beqz t1, refuse",
                                                    "nop", "alone 4"),
    "reading a CSR counts as writing it": ("emulation.s", "snez t0, s6; or s4, s4, t0", "li s4, 1", "clocks"),
    # SUM and MXR, and the mode of an access.
    "SUM is always set": ("tables.s", "li t0, STATUS_SUM; and t0, t0, t1; beqz t0, fault", "nop", "alone 1"),
    "MXR is never set": ("tables.s", "li t0, STATUS_MXR; and t0, t0, t1; beqz t0, fault", "j fault", "alone 1"),
    "a change of SUM is seen late": ("emulation.s", "call load_mxr; 1: call choose_root", "call load_mxr; 1:",
    "alone 1"),
    "a change of MXR is not passed on": ("emulation.s", "call forget_all; call load_mxr", "call forget_all", "alone 1"),
    "U mode reads pages of S mode": ("tables.s", "beqz a2, fault; j 6f", "j 6f", "alone 3"),
    # The guest sees the host.
    "the guest sees the host's time": ("emulation.s", "lw t0, VHART_BEGIN(s6); sub a1, a0, t0; j 3f", "mv a1, a0; j 3f",
                                       "clocks"),
    "RAM has no end": ("tables.s", "lw t0, GUEST_PAGES(tp); bgeu a0, t0, 1f", "nop", "alone 12"),
    "a megapage is mapped beyond the end of RAM": ("shadow.s", "lw t1, GUEST_PAGES(tp); bltu t1, t0, 4f", "nop",
    "alone 58"),
    "a guest's table may lie anywhere": ("tables.s", "lw t3, GUEST_PAGES(tp); bgeu t0, t3, access_fault", "nop",
    "alone 5"),
    "a buffer of DBCN has no end": ("sbi.s", "sub t0, t0, t1; bltu t0, s4, 1f", "nop",
    "reads input to memory outside its RAM"),
    "the window is in the way": ("shadow.s", "bne s2, t0, 1f; call move_window", "nop",
    "its own memory where Warren lives"),
    "a device is where an access ends": ("devices.s", "add t1, t1, a0; bne t1, s1, refuse_access", "nop", "alone 23"),
    # Registers.
    "a register is not saved": ("traps.s", "sw ra, 1 * 4(sp); .irp n, 3, 4,", "sw ra, 1 * 4(sp); .irp n, 3,",
    "alone 0"),
    "the pc is not saved at a switch": ("guests.s", "csrr t0, sepc; sw t0, VHART_PC(tp)", "nop", "with others 0"),
    "an SBI call changes a2": (
        "sbi.s", "answer: sw a1, VHART_A1(tp)", "answer: sw a1, VHART_A1(tp); sw a1, VHART_A2(tp)", "alone 1",
    ),
}  # fmt: skip
"""By name: the file, lines that are there once, what replaces them, and the check that notices: `clocks`, an attack's
name, or a setting of random kernels with a number."""


@contextmanager
def mutated(name: str) -> Iterator[ModuleType]:
    """The build.py of Warren with this mistake."""
    file, old, new, _ = MUTANTS[name]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "programs")
        for part in ("boot", WARREN):
            shutil.copytree(PROGRAMS / part, copy / part)
        (copy / "kernels/burrow").mkdir(parents=True)
        shutil.copy(PROGRAMS / "kernels/burrow/functions.inc", copy / "kernels/burrow")
        path = copy / WARREN / file
        path.write_text(patched(path.read_text(), old, new))
        spec = importlib.util.spec_from_file_location("mutated_warren", copy / WARREN / "build.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        yield module


def fails(check: str, module: Any) -> bool:
    """Whether a check fails with the Warren of a build.py."""
    if check == "clocks":
        return not clocks_begin(module)
    if check in ALL:
        try:
            Fight.between(check, None if module is script() else module).fight(60, 100_000)
        except AssertionError:
            return True
        return False
    setting, _, number = check.rpartition(" ")
    kernel = seeded(int(number))
    try:
        stage = guest(**SETTINGS[setting]) if module is script() else begun(module, **SETTINGS[setting])
        return bool(difference(kernel, stage, bare().run(kernel)))
    except AssertionError:
        return True


def clocks_begin(module: Any) -> bool:
    """Whether a guest's clocks begin when it does."""
    guests = [module.Guest(written(CLOCK_KERNEL), "clocks")]
    machine = over_sbi(module.build(guests), memory=module.memory_needed(guests) + (1 << 22))
    exit = machine.run(max_instructions=10_000_000)
    return exit.reason is ExitReason.HALT and exit.code == 0


def find(name: str, tries: int = 150) -> str:
    """A check that notices, or nothing."""
    with mutated(name) as module:
        if fails("clocks", module):
            return "clocks"
        for setting, options in SETTINGS.items():
            try:
                stage = begun(module, **options)
            except AssertionError:
                return f"{setting} 0"
            for number in range(tries if setting == "alone" else tries // 3):
                kernel = seeded(number)
                expected = bare().run(kernel)
                if expected.status is not None and difference(kernel, stage, expected):
                    return f"{setting} {number}"
        return next((attack for attack in ALL if fails(attack, module)), "")


if __name__ == "__main__":
    for mutant in sys.argv[1:] or MUTANTS:
        print(f"{mutant}: {find(mutant)}", flush=True)
