"""Memory without contents: `.bss` holds only zeros; `.comm` and `.lcomm` as GNU as and ld place them."""

import pytest

from support.asm.both import FILE, START, ours, theirs
from trapline.asm import AsmError, assemble_text

ZEROS_ONLY = "'.bss' has no contents, so it can hold only zeros"

LOST = [
    *("p: .word label", ".word label - _start", ".byte b - a\na: .balign 8\nb:", ".word later\nlater = 1"),
    *(".fill 3, 1, 5", ".ascii \"x\"", ".byte 0, 1", ".float 1", ".dc.b label", ".dword label"),
]  # fmt: skip

RESERVED = {
    "lcomm by size": "".join(f".lcomm s{n}, {n}\n" for n in (1, 4, 3, 9, 2, 40, 1, 8, 16, 5)).replace("s1,", "t1,", 1),
    "lcomm behind .bss": ".lcomm a, 16\n.lcomm b, 1\n.bss\n.space 3\n.lcomm c, 2\n",
    "comm by size": "".join(f".comm s{n}, {n}\n" for n in (1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33, 100)),
    "comm with alignments": ".comm q, 4, 3\n.comm r, 4, 24\n.comm s, 1, 64\n.comm t, 9, 1\n",
    "comm twice": ".comm a, 4\n.comm a, 8\n.comm b, 8\n.comm b, 4\n.comm c, 5, 16\n.comm c, 5, 4\n",
    "comm twice, aligned": ".comm d, 4, 4\n.comm d, 4, 32\n",
    "local, then comm": ".local x\n.comm x, 8, 8\n.local y\n.comm y, 1\n.local z\n.comm z, 4\n",
    "comm, then local": ".comm x, 8\n.local x\n.comm y, 1\n.text\nla a0, x\nla a0, y\n",
    "comm in two files": f".comm x, 4\n.text\nla a0, x\n{FILE}.comm x, 16, 32\n",
    "local comm in two files": f".comm x, 8\n.local x\n.text\nla a0, x\n{FILE}.comm x, 16\n.text\nla a0, x\n",
    "no comma": ".comm y 4\n.comm z 4, 8\n.lcomm w 4\n",
    "weak and common": ".weak x\n.comm x, 4\n",
    "common and weak": ".comm x, 4\n.weak x\n",
    "local alignment": ".local q\n.comm q, 4, 3\n",
    "lcomm after comm": ".lcomm a, 5\n.comm a, 5\n",
    "fill values": ".bss\n.byte 0\n.balign 8, 5\n.space 8, 1\n.org 32, 7\n.zero 3, 2\n",
}


@pytest.mark.parametrize("statement", LOST)
def test_bss_holds_only_zeros(statement, tool, tmp_path):
    text = f"{START}label: .bss\n{statement}\n"
    with pytest.raises(AsmError, match=ZEROS_ONLY.replace(".", r"\.")):
        assemble_text(text)
    assert theirs(tool, tmp_path, text) is None


@pytest.mark.parametrize(
    "section", ['.section .tbss, "awT", @nobits', ".section .noinit", '.section .x, "aw", @nobits']
)
@pytest.mark.parametrize(
    "statement",
    [
        *(".word label", ".dtprelword label", ".uleb128 end - label\n.text\n.balign 8\nend:"),
        ".space end - label, 1\n.text\n.balign 8\nend:",
    ],
)
def test_nor_does_any_section_without_contents(section, statement):
    """Also what GNU as 2.40 loses without a word, such as `.dtprelword`."""
    source = f"label: nop\n{section}\n{statement}"
    if ".space" in statement:
        assert "the fill value is ignored" in assemble_text(source).warnings
        return
    with pytest.raises(AsmError, match="has no contents, so it can hold only zeros"):
        assemble_text(source)


@pytest.mark.parametrize("case", RESERVED)
def test_reserved_memory(case, tool, tmp_path):
    symbols = sorted({line.replace(",", " ").split()[1] for line in RESERVED[case].splitlines() if "comm " in line})
    addresses = "".join(f"la a0, {name}\n" for name in symbols)
    text = f"{START}{addresses}{RESERVED[case]}"
    assert ours(text) == theirs(tool, tmp_path, text)


def test_a_lock_behind_a_flag_is_aligned():
    program = assemble_text(".lcomm flag, 1\n.lcomm lock, 4\nla a0, lock\namoadd.w a1, a1, (a0)")
    assert program.symbols["lock"] % 4 == 0


@pytest.mark.parametrize("kind", ["@gnu_indirect_function", "%gnu_indirect_function", "STT_GNU_IFUNC", "@10"])
def test_an_indirect_function_is_refused(kind):
    with pytest.raises(AsmError, match=r"<string>:2:7: error: 'f' is an indirect function \(ifunc\), which cannot"):
        assemble_text(f"call f\n.type f, {kind}\nf: ret")


@pytest.mark.parametrize(
    "kind", ["@function", "STT_FUNC", "@2", "2", "@object", "@1", "@notype", "STT_NOTYPE", "@common"]
)
def test_other_types_are_not(kind, tool, tmp_path):
    text = f"{START}.type f, {kind}\nf: ret\n"
    assert ours(text) == theirs(tool, tmp_path, text) is not None
