"""Every program under programs/, saved at random instructions: what goes on from the file ends as if nothing was.

CI runs each of them under one technique, with one number of harts; a nightly run all combinations, more than 10,000
cuts: TRAPLINE_HYPOTHESIS=nightly python -m pytest tests/vm/snapshot_file/test_every_program.py
"""

import io
import random
from itertools import product
from pathlib import Path

import pytest

from support.budget import FIRST_SEED, LONG, NIGHTLY
from support.every_program import BOARD, BURROW, C_KERNEL, DEMOS, PARTS, PROCESSES, WARREN, boot
from support.gnu import Find
from support.kernels import c_kernel
from support.paths import PROGRAMS
from support.programs import EXPECTED
from support.snapshot_files import end, resumed, resumed_process, saved, saved_process
from trapline import Exit
from trapline.vm.boot.kernel_image import from_elf
from trapline.vm.boot.recipe import Boot
from trapline.vm.hypervisor.technique import TECHNIQUES
from trapline.vm.loader.files import load_elf
from trapline.vm.loader.source import load_file
from trapline.vm.process import Process
from trapline.vm.process.result import Result

pytestmark = [pytest.mark.slow, pytest.mark.timeout(LONG)]

MOST = 300_000
"""Steps after which a run is as good as ended."""
CUTS = 5
TYPED = b"ab\nhello\npingpong 5\nwild\nexit\n"
HARTS = (1, 2, 3, 4)
SYSTEMS = list(product(TECHNIQUES, HARTS))


def runs(program: str, number: int) -> list[tuple[str, str, int]]:
    """The combinations that are tried: in CI one, another for each program."""
    chosen = SYSTEMS if NIGHTLY else [SYSTEMS[7 * number % len(SYSTEMS)]]
    return [(program, technique, harts) for technique, harts in chosen]


FOUND = [("bench/nano/syscall.s", "assist", 1)]
"""What a nightly run has found."""
KERNELS = FOUND + [
    run for number, program in enumerate([*BOARD, *DEMOS, BURROW, WARREN]) for run in runs(program, number)
]


def check(made: Boot, folder: Path) -> None:
    """Cut a run anywhere, its first and last instruction included."""
    straight = made.build(stdin=TYPED)
    expected = end(straight, MOST)
    length = straight.cycle
    rng = random.Random(f"{FIRST_SEED} {made.name} {made.machine}")
    for cut in (length - 1, *(rng.randrange(length) for _ in range(CUTS - 1))):
        machine = made.build(stdin=TYPED)
        machine.run(max_instructions=cut)
        data = saved(machine, made)
        assert machine.board is not None
        machine.board.close()
        assert end(resumed(data, folder / "file"), MOST - cut) == expected, cut


def test_none_is_left_out() -> None:
    """A new program is among them, or among the parts of one."""
    found = {str(path.relative_to(PROGRAMS)) for path in PROGRAMS.rglob("*.s")}
    assert found == {*BOARD, *DEMOS, *PROCESSES, *PARTS}


def drive(folder: Path) -> tuple[str, ...]:
    """A drive that Burrow and others may find, new for each run."""
    path = folder / "disk"
    path.write_bytes(b"".join((7 * n + 1).to_bytes(4, "little") for n in range(1024)))
    return (f"file={path}",)


@pytest.mark.parametrize("program, technique, harts", KERNELS)
def test_a_kernel(program: str, technique: str, harts: int, tmp_path: Path) -> None:
    check(boot(program, technique, harts, drive(tmp_path)), tmp_path)


@pytest.mark.parametrize("technique, harts", [(technique, harts) for _, technique, harts in runs(C_KERNEL, 3)])
def test_the_kernel_in_c(technique: str, harts: int, tmp_path: Path, tool: Find) -> None:
    elf = c_kernel.build(c_kernel.compiler("gcc", tool), tmp_path / "kernel.elf")
    own = from_elf(load_elf(elf.read_bytes()))
    check(boot(C_KERNEL, technique, harts, drive(tmp_path), own), tmp_path)


@pytest.mark.parametrize("program", PROCESSES)
def test_a_process(program: str, tmp_path: Path) -> None:
    image = load_file(PROGRAMS / program)
    file = EXPECTED / program.replace(".s", ".in")
    typed = file.read_bytes() if file.exists() else TYPED

    def ended(process: Process, result: Result, printed: bytes) -> dict[str, object]:
        machine = process.machine
        return {
            "reason": result.reason, "status": result.exit_code, "calls": dict(process.counts), "printed": printed,
            "digest": machine.digest(), "cycle": machine.cycle, "random": process.random.getstate(),
        }  # fmt: skip

    stdout = io.BytesIO()
    straight = Process(image, ["program"], stdin=io.BytesIO(typed), stdout=stdout, max_instructions=MOST)
    expected = ended(straight, straight.run(), stdout.getvalue())
    length = straight.machine.cycle
    rng = random.Random(f"{FIRST_SEED} {program}")
    for cut in (0, length - 1, *(rng.randrange(length) for _ in range(100 if NIGHTLY else CUTS - 2))):
        stdin, stdout = io.BytesIO(typed), io.BytesIO()
        process = Process(image, ["program"], stdin=stdin, stdout=stdout)
        assert isinstance(process.resume(cut), Exit)
        data = saved_process(process)
        there = resumed_process(data, tmp_path / "file", stdin=stdin, stdout=stdout, max_instructions=MOST - cut)
        assert saved_process(there) == data
        assert ended(there, there.run(), stdout.getvalue()) == expected, cut
