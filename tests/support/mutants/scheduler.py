"""Burrow and its library with one mistake each, which random schedules must notice.

`python -m support.mutants.scheduler`, in tests/, looks for a small schedule that each of them fails with and has no
file in the corpus yet, and writes it there.
"""

import re
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample

from support.burrow.schedules import Rerun, Schedule, build, burrow, load, schedules
from support.mutants.assembly import patched
from support.paths import CORPUS, PROGRAMS

SCHEDULES = CORPUS / "schedules"
MUTANTS: dict[str, tuple[str, str, str]] = {
    # The library's mutexes and conditions.
    "a mutex is taken without an atomic instruction": (
        "user/lib.s", "lr.w.aq t0, (a0); bnez t0, lock_contended; li t1, 1; sc.w t0, t1, (a0); bnez t0, 1b",
        "lw t0, (a0); bnez t0, lock_contended; li t1, 1; sw t1, (a0)",
    ),
    "mutex_unlock wakes nobody": ("user/lib.s", "li t1, 2; bne t0, t1, 1f", "li t1, 3; bne t0, t1, 1f"),
    "mutex_lock does not mark the mutex contended": ("user/lib.s", "li a1, 2; amoswap", "li a1, 1; amoswap"),
    "condition_wait looks at the word too late": (
        "user/lib.s", "lw s2, (s0); mv a0, s1; call mutex_unlock",
        "mv a0, s1; call mutex_unlock; lw s2, (s0)",
    ),
    "condition_wait does not take the mutex again": ("user/lib.s", "call lock_contended", ""),
    "a condition does not count signals": ("user/lib.s", "amoadd.w.rl zero, t1, (a0)", ""),
    # Threads and futexes.
    "futex_wake wakes nobody": ("threads.s", "call unlink; call make_ready; j 1b; 2: mv a0, s3", "j 1b; 2: mv a0, s3"),
    "futex_wake wakes one too few": ("threads.s", "mv s2, a1; li s3, 0", "addi s2, a1, -1; li s3, 0"),
    "futex_wait does not compare": ("threads.s", "bne t0, s2, 1f", ""),
    "thread_exit wakes nobody": ("threads.s", "call unlink; call make_ready; j 1b; 2: beqz s4", "j 1b; 2: beqz s4"),
    "threads share a stack": ("threads.s", "or t1, t1, t0; sw t1, PROCESS_STACKS(s1)", "or t1, t1, t0"),
    # The scheduler.
    "unlink forgets the end of the queue": ("scheduler.s", "sw t1, QUEUE_LAST(t0); 3:", "nop; 3:"),
    "sleepers are forgotten when one is woken": ("scheduler.s", "mv s3, t0; mv s4, t1; j 2b", "j 2b"),
    "sleep does not set the timer": ("scheduler.s", "call wake_at; la a0, sleep_queue", "la a0, sleep_queue"),
    "sleepers are woken at once": ("scheduler.s", "branch_before s0, s1, t0, t1, 3f", ""),
    "harts do not wait for the kernel lock": ("locks.s", "bne t1, t2, 1b", ""),
    "a register is not saved": ("burrow.inc", ".irp n, 3, 4, 5, 6, 7, 8, 9,", ".irp n, 3, 4, 5, 6, 7, 9,"),
    "the address space stays": ("traps.s", "beq a0, t0, 1f; sw a0, HART_ROOT(tp)", "j 1f; sw a0, HART_ROOT(tp)"),
    # The disk.
    "the end of a transfer wakes nobody": ("disk.s", "li a1, -1; call wake_waiters", ""),
    "the end of a transfer is not timed": ("disk.s", "call wake_at", ""),
    "transfers are forgotten when one has ended": ("disk.s", "mv s3, t0; mv s4, t1", ""),
    "a transfer outlives its process": ("processes.s", "call disk_cancel", ""),
    # Messages.
    "a message loses a word": ("messages.s", ".irp n, 0, 4, 8, 12", ".irp n, 0, 4, 8"),
    "a message is received twice": (
        "messages.s", "mv a0, s2; call unlink; call make_ready; lw a0, FRAME_A0(s0)",
        "lw a0, FRAME_A0(s0)",
    ),
    "a message overwrites another": (
        "messages.s", "call move_message; call unlink; call make_ready; li a0, 0",
        "call move_message; li a0, 0",
    ),
    "the sender is not woken": (
        "messages.s", "mv a0, s2; call unlink; call make_ready; lw",
        "mv a0, s2; call unlink; lw",
    ),
    "senders are not woken at an exit": ("messages.s", "1: addi a0, s1, PROCESS_SENDERS; call dequeue", "1: li a0, 0"),
    "receivers are not woken at an exit": (
        "messages.s", "bne t0, t1, 4f; li t0, ERROR_MISSING",
        "j 4f; li t0, ERROR_MISSING",
    ),
    # Processes and memory.
    "kill leaves threads in their queues": (
        "processes.s", "mv a0, s3; call unlink; mv a0, s3; call thread_free",
        "mv a0, s3; call thread_free",
    ),
    "kill does not wait for other harts": ("processes.s", "lw t0, PROCESS_RUNNING(s2); bnez t0, 5f", ""),
    "a zombie is reaped twice": (
        "processes.s", "mv a0, s3; call process_free; j 3f", "j 3f",
    ),
    "waiting parents are not woken at an exit": ("processes.s", "call serve_waiters", ""),
    "orphans keep their parent": ("processes.s", "sw zero, PROCESS_PARENT(s2)", ""),
    "tables are not freed": ("memory.s", "sub a0, s4, t0; call free_page", "sub a0, s4, t0"),
    "a shared region is not freed": ("regions.s", "mv a0, s3; call free_region; 4:", "nop; 4:"),
    "a shared region is freed with its first user": (
        "regions.s", "sw t0, REGION_USERS(s3); bnez t0, 4f",
        "sw t0, REGION_USERS(s3)",
    ),
    "a page is given out twice": ("memory.s", "lw t1, (a0); sw t1, (t0); j 2f", "j 2f"),
}  # fmt: skip
"""By name: the file, lines that are there once, and what replaces them.

A kernel that does not end reservations at a switch is missing: this machine ends them at every trap.
"""


