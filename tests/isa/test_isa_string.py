"""ISA strings in every spelling that tools write, and those that are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trapline.isa.extension import BASE, GROUPS, LETTERS, OPTIONAL, XLEAK, canonical
from trapline.isa.isa_string import LEFT_OUT, absent_floats, misa_value, parse_isa

BITS = GROUPS["b"]
IN_QEMU = "rv32imac_zicsr_zifencei_zihintpause_zba_zbb_zbs"
"""What QEMU 7.2 writes into the device tree of `-cpu rv32,f=off,d=off,h=off,sstc=off,zbc=off`."""


def optional(text: str) -> set[str]:
    """What a string asks for beyond rv32ima."""
    return {*parse_isa(text)} - {*BASE}


@pytest.mark.parametrize(
    ("text", "extensions"),
    [
        ("rv32ima", ()),
        ("RV32IMAC", ("c",)),
        ("rv32ima_c", ("c",)),
        ("rv32imaczicsr_zba", ("c", "zba")),
        ("rv32mai", ()),
        ("rv32i2p1_m2p0_a2p1_c2p0_zba1p0_zbb1p0_zbs1p0", ("c", *BITS)),
        # As newer toolchains write it, which name the parts of M, A and C, too.
        (
            "rv32i2p1_m2p0_a2p1_f2p2_d2p2_c2p0_zicsr2p0_zifencei2p0_zmmul1p0_zaamo1p0_zalrsc1p0_zca1p0_zba1p0",
            ("c", "zba"),
        ),
        ("rv32i2m2a2c2", ("c",)),
        ("rv32imab", BITS),
        ("rv32imab_zba_zbb_zbs", BITS),
        ("rv32ima_zca", ("c",)),
        ("rv32imac_zca", ("c",)),
        ("rv32ima_zcb", ("c", "zcb")),
        ("rv32gc", ("c",)),
        ("rv32g_zicsr_zifencei_zicntr_zihpm", ()),
        ("rv32imac_zicond1p0_zicbom", ("c", "zicbom", "zicond")),
        ("rv32ima_xleak", XLEAK),
        (IN_QEMU, ("c", "zihintpause", *BITS)),
    ],
)
def test_what_a_string_asks_for(text: str, extensions: tuple[str, ...]) -> None:
    assert optional(text) == {*extensions}


def test_only_f_and_d_may_be_named_and_absent() -> None:
    assert absent_floats("rv32gc") == absent_floats("rv32imafd") == ("f", "d")
    assert absent_floats("rv32imaf_zicsr") == ("f",)
    assert absent_floats("rv32imac") == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "does not have the form"),
        ("rv32", "does not have the form"),
        ("rv32ima_", "does not have the form"),
        ("rv32ima__c", "does not have the form"),
        ("rv32_ima", "does not have the form"),
        ("rv32imaé", "does not have the form"),
        ("rv32i_2", "does not have the form"),
        ("rv64gc", "this machine has 32 bits"),
        ("rv32emac", "this machine has 32 registers"),
        ("rv32im", "lacks 'a'"),
        ("rv32imacc", "names 'c' twice"),
        ("rv32ima_xleak_xpopf", "names 'xpopf' twice: 'xleak' has it"),
        ("rv32imacsu", "'su' is no extension; the machine always has M, S and U mode"),
        ("rv32imacu", "'u' is no extension"),
        ("rv32imah", "this machine has no 'h' (the hypervisor extension)"),
        ("rv32imacv", "this machine has no 'v' (vectors)"),
        ("rv32ima_smrnmi", "this machine has no 'smrnmi' (resumable non-maskable interrupts)"),
        ("rv32ima_zicboz1p0", "this machine has no 'zicboz'"),
        ("rv32ima_zbp", "unknown extension 'zbp'; did you mean 'zb"),
        ("rv32ima_zicbon", "did you mean 'zicbom'?"),
        ("rv32ima_zba1p0zbb", "unknown extension 'zba1p0zbb'"),
    ],
)
def test_what_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match="ISA string") as caught:
        parse_isa(text)
    assert complaint in str(caught.value)


def test_what_is_left_out_is_not_there() -> None:
    assert not LEFT_OUT.keys() & {*BASE, *OPTIONAL, *GROUPS}


def written(names: tuple[str, ...], versions: list[str], upper: bool) -> str:
    text = "rv32" + "_".join(name + version for name, version in zip(names, versions, strict=True))
    return text.upper() if upper else text


@given(st.sets(st.sampled_from(OPTIONAL)), st.data())
def test_order_case_and_versions_do_not_matter(extensions: set[str], data: st.DataObject) -> None:
    """And the order of the result is that of the specification: letters, then Z by the category's letter, S and X."""
    names = tuple(data.draw(st.permutations([*BASE, *extensions])))
    versions = data.draw(st.lists(st.sampled_from(["", "2", "2p1", "10p0"]), min_size=len(names), max_size=len(names)))
    found = parse_isa(written(names, versions, data.draw(st.booleans())))
    assert {*found} == {*BASE, *extensions, *(["c"] if "zcb" in extensions else [])}
    assert found == canonical(found)
    letters = [name for name in found if len(name) == 1]
    assert found[: len(letters)] == tuple(sorted(letters, key=LETTERS.index))
    kinds = [name[0] for name in found[len(letters) :]]
    assert kinds == sorted(kinds, key="zsx".index)
    z = [name for name in found if name[0] == "z"]
    assert z == sorted(z, key=lambda name: (LETTERS.index(name[1]), name))


@given(st.text(alphabet="rv32imacgzbsx_1p", max_size=24).map(lambda text: f"rv32{text}"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_isa(text)
    except ValueError as error:
        assert str(error).startswith(f"ISA string '{text}'")


@pytest.mark.parametrize(
    ("text", "letters"),
    [("rv32ima", "imasu"), ("rv32imac_zba_zbb", "imacsu"), ("rv32imac_zba_zbb_zbs", "imacbsu"),
     ("rv32ima_zbs_xpopf", "imasux"), ("rv32gc", "imacsu")],
)  # fmt: skip
def test_misa(text: str, letters: str) -> None:
    assert misa_value(parse_isa(text)) == 1 << 30 | sum(1 << ord(letter) - ord("a") for letter in letters)
