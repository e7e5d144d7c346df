"""gdb with the symbols of Burrow and of one of its programs: who has overwritten a word, in the program and below."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.burrow.build import MEMORY, build_script
from support.gdb.document import blocks
from support.gdb.scripted import BOOT, UNDER_TRAP, converse, script, undisturbed
from support.gnu import Find
from support.paths import BURROW, ROOT
from trapline.asm import assemble

pytestmark = [pytest.mark.slow, pytest.mark.once]

OPTIONS = ("--memory", f"{MEMORY >> 20}M")
USER_TEXT = 0x40000000

SESSION = """
    # program
    break report
    continue
    info threads
    backtrace 2
    print/x $satp
    output *(int *) &behind
    # back
    watch *(int *) &behind
    reverse-continue
    output *(int *) &behind
    # again
    delete
    break report
    continue
    output *(int *) &behind
    # kernel
    delete
    break call_write
    continue
    info threads
    backtrace 1
    printf "%u\\n", $cycle
    # trap
    eval "watch *(int *) %u", $s0 + 4 * 10
    reverse-continue
    info threads
    x/i $pc
    # caller
    delete
    break report
    reverse-continue
    info threads
    # kernel again
    delete
    break call_write
    continue
    printf "%u\\n", $cycle
    # on
    delete
    continue
    """
"""The tenth word of a thread's record is its a0 in user mode, which the first instructions of a trap save."""


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Burrow, whose first process is the program, and the program for gdb alone."""
    folder = tmp_path_factory.mktemp("burrow")
    source, kernel, program = folder / "spill.s", folder / "burrow.elf", folder / "spill.elf"
    source.write_text(blocks("asm")[0])
    kernel.write_bytes(build_script().build(init="spill", programs=[source], debug=True))
    user = BURROW / "user"
    sources = [source, user / "lib.s"]
    program.write_bytes(assemble(sources, text_base=USER_TEXT, include_dirs=[user], debug=True).elf)
    return kernel, program


@pytest.mark.parametrize("way", [BOOT, UNDER_TRAP], ids=" ".join)
def test_words_of_a_program_and_of_the_kernel(
    way: Sequence[str], tool: Find, tmp_path: Path, guest: tuple[Path, Path]
) -> None:
    kernel, program = guest
    told = converse(tool, tmp_path, way, kernel, OPTIONS, kernel, script(f"add-symbol-file {program}", SESSION))
    program_text, back = told.after("program"), told.after("back")
    assert "(U mode) report () at " in program_text and program_text.endswith("\n4")
    assert re.search(r"#0  report \(\) .*\n#1  0x\w+ in main \(\) ", program_text)
    assert re.search(r"^\$1 = 0x800\w+$", program_text, re.M)
    assert "Old value = 4\nNew value = 600\nmain () at " in back and "sw      s1, (t0)\n600" in back
    assert re.search(r"Breakpoint \d, report \(\)", told.after("again")) and told.after("again").endswith("\n4")
    assert "(S mode) call_write () at " in told.after("kernel") and "console.s" in told.after("kernel")
    trap = told.after("trap")
    assert "(S mode) 0x" in trap and re.search(r"=> 0x\w+ <supervisor_trap\+\d+>:\tsw\ta0,40\(sp\)", trap)
    assert "(U mode) report () at " in told.after("caller")
    assert told.after("kernel again").split()[-1] == told.after("kernel").split()[-1]
    alone = undisturbed(tmp_path, way, kernel, *OPTIONS)
    assert (told.report["sha256"], told.console) == (alone.report["sha256"], alone.console)
    assert "exited normally" in told.text and told.status == alone.status == 0


def test_the_session_of_the_document(tool: Find, tmp_path: Path, guest: tuple[Path, Path]) -> None:
    kernel, program = guest
    first, *lines = blocks("gdb")[1].splitlines()
    assert first == "target remote :1234"
    lines = [line.replace(program.name, str(program)) for line in lines]
    told = converse(tool, tmp_path, BOOT, kernel, OPTIONS, kernel, lines)
    shortened = told.text.replace(f"{program.parent}/", "").replace(f"{ROOT}/", "")
    assert shortened == blocks("text")[1]
