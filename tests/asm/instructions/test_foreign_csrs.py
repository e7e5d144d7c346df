"""CSRs of extensions that this machine lacks have the addresses that GNU as gives them."""

from support.asm.encodings import gnu_words
from trapline.asm import assemble_text
from trapline.asm.instructions.foreign_csrs import FOREIGN_CSRS
from trapline.isa import CSR_BY_ADDRESS

UNKNOWN_TO_GAS = {"seed", "hcontext"}
NAMES = sorted(FOREIGN_CSRS.keys() - UNKNOWN_TO_GAS)


def test_addresses_equal_gnu_as(tool, tmp_path):
    words = gnu_words(tool, tmp_path, ["    .option arch, +zicsr", *(f"csrr a0, {name}" for name in NAMES)])
    assert {name: hex(word >> 20) for name, word in zip(NAMES, words, strict=True)} == {
        name: hex(FOREIGN_CSRS[name]) for name in NAMES
    }


def test_they_assemble_and_are_no_csrs_of_this_machine():
    program = assemble_text("".join(f"csrr a0, {name}\n" for name in FOREIGN_CSRS))
    _, code = program.sections[".text"]
    assert [int.from_bytes(code[i : i + 4], "little") >> 20 for i in range(0, len(code), 4)] == [*FOREIGN_CSRS.values()]
    assert not FOREIGN_CSRS.values() & CSR_BY_ADDRESS.keys()
