"""CSRs and instructions that this machine lacks: as GNU as encodes them, and illegal when executed."""

import subprocess

import pytest

from support.asm.encodings import gnu_words
from trapline.asm import AsmError, assemble_text
from trapline.isa import CSR_BY_ADDRESS, CSR_BY_NAME, decode
from trapline.isa.foreign import FOREIGN_CSRS, FOREIGN_WORDS, OTHER_NAMES

CSRS = FOREIGN_CSRS | OTHER_NAMES
CSR_SHIFT = 20

IN_GNU_AS = 439
"""CSR names in GNU as 2.40."""


def words(source: str) -> list[int]:
    code = assemble_text(source).code
    return [int.from_bytes(code[i : i + 4], "little") for i in range(0, len(code), 4)]


def test_addresses_equal_gnu_as(tool, tmp_path):
    theirs = gnu_words(tool, tmp_path, ["    .option arch, +zicsr", *(f"csrr a0, {name}" for name in CSRS)])
    assert {name: hex(word >> CSR_SHIFT) for name, word in zip(CSRS, theirs, strict=True)} == {
        name: hex(address) for name, address in CSRS.items()
    }


def test_every_name_that_gnu_as_knows_assembles(tool, tmp_path):
    """The names are in the program as text; some are only ends of others."""
    program = subprocess.run(["which", tool("riscv64-unknown-elf-as")], capture_output=True, text=True, check=True)
    strings = subprocess.run(["strings", "-n2", program.stdout.strip()], capture_output=True, text=True, check=True)
    texts = {line for line in strings.stdout.split() if line.isalnum() and line.islower()}
    ends = sorted({text[i:] for text in texts for i in range(len(text) - 1) if text[i].isalpha()})
    source = tmp_path / "csrs.s"
    source.write_text("".join(f"csrr a0, {name}\n" for name in ends))
    command = [tool("riscv64-unknown-elf-as"), "-march=rv32ima_zicsr", "-mabi=ilp32", source, "-o", tmp_path / "o"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    unknown = {int(line.split(":")[1]) for line in refused.splitlines() if "Error" in line}
    known = [name for number, name in enumerate(ends, 1) if number not in unknown]
    assert len(known) == IN_GNU_AS
    assert set(known) == (CSR_BY_NAME.keys() | CSRS.keys()) - {"mleak", "uflags"}
    assert len(words("".join(f"csrr a0, {name}\n" for name in known))) == IN_GNU_AS


def test_they_are_no_csrs_of_this_machine():
    assert [word >> CSR_SHIFT for word in words("".join(f"csrr a0, {name}\n" for name in CSRS))] == [*CSRS.values()]
    assert not FOREIGN_CSRS.values() & CSR_BY_ADDRESS.keys()
    assert CSR_BY_ADDRESS.keys() >= set(OTHER_NAMES.values())


def test_instructions_equal_gnu_as(tool, tmp_path):
    texts = [*FOREIGN_WORDS, "sfence.vm a0", "sfence.vm zero"]
    theirs = gnu_words(tool, tmp_path, texts)
    assert words("\n".join(texts)) == theirs
    assert [decode(word) for word in theirs] == [None] * len(theirs)


@pytest.mark.parametrize("text", ["uret a0", "sfence.vm a0, a1", "sfence.vm 5"])
def test_wrong_operands_are_refused(text):
    with pytest.raises(AsmError, match=r"takes no operands|expected a register"):
        assemble_text(text)