def mutated(name: str) -> bytes:
    """The ELF of Burrow with this mistake."""
    file, old, new = MUTANTS[name]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "programs")
        for part in ("boot", "guests", "kernels/burrow"):
            shutil.copytree(PROGRAMS / part, copy / part)
        burrow = copy / "kernels/burrow"
        for path in (*burrow.glob("user/*.s"), *burrow.glob("files/*")):
            if path.stem != "lib":  # no need to assemble more than is run
                path.unlink()
        (burrow / file).write_text(patched((burrow / file).read_text(), old, new))
        return build(burrow)


def path(name: str) -> Path:
    """The file of the corpus for a mutant."""
    return SCHEDULES / (re.sub(r"[^a-z0-9]+", "-", name.lower()) + ".json")


def noticed(name: str) -> bool:
    """Whether a schedule fails with a mutant: the one of the corpus, or, if another timing has saved it, a new one."""
    elf = mutated(name)
    schedule, _ = load(path(name))
    return bool(Rerun(schedule.harts, elf).failure(schedule)) or found(elf, Phase.generate) is not None


def found(elf: bytes, *phases: Phase, tries: int = 400) -> Schedule | None:
    """A schedule that fails with a mutant, for as few harts as it takes, or None."""
    for harts in (1, 2, 4):
        rerun = Rerun(harts, elf)
        effort = settings(
            max_examples=tries, derandomize=True, database=None, deadline=None, phases=phases,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        try:
            return find(schedules(harts), lambda schedule, rerun=rerun: bool(rerun.failure(schedule)), settings=effort)
        except NoSuchExample:
            pass
    return None


if __name__ == "__main__":
    for mutant in MUTANTS:
        if not path(mutant).exists():
            schedule = found(mutated(mutant), Phase.generate, Phase.shrink)
            print(f"{mutant}: {schedule}", flush=True)
            if schedule is not None:
                rerun = Rerun(schedule.harts, burrow())
                assert rerun.failure(schedule) == "", "it fails without the mistake too"
                schedule.save(path(mutant), f"Fails when this is wrong: {mutant}.", mutant, rerun.machine.cycle)
