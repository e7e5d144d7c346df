"""gdb finds who has overwritten a word in the kernel in C, goes on from there, and all ends as it would alone."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.gdb.scripted import BOOT, UNDER_TRAP, converse, script, undisturbed
from support.gnu import Find
from support.kernels.c_kernel import build
from support.paths import PROGRAMS

pytestmark = [pytest.mark.slow, pytest.mark.once]

KERNEL = PROGRAMS / "kernels"
JOURNAL = """
#include "kernel.h"

static struct {
    uint32_t causes[4], limit, noted;
} journal = {.limit = 1000};

void note(uint32_t cause) {
    uint32_t *place = journal.causes + journal.noted % 5; /* one too many */
    *place = cause;
    if (journal.noted < journal.limit) journal.noted++;
}
"""
BEGINNING = "    if (cause == XCAUSE_TIMER) {"
"""What comes behind the declarations of `trap`."""
MEMORY = ("--memory", "1M")
LIMIT = 124
"""Exit status of a run that ends at its limit."""

FIND = script(
    """
    # step
    break user_count
    continue
    reverse-stepi
    x/i $pc
    stepi
    print $priv
    delete
    # broken
    break process_fault
    continue
    info threads
    backtrace
    print/x $satp
    # there
    output/x journal
    echo \\n
    printf "%u\\n", $mcycle
    info registers
    # back
    watch -location journal.limit
    reverse-continue
    print/x journal.limit
    x/i $pc
    backtrace
    info threads
    # around
    reverse-stepi
    stepi
    # forth
    continue
    x/i $pc - 4
    # back and forth
    reverse-continue
    continue
    # again
    continue
    # there again
    output/x journal
    echo \\n
    printf "%u\\n", $mcycle
    info registers
    # on
    delete
    """
)


@pytest.fixture(scope="module")
def guest(tool: Find, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kernel with a journal of traps that has room for one less than it thinks."""
    folder = tmp_path_factory.mktemp("kernel")
    for source in KERNEL.iterdir():
        if source.is_file():
            shutil.copy(source, folder)
    (folder / "journal.c").write_text(JOURNAL)
    header, trap = folder / "kernel.h", folder / "trap.c"
    header.write_text(header.read_text() + "void note(uint32_t cause);\n")
    assert BEGINNING in trap.read_text()
    trap.write_text(trap.read_text().replace(BEGINNING, "    note(cause);\n" + BEGINNING))
    return build(tool("riscv64-unknown-elf-gcc"), folder / "kernel.elf", folder)


@pytest.mark.parametrize("way", [BOOT, UNDER_TRAP], ids=" ".join)
def test_the_write_of_a_corrupted_word(way: Sequence[str], tool: Find, tmp_path: Path, guest: Path) -> None:
    told = converse(tool, tmp_path, way, guest, MEMORY, guest, [*FIND, "continue"])
    _, returning, user = told.after("step").partition(":\tmret\n")
    assert returning and "/user.c:" in user and user.endswith("$1 = 0")
    broken = told.after("broken")
    assert "process_fault (frame=" in broken and "in trap_entry ()" in broken
    assert '* 1    Thread 1.1 "hart 0" (M mode)' in broken and re.search(r"^\$2 = 0x800\d+$", broken, re.M)
    assert "limit = 0x8," in told.after("there")
    back = told.after("back")
    assert re.search(r"Old value = 8\nNew value = 1000\n.* in note \(", back) and "*place = cause;" in back
    assert "= 0x3e8" in back and re.search(r"=> 0x\w+ <note\+\d+>:\tsw\t", back)
    assert re.findall(r"#(\d) .* in (\w+) \(", back) == [("0", "note"), ("1", "trap"), ("2", "trap_entry")]
    assert "Old value = 1000\nNew value = 8\n" in told.after("forth")
    assert re.search(r"   0x\w+ <note\+\d+>:\tsw\t", told.after("forth"))
    values = re.findall(r"New value = (\d+)", told.after("back and forth"))
    assert values == ["1000", "8"]
    assert told.after("again") and "Breakpoint 2, process_fault" in told.after("again")
    assert told.after("there again") == told.after("there") != ""
    alone = undisturbed(tmp_path, way, guest, *MEMORY)
    assert (told.report["sha256"], told.console) == (alone.report["sha256"], alone.console)
    assert "exited normally" in told.text and told.status == alone.status == 0


@pytest.mark.parametrize("way", [BOOT, UNDER_TRAP], ids=" ".join)
def test_the_state_there_is_that_of_an_undisturbed_run(
    way: Sequence[str], tool: Find, tmp_path: Path, guest: Path
) -> None:
    """gdb ends the run where it has come to once more."""
    told = converse(tool, tmp_path, way, guest, MEMORY, guest, [*FIND, "monitor quit"])
    cycle = re.findall(r"^\d+$", told.after("there again"), re.M)[0]
    alone = undisturbed(tmp_path, way, guest, *MEMORY, "--max-instructions", cycle)
    assert (told.report["sha256"], told.report["pc"]) == (alone.report["sha256"], alone.report["pc"])
    assert told.console == alone.console and alone.status == LIMIT
