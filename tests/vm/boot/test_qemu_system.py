"""Privileged behaviour against qemu-system-riscv32: the same program runs on both and logs the same records.

The programs are random, from fixed seeds. In `tests/support/qemu`, `systems.py` has the harness and says
what a record is; `privileged.py` and `protection.py` make the snippets; `differences.py` names what QEMU 7.2 does
otherwise than we do, which docs/decisions/0001-differences-from-qemu-7.2.md explains.
"""

from collections.abc import Callable
from random import Random

import pytest

from support.budget import PLAIN, seeds
from support.gnu import Find, run_tool
from support.paths import DOCS
from support.qemu import in_use, privileged, protection, supervisor_timer, triggers
from support.qemu.differences import DIFFERENCES, Difference, mask
from support.qemu.systems import Snippet, assemble, code_of, compare, record, run_here, run_on_qemu

SNIPPETS = 4 if PLAIN else 50
GENERATORS = (
    privileged.machine_csrs, privileged.walk, privileged.interrupts, privileged.refusals,
    protection.pmp_words, protection.pmp_pages, protection.pmp_locks, protection.paging, in_use.in_use,
)  # fmt: skip
DOCUMENT = DOCS / "decisions/0001-differences-from-qemu-7.2.md"


@pytest.mark.parametrize("seed", seeds(3))
@pytest.mark.parametrize("generate", GENERATORS)
def test_same_records_as_qemu(tool: Find, generate: Callable[[Random], Snippet], seed: int) -> None:
    """CSRs, traps, returns, interrupts, PMP, Sv32."""
    rng = Random(seed)
    records = compare(tool, [generate(rng) for _ in range(SNIPPETS)], mask)
    assert records > 2 * SNIPPETS


@pytest.mark.parametrize("seed", seeds(2))
def test_same_records_with_sstc(tool: Find, seed: int) -> None:
    """stimecmp in the past or far ahead: who may access it, and what it does to mip, sip and interrupts."""
    rng = Random(seed)
    assert compare(tool, [supervisor_timer.stimecmp(rng) for _ in range(SNIPPETS)], mask, ["sstc"]) > SNIPPETS


@pytest.mark.slow
def test_same_records_with_triggers(tool: Find) -> None:
    """Loads, stores and instructions in each mode, and where the breakpoint exception goes."""
    rng = Random(16)
    snippets = [generate(rng) for _ in range(SNIPPETS) for generate in (triggers.triggers, triggers.numbers)]
    assert compare(tool, snippets, mask, ["sdtrig"]) > 5 * SNIPPETS


@pytest.mark.slow
@pytest.mark.parametrize("generate", [privileged.machine_csrs, privileged.walk, protection.paging])
def test_same_records_with_compressed_instructions(tool: Find, generate: Callable[[Random], Snippet]) -> None:
    """With C on both, mepc and sepc have bit 1, and jumps to any halfword go there."""
    rng = Random(14)
    assert compare(tool, [generate(rng) for _ in range(SNIPPETS)], mask, ["c"]) > 2 * SNIPPETS


@pytest.mark.slow
def test_same_csrs_exist(tool: Find) -> None:
    """Each of the 4096 addresses is read in each mode."""
    assert compare(tool, [privileged.existing_csrs(mode) for mode in (0, 1, 3)]) == 3 * 32


def as_documented(snippet: Difference, lines: list[str], code: Callable[[int], int], number: int) -> bool:
    """Whether the last record of snippet `number` is as promised."""
    return snippet.holds([r for r in (record(line, code) for line in lines) if r["snippet"] == number][-1])


def test_where_qemu_differs_ours_is_as_documented() -> None:
    """The cases left out above, against the specification."""
    elf = assemble([Snippet(d.name, d.source) for d in DIFFERENCES])
    lines = run_here(elf)
    wrong = [d for number, d in enumerate(DIFFERENCES) if not as_documented(d, lines, code_of(elf), number)]
    assert not wrong


def test_no_difference_is_left_out_in_vain(tool: Find) -> None:
    """QEMU 7.2 behaves differently in every case."""
    if b"version 7.2" not in run_tool(tool("qemu-system-riscv32"), "--version"):
        pytest.skip("another version of QEMU may have fewer differences")
    elf = assemble([Snippet(d.name, d.source) for d in DIFFERENCES])
    lines = run_on_qemu(tool, elf)
    same = [d for number, d in enumerate(DIFFERENCES) if as_documented(d, lines, code_of(elf), number)]
    assert not same


def test_every_difference_is_explained() -> None:
    """The document has a row for each name, and no other rows."""
    rows = [line.split("|")[1].strip() for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted({f"`{d.name}`" for d in DIFFERENCES})
