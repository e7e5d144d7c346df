"""Where sections go that ld's script does not name, thread-local ones, and its symbols: as GNU as and ld have it."""

import pytest

from support.asm.both import FILE, START, ours, theirs

KINDS = ['"a"', '"aw"', '"ax"', '"awx"', '"awT"', '"aw", @nobits', '""', '"a", @note']
SYMBOLS = "__global_pointer$ __DATA_BEGIN__ __SDATA_BEGIN__ __bss_start __BSS_END__ _edata _end etext".split()

ORDERS = {
    "read-only": ".zoo,a .rodata,a .foo,ax .yoo,a .eh_frame,a .goo,ax .init,ax .fini,ax .rodata1,a",
    "writable": ".d1,aw .tls,awT .b1,aw,@nobits .d2,aw .tdata,awT .init_array,aw .sdata,aw .data1,aw .got,aw "
    ".data.rel.ro,aw .sbss,aw,@nobits .bss,aw .data,aw .tbss,awT",
    "notes": ".note.a,a .rodata,a .foo,aw,@note .note.b,a",
}

POINTERS = {
    "an orphan": '.section .foo, "aw"\n.word 1\n',
    "a large orphan": '.section .foo, "aw"\n.space 0x2000\n',
    "an orphan and .bss": '.section .foo, "aw"\n.word 1\n.bss\n.space 0x1800\n',
    "an orphan and zeros": '.section .foo, "aw"\n.space 0x2000\n.section .bar, "aw", @nobits\n.space 0x2000\n',
    "an orphan and .data1": '.section .foo, "aw"\n.space 0x2000\n.section .data1\n.word 1\n',
    "an orphan and .sdata": '.section .foo, "aw"\n.space 0x2000\n.section .sdata, "aw"\n.word 1\n',
    "an orphan and .sbss": '.section .foo, "aw"\n.word 1\n.section .sbss, "aw", @nobits\n.space 0x900\n',
    ".sdata only": '.section .sdata, "aw"\n.word 1\n',
    ".init_array only": '.section .init_array, "aw"\n.space 0x2000\n',
    ".tdata and an orphan": '.section .tdata, "awT"\n.space 0x20\n.section .foo, "aw"\n.space 0x30\n',
    ".bss only": ".bss\n.space 0x1000\n",
    ".data, empty and aligned": '.section .foo, "aw"\n.space 0x2000\n.data\n.balign 64\n',
    "nothing": "",
}

THREADS = [
    ".section .tdata\n.word 2\n.section .tbss\n.balign {0}\n.space 0x50\n.data\n.word 2\n",
    ".section .tbss\n.balign {0}\n.word 0\n.section .tdata\n.balign 8\n.byte 2\n",
    '.section .tbss\n.balign {0}\n.word 0\n.section .tls, "awT"\n.word 2\n',
    ".section .tbss\n.balign {0}\n.word 0\n.data\n.word 3\n",
    ".section .tdata.x\n.byte 3\n.section .tbss.x\n.balign {0}\n.byte 0\n.section .tdata\n.byte 3\n",
]
"""Thread-local storage, with a place for an alignment."""


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_sections_of_one_name_in_two_files(first, second, tool, tmp_path):
    parts = [f".section .foo, {kind}\n.space 4\n" for kind in (first, second)]
    text = f"{START}.section .rodata\n.word 8\n.data\n.word 9\n{parts[0]}{FILE}{parts[1]}"
    assert ours(text) == theirs(tool, tmp_path, text)


@pytest.mark.parametrize("order", ORDERS)
def test_order(order, tool, tmp_path):
    text = START
    for section in ORDERS[order].split():
        name, flags, *kind = section.split(",")
        text += f".section {','.join([name, chr(34) + flags + chr(34), *kind])}\n.space 4\n"
    assert ours(text) == theirs(tool, tmp_path, text)


@pytest.mark.parametrize("case", POINTERS)
def test_symbols_of_the_script(case, tool, tmp_path):
    """`__global_pointer$` lay behind the data instead of at it where `.data` was empty."""
    text = START + POINTERS[case] + ".text\n" + "".join(f"la a0, {name}\n" for name in SYMBOLS)
    assert ours(text) == theirs(tool, tmp_path, text)


@pytest.mark.parametrize("text", THREADS, ids=range(len(THREADS)))
@pytest.mark.parametrize("alignment", [1, 4, 16, 64, 256])
def test_thread_local_storage_is_aligned_as_a_whole(text, alignment, tool, tmp_path):
    uses = "x: .byte 1\ny:\n.text\nlui a0, %tprel_hi(x)\naddi a0, a0, %tprel_lo(x)\nla.tls.ie a0, x\nla.tls.gd a0, y\n"
    text = START + text.format(alignment)
    if "tdata" in text:
        text += ".section .tdata\n.word 7\n" + uses
    assert ours(text) == theirs(tool, tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        ".section .init\n.byte 1\n.section .fini\n.half 1\n",
        '.section .sdata, "aw"\n.balign 64\n.section .noinit\n.byte 0\n',
        '.section .rodata\n.balign 64\n.section .q, "a"\n.byte 0\n',
        '.section .data1\n.byte 1\n.section .noinit\n.byte 0\n.section .sbss, "aw", @nobits\n.balign 2\n',
    ],
)
def test_ends_and_empty_sections(text, tool, tmp_path):
    """Code is not padded at its end; empty sections move others only if ld names their start."""
    assert ours(START + text) == theirs(tool, tmp_path, START + text)


@pytest.mark.parametrize("more", ["", ".data\n.word 1\n", ".section .rodata\n.word 1\n", ".section .tbss\n.word 0\n"])
@pytest.mark.parametrize("array", [".preinit_array", ".init_array", ".fini_array"])
def test_an_empty_array_has_a_segment(array, more, tool, tmp_path):
    """ld writes a program header for it, which moves `.text`."""
    text = f'{START}.section {array}, "aw"\n.balign 64\n{more}'
    assert ours(text) == theirs(tool, tmp_path, text)


@pytest.mark.parametrize(
    "more",
    [
        '.section .srodata, "a"\n.word 1\n',
        '.section .sdata, "a"\n.balign 0x4000\n.word 1\n',
        '.section .srodata, "a"\n.word 1\n.bss\n.word 0\n',
        ".bss\n.word 0\n",
        "",
    ],
)
def test_thread_local_zeros_in_segments(more, tool, tmp_path):
    """`.tbss` begins a writable segment, even if nothing else in it is writable, but never is the last alone."""
    text = f"{START}lui a0, %tprel_hi(x)\n.section .tbss\n.space 8\nx: .word 0\n{more}"
    assert ours(text) == theirs(tool, tmp_path, text)
