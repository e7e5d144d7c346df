"""Flags and types of sections: defaults by name, numbers, later changes; each as GNU as and ld have it."""

import pytest

from support.asm.both import START, ours, theirs
from trapline.asm import AsmError, assemble_text

NAMES = (
    "text init fini data data1 sdata sdata2 bss sbss sbss2 rodata rodata1 srodata init_array fini_array preinit_array "
    "ctors dtors tdata tbss note note.GNU-stack comment eh_frame gcc_except_table got plt debug_info line "
    "gnu.linkonce.t gnu.linkonce.d gnu.linkonce.b gnu.linkonce.r gnu.linkonce.s gnu.linkonce.sb gnu.linkonce.n "
    "gnu.linkonce.p gnu.lto_ noinit persistent persistent.bss data.rel.ro stack vectors"
).split()

TWICE = [
    ('"a"', '"aw"'), ('"aw"', '"a"'), ('"ax"', '"a"'), ('"awT"', '"aw"'), ('"aw", @progbits', '"aw", @nobits'),
    ('"aw", @nobits', '"aw"'), ('"", @progbits', '"aw"'), ('"aMS", @progbits, 1', '"a"'),
    ('"aM", @progbits, 4', '"aM", @progbits, 8'), ('"aw"', '"0x3"'), ('"aw"', '""'), ('"aw"', '"aw", @progbits'),
    ('"aw", @nobits', '"aw", @nobits'), ('"aG", @progbits, g, comdat', '"aw"'),
    ('"aG", @progbits, g, comdat', '"awG", @progbits, g, comdat'), ('"aw"', '"awx"'), ('"a"', '"aw", @nobits'),
]  # fmt: skip

ONCE = [
    *('"0x3", @progbits', '"3"', '"0x2"', '"6"', '"a1"', '"03"', '"aw0x4"', '"0x100003"', '"08"', '"aR"', '"ae"'),
    *('"aw", @8', '"aw", @0x1', '"aw", nobits', '"aw", 1', '"aw", %nobits', '"aw", "nobits"', '"aw", @note'),
    *('"aw", @foo', '"aM"', '"aMS"', '"aM", @progbits', '"aG"', '"aw", @progbits, 4', '"aw",', "aw", '"al"', '"a w"'),
    *('"a?"', '"aaww"', '"awT"', '"awT", @nobits', '"awx"', '"awx", @nobits'),
]

KNOWN = [
    *('.bss.x, "aw", @progbits', '.data.x, "aw", @nobits', '.note.x, "a", @progbits', '.note.x, "a"'),
    *('.init_array, "aw", @progbits', '.init_array.5, "aw", @progbits', '.tdata, "aw"', '.tdata, "awT", @nobits'),
    *('.tbss, "aw", @progbits', '.text.x, "a"', '.text.x, ""', '.data.x, "a"', '.data.x, "ax"', '.rodata.x, "aw"'),
    *('.text, "aw"', '.data, "a"', '.bss, "aw", @progbits', '.text, "ax", @nobits', '.rodata, "aM", @progbits, 4'),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suffix", ["", ".x", "x"])
def test_defaults_by_name(name, suffix, tool, tmp_path):
    text = f"{START}.section .{name}{suffix}\n.space 4\n"
    assert ours(text) == theirs(tool, tmp_path, text)


@pytest.mark.parametrize(("first", "second"), TWICE)
def test_changed_attributes(first, second, tool, tmp_path):
    text = f"{START}.section .foo, {first}\n.space 4\n.section .foo, {second}\n.space 4\n"
    assert ours(text) == theirs(tool, tmp_path, text)


@pytest.mark.parametrize("attributes", ONCE)
def test_attributes(attributes, tool, tmp_path):
    text = f"{START}.section .foo, {attributes}\n.space 4\n"
    assert ours(text) == theirs(tool, tmp_path, text)


@pytest.mark.parametrize("section", KNOWN)
def test_attributes_against_a_known_name(section, tool, tmp_path):
    text = f"{START}.section {section}\n.space 4\n.section {section}\n.space 4\n"
    assert ours(text) == theirs(tool, tmp_path, text)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('.section .f, "a"\n.section .f, "aw"', "<string>:2:10: error: '.f' began with flags \"a\""),
        ('.section .f, "aw"\n.section .f, "aw", @nobits', "<string>:2:10: error: '.f' began with type progbits"),
        ('.section .f, "aM", @progbits, -4', "<string>:1:10: error: entry size -4 is not in"),
        ('.section .f, "aw", nobits', "<string>:1:10: error: expected a type, such as '@nobits', not 'nobits'"),
    ],
)
def test_messages(source, message):
    with pytest.raises(AsmError) as caught:
        assemble_text(source)
    assert str(caught.value).startswith(message)


def test_a_section_that_is_not_loaded_is_reported():
    program = assemble_text("_start: nop\n.section .mydata\nx: .word 1")
    assert program.warnings.startswith("<string>:2:10: warning: section '.mydata' has no flags, so it is not loaded")
    quiet = '_start: nop\n.section .a, ""\n.section .comment\n.section .bss.x\n.section .data\n.section .b, "a"\n'
    assert assemble_text(quiet).warnings == ""


def test_an_existing_section_needs_no_flags():
    program = assemble_text('_start: nop\n.section .foo, "aw"\n.word 1\n.text\n.section .foo\n.word 2')
    assert program.sections[".foo"][1] == bytes((1, 0, 0, 0, 2, 0, 0, 0)) and not program.warnings
