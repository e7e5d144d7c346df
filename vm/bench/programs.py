"""Runs the benchmark programs here and, if installed, on QEMU: the same ELF, in turn."""

import io
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from trapline.vm.loader.files import load_elf
from trapline.vm.machine import Announce, ExitReason, Machine
from trapline.vm.process import Process, Reason

PROCESS_PROGRAMS = ("fib", "sieve", "matmul", "sha256")
BOARD_PROGRAMS = ("trap", "walk")
ROUND_TRIPS = 2_000_000
"""Round trips in trap.s."""


@dataclass(frozen=True)
class Measurement:
    """One program: instructions retired, seconds of wall clock here and on QEMU (None without QEMU).

    Both are the best of the repeats. QEMU's include its start (about 0.02 s for a process, 0.1 s for a board).
    """

    name: str
    instructions: int
    seconds: float
    peer_seconds: float | None

    @property
    def mips(self) -> float:
        """Million instructions per second."""
        return self.instructions / self.seconds / 1e6

    @property
    def ratio(self) -> float | None:
        """Speed relative to QEMU."""
        return self.peer_seconds / self.seconds if self.peer_seconds is not None else None


class BenchmarkError(Exception):
    """A benchmark program failed."""


def _assembled(source: Path, text_base: int | None, isa: str = "rv32ima") -> bytes:
    from trapline.asm import assemble

    return assemble([source], text_base=text_base, isa=isa).elf


def run_process(source: Path, isa: str) -> tuple[int, float]:
    """Assemble a program for an ISA and run it once: instructions and seconds. Raises BenchmarkError and AsmError."""
    return _run_process(_assembled(source, None, isa), source.stem, None, isa)


def _run_process(elf: bytes, name: str, announce: Announce | None, isa: str = "rv32ima") -> tuple[int, float]:
    process = Process(
        load_elf(elf), [name], {}, stdin=io.BytesIO(), stdout=io.BytesIO(), stderr=io.BytesIO(), isa=isa,
        announce=announce,
    )  # fmt: skip
    start = time.perf_counter()
    result = process.run()
    seconds = time.perf_counter() - start
    if result.reason is Reason.INTERRUPTED:
        raise KeyboardInterrupt
    if result.exit_code:
        raise BenchmarkError(f"{name} ended with status {result.exit_code}: its result is wrong")
    return result.instructions, seconds


def _run_board(elf: bytes, name: str, announce: Announce | None) -> tuple[int, float]:
    machine = Machine.from_elf(elf, announce=announce)
    start = time.perf_counter()
    exit = machine.run()
    seconds = time.perf_counter() - start
    if exit.reason is ExitReason.INTERRUPTED:
        raise KeyboardInterrupt
    if exit.reason is not ExitReason.HALT or exit.code:
        raise BenchmarkError(f"{name} ended with {exit}")
    return machine.instret, seconds


def _run_peer(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=120)
    return time.perf_counter() - start


def _peer_command(name: str, elf: Path) -> list[str] | None:
    if name in PROCESS_PROGRAMS:
        found = shutil.which("qemu-riscv32")
        return [found, str(elf)] if found else None
    found = shutil.which("qemu-system-riscv32")
    options = ["-machine", "virt", "-bios", "none", "-display", "none", "-serial", "none", "-kernel", str(elf)]
    return [found, *options] if found else None


def measure(
    folder: Path, name: str, *, repeats: int = 3, peer: bool = True, announce: Announce | None = None
) -> Measurement:
    """Assemble `folder/name.s` and run it here and on QEMU, in turn, so that disturbances affect both.

    Raises BenchmarkError and `asm.AsmError`.
    """
    on_board = name in BOARD_PROGRAMS
    elf = _assembled(folder / f"{name}.s", 0x80000000 if on_board else None)
    run = _run_board if on_board else _run_process
    runs, peer_runs = [], []
    with tempfile.TemporaryDirectory(prefix="trapline-") as scratch:
        path = Path(scratch) / f"{name}.elf"
        path.write_bytes(elf)
        path.chmod(0o755)
        command = _peer_command(name, path) if peer else None
        for _ in range(repeats):
            runs.append(run(elf, name, announce))
            if command is not None:
                peer_runs.append(_run_peer(command))
    return Measurement(name, runs[0][0], min(seconds for _, seconds in runs), min(peer_runs, default=None))
