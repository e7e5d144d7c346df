"""Names with two meanings: what is a CSR or a register stays one where a symbol has the same name, as in GNU as."""

import pytest

from support.asm.encodings import gnu_words
from trapline.asm import AsmError, assemble_text
from trapline.isa import CSR_BY_NAME
from trapline.isa.foreign import FOREIGN_CSRS, OTHER_NAMES

CSR_NAMES = [*CSR_BY_NAME, *FOREIGN_CSRS, *OTHER_NAMES]
UNKNOWN_TO_GAS = {"seed", "hcontext", "uflags", "mleak"}

READERS = "rdcycle a0\nrdcycleh a0\nrdtime a0\nrdtimeh a0\nrdinstret a0\nrdinstreth a0\nunimp\n"


def words(source: str) -> list[str]:
    code = assemble_text(source).code
    return [code[i : i + 4].hex() for i in range(0, len(code), 4)]


def uses(name: str) -> str:
    """Every instruction and pseudo-instruction with a CSR operand."""
    real = "".join(
        f"csrr{kind} a0, {name}, a1\ncsrr{kind}i a0, {name}, 5\ncsrr{kind} a0, {name}, 5\n" for kind in "wsc"
    )
    short = "".join(f"csr{kind} {name}, a1\ncsr{kind}i {name}, 5\ncsr{kind} {name}, 5\n" for kind in "wsc")
    return f"{real}{short}csrr a0, {name}\n"


@pytest.mark.parametrize("definition", [".equ {}, 3\n", "{} = 3\n", ".data\n{}: .word 0\n.text\n", ".set {}, later\n"])
def test_a_csr_wins_over_a_symbol_of_its_name(definition):
    plain = "".join(map(uses, CSR_NAMES)) + READERS
    later = "".join(map(definition.format, CSR_NAMES))
    assert words(later + plain + "later = 3\n") == words(plain)
    assert words(plain + later + "later = 3\n") == words(plain)


def test_a_csr_wins_in_gnu_as_too(tool, tmp_path):
    names = [name for name in CSR_NAMES if name not in UNKNOWN_TO_GAS]
    source = "".join(f".equ {name}, 3\n" for name in names) + "".join(map(uses, names)) + READERS
    theirs = [word.to_bytes(4, "little").hex() for word in gnu_words(tool, tmp_path, source.splitlines())]
    assert words(source) == theirs


def test_the_symbol_is_still_a_symbol():
    assert words(".equ cycle, 3\nli a0, cycle\naddi a0, a0, cycle\ncsrwi mie, cycle") == words(
        "li a0, 3\naddi a0, a0, 3\ncsrwi mie, 3"
    )


def test_a_number_may_stand_for_a_csr():
    source = ".equ mine, 0x300\ncsrr a0, mine + 4\ncsrr a0, 0x300 | 4\n1: nop\n2: csrr a0, mine + (2b - 1b)"
    assert words(source)[:2] + words(source)[3:] == words("csrr a0, mie") * 3


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("mstatus = 5\ncsrr a0, mstatus + 1", "2:10: error: CSR 'mstatus' cannot be part of an expression"),
        ("csrr a0, later\nlater = 5", "1:10: error: unknown CSR 'later'"),
        ("a0 = 5\naddi a1, a1, a0", "2:14: error: 'a0' is a register; expected a number"),
        ("a0 = 5\nlui a1, a0", "2:9: error: 'a0' is a register; expected a number"),
        ("a0 = 5\nlw a1, a0(a2)", "2:8: error: 'a0' is a register; expected a number"),
        ("zero = 5\nsw a1, zero(a2)", "2:8: error: 'zero' is a register; expected a number"),
        ("rr = 1\nfence rr, rw", "2:7: error: expected letters of 'iorw' in this order, such as 'rw'"),
    ],
)
def test_what_gnu_as_refuses_is_refused(source, message):
    with pytest.raises(AsmError, match=r"^<string>:" + message.replace("+", r"\+")):
        assemble_text(source)


def test_labels_may_have_the_names_of_registers_mnemonics_and_orderings():
    names = ["a0", "zero", "add", "nop", "rw", "iorw", "aqrl", "cycle", "SYSTEM"]
    code = "".join(
        f"{name}: j {name}\nbeqz a1, {name}\nla a1, {name}\nfence rw, iorw\nadd a0, a0, a0\n" for name in names
    )
    plain = "".join(
        f"l{n}: j l{n}\nbeqz a1, l{n}\nla a1, l{n}\nfence rw, iorw\nadd a0, a0, a0\n" for n, _ in enumerate(names)
    )
    assert words(code) == words(plain)
