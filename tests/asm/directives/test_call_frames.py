"""Call frame information: the same bytes as GNU as writes, and mistakes with their position."""

from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from support.gnu import build
from support.paths import TESTS
from support.process.run_ours import assemble
from trapline.asm import AsmError, assemble_text

SNIPPETS = (TESTS / "asm/snippets/frames.s").read_text()


def debug_frame(elf: Path) -> bytes:
    with elf.open("rb") as stream:
        return ELFFile(stream).get_section_by_name(".debug_frame").data()


def test_the_table_for_debuggers(tool, tmp_path):
    texts = [part.split("\n", 1)[1] for part in SNIPPETS.split("##### ")[1:4]]
    sources = []
    for number, text in enumerate(texts):
        sources.append(tmp_path / f"s{number}.s")
        own = text.replace("_start:", f"start{number}:\n    .globl start{number}")
        sources[-1].write_text(f"    .cfi_sections .debug_frame\n    .text\n{own}")
    ours, theirs = assemble(sources, tmp_path / "ours"), build(tool, sources, tmp_path / "theirs")
    assert debug_frame(ours) == debug_frame(theirs)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (".cfi_offset ra, -4", "t.s:1:13: error: '.cfi_offset' without '.cfi_startproc'"),
        (".cfi_endproc", "t.s:1:1: error: '.cfi_endproc' without '.cfi_startproc'"),
        (".cfi_startproc\n.cfi_startproc", "t.s:2:1: error: '.cfi_startproc' inside a function"),
        (".cfi_startproc", "t.s:1:1: error: this function has no '.cfi_endproc'"),
        (".cfi_startproc\n.cfi_offset ra, 3", "t.s:2:13: error: offset 3 of a saved register is not a multiple of 4"),
        (".cfi_startproc\n.cfi_offset ra", "t.s:2:13: error: '.cfi_offset' takes 2 operands, not 1"),
        (".cfi_startproc\n.cfi_undefined bad", "t.s:2:16: error: 'bad' is not a constant"),
        (".cfi_startproc\n.cfi_restore_state", "t.s:2:1: error: '.cfi_restore_state' without '.cfi_remember_state'"),
        (".cfi_startproc\n.data\n.cfi_endproc", "t.s:3:1: error: '.cfi_endproc' in '.data': began in '.text'"),
        (".cfi_startproc\n.data\n.cfi_undefined 1", "t.s:3:16: error: '.cfi_undefined' in '.data': the function is in"),
        (
            ".text 1\nnop\n.cfi_startproc\n.text\n.cfi_undefined 1\n.text 1\n.cfi_endproc",
            "t.s:5:16: error: '.cfi_' directives must be in the order",
        ),
        (".text 1\nnop\n.cfi_startproc\n.text\n.cfi_endproc", "t.s:5:1: error: '.cfi_' directives must be"),
        (".cfi_sections .text", "t.s:1:15: error: '.text' is not '.eh_frame' or '.debug_frame'"),
        (".cfi_startproc\n.cfi_lsda 0x50, x", "t.s:2:11: error: '.cfi_lsda': encoding 0x50 is not supported"),
        (".cfi_ofset ra, -4", "t.s:1:1: error: unknown directive '.cfi_ofset'"),
    ],
)
def test_mistakes(source, message):
    with pytest.raises(AsmError) as caught:
        assemble_text(source, name="t.s")
    assert str(caught.value).startswith(message)
