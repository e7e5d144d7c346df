"""`--stats` and `--json` of `trapline virt` count what the exit log has one by one."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from support.cli.command import invoke, write
from support.paths import PROGRAMS


def counted(tmp_path: Path, kernel: Path, technique: str, *more: str) -> tuple[dict[str, Any], Counter[str], str]:
    """(what --json says, routines of the exit log, what --stats says)."""
    log, report = tmp_path / "log.jsonl", tmp_path / "report.json"
    outcome = invoke("virt", kernel, "--technique", technique, "--exit-log", log, f"--json={report}", "--stats", *more)
    routines = Counter(json.loads(line)["routine"] for line in log.read_text().splitlines())
    return json.loads(report.read_text()), routines, outcome.message


def test_hypercalls_by_name(tmp_path: Path) -> None:
    report, routines, message = counted(tmp_path, PROGRAMS / "guests/demand-paravirt.s", "paravirt")
    calls = {name.removeprefix("hypercall "): n for name, n in routines.items() if name.startswith("hypercall")}
    assert report["hypercalls"] == calls and len(calls) >= 5
    assert all(f"{n}  hypercalls: {name}\n" in message for name, n in calls.items())


def test_a_hypercall_that_does_not_exist(tmp_path: Path) -> None:
    source = """
_start: li      t0, 0x1f
        csrw    pmpcfg0, t0
        li      t0, -1
        csrw    pmpaddr0, t0
        la      t0, guest
        csrw    mepc, t0
        li      t0, 0x800
        csrw    mstatus, t0
        mret
guest:  li      a7, 0x09545250
        li      a6, 77
        ecall
        li      t0, 0x100000
        li      t1, 0x5555
        sw      t1, (t0)
"""
    report, routines, _ = counted(tmp_path, write(tmp_path, "a.s", source), "paravirt")
    assert report["hypercalls"] == {"unknown": 1} and routines["hypercall number 77"] == 1


def test_translated_blocks(tmp_path: Path) -> None:
    report, routines, message = counted(tmp_path, PROGRAMS / "boot/sv32.s", "translate")
    words = [int(name.split("(")[1].split()[0]) for name in routines.elements() if name.startswith("translate_block")]
    translation = report["translation"]
    assert (translation["blocks"], translation["words"]) == (len(words), sum(words)) and len(words) > 20
    assert 1 <= translation["pages"] <= 4 and translation["flushes"] == 0
    assert (
        f"{len(words)}  blocks translated, {sum(words)} instructions" in message
        and "  pages in the translation cache\n" in message
    )


def test_patched_words(tmp_path: Path) -> None:
    source = """
_start: li      s0, 5
again:  popf    x0
        pushf   a0
        addi    s0, s0, -1
        bnez    s0, again
        li      t0, 0x100000
        li      t1, 0x5555
        sw      t1, (t0)
"""
    kernel = write(tmp_path, "holes.s", source)
    report, routines, message = counted(tmp_path, kernel, "patch", "--isa", "rv32ima_xleak")
    assert report["patched_words"] == 2 and "2  places patched at the end" in message
    assert routines["execute original popf"] == routines["execute original pushf"] == 5


def test_other_techniques_have_no_such_counts(tmp_path: Path) -> None:
    report, _, message = counted(tmp_path, PROGRAMS / "boot/sv32.s", "trap")
    assert report["hypercalls"] == {} and report["patched_words"] == 0
    assert report["translation"] == {"blocks": 0, "words": 0, "pages": 0, "flushes": 0}
    assert not any(word in message for word in ("hypercall", "translat", "patched"))
