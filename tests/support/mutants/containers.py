"""Burrow with one mistake each in what keeps containers apart, which a scenario of `support.burrow.containers` must
notice.
"""

import shutil
import tempfile
from pathlib import Path
from types import ModuleType

from support.burrow.build import PROGRAMS as OF_TESTS
from support.burrow.build import build_script
from support.burrow.containers import SCENARIOS, build
from support.mutants.assembly import patched
from support.paths import PROGRAMS

MUTANTS: dict[str, tuple[str, str, str, str]] = {
    # Who sees whom.
    "messages reach other containers": ("attempts to escape", "numbers.s", "beq t2, a1, 3f", "j 3f"),
    "kill reaches what the host sees": ("attempts to escape", "numbers.s", "bne a1, t0, process_find", "nop"),
    "ps shows other containers": ("attempts to escape", "numbers.s", "lw t0, CONTAINER_NUMBER(t0); bnez t0, 2f", "nop"),
    "ps names a parent outside": (
        "attempts to escape", "numbers.s", "li a0, 0; beq t0, t1, 1f; lw a0, PROCESS_PARENT(s3)",
        "lw a0, PROCESS_PARENT(s3)",
    ),
    "numbers go on in a container": (
        "attempts to escape", "numbers.s", "sw t1, CONTAINER_LAST(t2); sw t1, PROCESS_ID(a0)", "nop",
    ),
    "the end of a namesake ends a wait": (
        "numbers of others", "messages.s", "lw t1, PROCESS_CONTAINER(s1); bne t0, t1, 4f; li t0, ERROR_MISSING",
        "li t0, ERROR_MISSING",
    ),
    "the host waits by the number inside": ("numbers", "processes.s", "beqz t4, 5f", "nop"),
    "shared memory is everybody's": (
        "attempts to escape", "regions.s", "lw t0, PROCESS_CONTAINER(s1); bne t0, t1, no_region", "nop",
    ),
    # What is allowed.
    "calls of the host are allowed": ("attempts to escape", "allowed.s", "and t2, t2, t0", "nop"),
    "all calls are allowed": ("allowed calls", "allowed.s", "bnez t5, 2f", "j 2f"),
    "a container has the host's calls": (
        "attempts to escape", "allowed.s", "call calls_of; sw a0, PROCESS_CALLS(t2)", "call calls_of",
    ),
    # Limits.
    "pages are not limited": ("pages", "memory.s", "branch_at_limit t2, PAGES, 4b", "nop"),
    "pages of a process are not given back": (
        "pages", "memory.s", "sub t0, t0, t2; sw t0, CONTAINER_USED + PAGES(t1)", "nop",
    ),
    "processes are not limited": ("processes", "processes.s", "branch_at_limit s6, PROCESSES, 9f", "nop"),
    "threads are not limited": ("threads", "threads.s", "branch_at_limit t2, THREADS, 9f", "nop"),
    "threads are not given back": ("threads", "threads.s", "charge t2, THREADS, -1", "nop"),
    "shared memory is not limited": ("regions", "regions.s", "branch_at_limit t2, SHARED_REGIONS, 5f", "nop"),
    "pages of shared memory are not counted": ("regions", "regions.s", "charge t2, PAGES", "nop"),
    "transfers are not limited": ("transfers", "disk.s", "branch_at_limit t3, TRANSFERS, 3f", "nop"),
    "transfers are not given back": ("transfers of the host", "disk.s", "charge t4, TRANSFERS, -1", "nop"),
    "limits are taken from nowhere": ("limits", "containers.s", "bltu t1, t2, 4f", "nop"),
    "limits are not given back": (
        "the first process", "containers.s", "add t1, t1, t2; sw t1, CONTAINER_LIMITS + \\resource(t0)", "nop",
    ),
    "limits of the image are ignored": ("limits", "containers.s", "lw t0, IMAGE_LIMITS + \\n(s2)", "li t0, 5"),
    # The share of time.
    "the share does not matter": ("shares", "shares.s", "divu t0, t0, t2", "nop"),
    "time is not counted": ("shares", "shares.s", "sw t2, CONTAINER_PASS(t1)", "nop"),
    "the first container is always chosen": ("shares", "shares.s", "bgez t5, 6f; 5: mv t3, t0", "j 6f; 5: mv t3, t0"),
    "idle containers save up": ("nothing saved up", "shares.s", "sw t2, CONTAINER_PASS(t0); jr t5", "jr t5"),
    "a lone thread is not counted": (
        "nothing saved up", "shares.s", "mv t6, ra; call charge_time; mv ra, t6; la t0, host; li t2, 0",
        "la t0, host; li t2, 0",
    ),
    "passes get too far apart": ("far apart", "shares.s", "blt t1, a1, 2f", "j 2f"),
    # The end.
    "a container outlives its first process": ("the first process", "processes.s", "7: call container_end", "7: nop"),
    "a container ends with any process": (
        "numbers", "processes.s", "bne t0, t1, 4f; lw a0, PROCESS_CONTAINER", "lw a0, PROCESS_CONTAINER",
    ),
    # The console.
    "lines are not marked": ("forged output", "terminals.s", "call print_mark", "nop"),
    "control characters are printed": ("forged output", "terminals.s", "bltu t0, t1, 7f", "nop"),
    "lines are mixed": ("forged output", "terminals.s", "beq t0, s4, 4f", "j 4f"),
    "the rest of a line goes to the next reader": ("input", "terminals.s", "call forget_line", "nop"),
    "everybody gets what is typed": (
        "input", "terminals.s", "beq t0, t1, 2f; lw a0, THREAD_NEXT(a0)", "j 2f; lw a0, THREAD_NEXT(a0)",
    ),
    "a container can take the console": ("taking the console", "terminals.s", "bnez t0, 2f; mv s2, a0", "mv s2, a0"),
    # The file system.
    "what is deleted is found below": ("layers", "files.s", "beq t1, t2, 5f", "nop"),
    "only the top layer is looked at": ("layers", "files.s", "lw t6, IMAGE_LAYERS(a1)", "li t6, 1"),
    "hidden files can be read": ("layers", "files.s", "beqz a0, 3f; bnez a1, 3f", "beqz a0, 3f"),
    "hidden files are listed": ("layers", "files.s", "beqz a0, 1f; bnez a1, 2f", "beqz a0, 1f"),
    "all containers have the files of the host": (
        "layers", "files.s", "lw t0, PROCESS_CONTAINER(s1); lw t0, CONTAINER_ROOT(t0)", "la t0, image + 4",
    ),
}  # fmt: skip
"""By name: the scenario that notices it, the file, lines that are there once, and what replaces them."""


def mutated(name: str) -> bytes:
    """The ELF of Burrow with this mistake."""
    _, file, old, new = MUTANTS[name]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "programs")
        for part in ("boot", "guests", "kernels/burrow"):
            shutil.copytree(PROGRAMS / part, copy / part)
        burrow = copy / "kernels/burrow"
        (burrow / file).write_text(patched((burrow / file).read_text(), old, new))
        script = ModuleType("burrow_build")
        script.__file__ = str(burrow / "build.py")
        exec(compile((burrow / "build.py").read_text(), script.__file__, "exec"), script.__dict__)
        script.base = build_script().base  # type: ignore[attr-defined]  # the programs are as they were
        return build(script, OF_TESTS)


def noticed(name: str) -> str:
    """What the mutant's scenario finds, or empty."""
    return SCENARIOS[MUTANTS[name][0]](mutated(name))
