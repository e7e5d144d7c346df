"""docs/assembler.md is true: it lists the assembler's directives, and its examples assemble."""

import re

import pytest

from support.asm.front_end import SimpleScope
from support.paths import DOCS
from trapline.asm import AsmError, assemble_text
from trapline.asm.assembler import HANDLERS
from trapline.asm.diagnostics import Diagnostics
from trapline.asm.directives.options import ignore
from trapline.asm.directives.section_attributes import FAMILIES, SINGLE
from trapline.asm.preprocess.conditionals import KEYWORDS
from trapline.asm.preprocess.expander import _Expander

DOCUMENT = (DOCS / "assembler.md").read_text(encoding="utf-8")
MENTIONED = set(re.findall(r"(?<![\w/%$])\.[a-z2-8]\w+", re.sub(r"```.*?```", "", DOCUMENT, flags=re.S)))
FRONT_END = set(_Expander(SimpleScope(), Diagnostics(), (), ())._special)
REFUSED = {".tls_common", ".cfi_label", ".cfi_val_encoded_addr"}
OLD_SPELLINGS = (
    ".irep .irepc .rep .elsec .endc .mexit .sect .sect.s .section.s .common.s .xcom .xdef .lsym .linefile".split()
)
SECTIONS = {*FAMILIES, *SINGLE, ".text.x"}
NO_DIRECTIVES = {".elf", ".md", ".cfi_", ".eh_frame", ".addrsig", ".riscv"}
DEBUG = ".debug_"


def test_every_directive_of_the_document_exists():
    known = set(HANDLERS) | FRONT_END
    others = MENTIONED - known - SECTIONS - REFUSED - NO_DIRECTIVES
    assert {name for name in others if not name.startswith(DEBUG)} == set()


def test_every_directive_is_in_the_document():
    rare = {*OLD_SPELLINGS}
    for name, handler in HANDLERS.items():
        if handler is ignore or re.fullmatch(r"\.(balign|p2align)[wl]|\.common|\.(dc|dcb|ds)\.\w", name):
            rare.add(name)
    assert (set(HANDLERS) | FRONT_END | set(KEYWORDS)) - rare - MENTIONED == set()


@pytest.mark.parametrize("example", re.findall(r"```asm\n(.*?)```", DOCUMENT, re.S))
def test_examples_assemble(example):
    symbols = "" if re.search(r"^LIMIT =", example, re.M) else "LIMIT = 0\n"
    assemble_text(symbols + example.replace("...", "nop"))


def test_the_message_is_the_one_shown():
    (shown,) = re.findall(r"```\n(trap\.s:.*?)```", DOCUMENT, re.S)
    source = "\n" * 12 + "  .macro grow n\n" + "addi sp, sp, \\n\n.endm\n" + "\n" * 15 + "  grow 5000\n"
    with pytest.raises(AsmError) as caught:
        assemble_text(source, name="trap.s")
    assert f"{caught.value}\n" == shown
