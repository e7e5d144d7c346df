"""The registers of a hart as gdb knows them: their numbers, and the description that it reads first.

The features are those of gdb's manual, "RISC-V Features": `cpu` with the general registers and pc, `csr` with the CSRs
that the machine has, and QEMU's `virtual` with `priv`, the privilege mode.
"""

from collections.abc import Callable
from dataclasses import dataclass

from trapline.isa import CSRS
from trapline.isa.hart import ABI_NAMES
from trapline.isa.mode import MODE_NAMES
from trapline.isa.word import MASK
from trapline.vm.registers import Hart

PC = len(ABI_NAMES)
FIRST_CSR = 65
"""The number of CSR 0, as gdb has it without a description: f0 to f31 lie between pc and the CSRs."""
PRIV = FIRST_CSR + 4096
WORD = 4
BITS = 8 * WORD
FEATURE = "org.gnu.gdb.riscv"
POINTERS = {"ra": "code_ptr", "sp": "data_ptr", "gp": "data_ptr", "tp": "data_ptr"}
"""Types of general registers that are not `int`."""
GENERIC = {"pc": "pc", "sp": "sp", "s0": "fp", "ra": "ra"} | {f"a{n}": f"arg{n + 1}" for n in range(8)}
"""What registers are for, in lldb's words."""


@dataclass(frozen=True)
class Register:
    """A register of gdb's. read, write: of a hart; write may raise ValueError."""

    number: int
    name: str
    feature: str
    type: str
    read: Callable[[Hart], int]
    write: Callable[[Hart, int], None]

    def line(self) -> str:
        """Its line in the description. What a call from gdb saves are the registers of programs alone."""
        more = _for_lldb(self.number, self.name) if self.feature == "cpu" else ' group="csr" save-restore="no"'
        return f'<reg name="{self.name}" bitsize="{BITS}" regnum="{self.number}" type="{self.type}"{more}/>'


def registers_of(hart: Hart) -> dict[int, Register]:
    """The registers of a hart, by number."""
    found = [_general(number, name) for number, name in enumerate(ABI_NAMES)]
    found.append(Register(PC, "pc", "cpu", "code_ptr", lambda h: h.pc, _set_pc))
    found += [_csr(csr.address, csr.name) for csr in CSRS if csr.name in hart.csr]
    found.append(Register(PRIV, "priv", "virtual", "int", lambda h: h.mode, _set_mode))
    return {register.number: register for register in found}


def description(registers: dict[int, Register]) -> str:
    """`target.xml`.

    The system is none: gdb takes a program for one of Linux otherwise, and then steps by a breakpoint at where it
    expects the next instruction, which is wrong at a trap or a return from one. Here the machine steps.
    """
    text = '<?xml version="1.0"?>\n<!DOCTYPE target SYSTEM "gdb-target.dtd">\n<target version="1.0">\n'
    text += "<architecture>riscv:rv32</architecture>\n<osabi>none</osabi>\n"
    for feature in dict.fromkeys(register.feature for register in registers.values()):
        lines = "\n".join(r.line() for r in registers.values() if r.feature == feature)
        text += f'<feature name="{FEATURE}.{feature}">\n{lines}\n</feature>\n'
    return text + "</target>\n"


def _for_lldb(number: int, name: str) -> str:
    """What lldb has to be told, as version 14 knows no RISC-V: without it, it finds neither pc nor frames."""
    generic = f' generic="{GENERIC[name]}"' if name in GENERIC else ""
    dwarf = f' altname="x{number}" dwarf_regnum="{number}" ehframe_regnum="{number}"' if number < PC else ""
    return f' group="general"{dwarf}{generic}'


def _general(number: int, name: str) -> Register:
    def read(hart: Hart) -> int:
        return hart.x[number]

    def write(hart: Hart, value: int) -> None:
        hart.x[number] = value

    return Register(number, name, "cpu", POINTERS.get(name, "int"), read, write)


def _csr(address: int, name: str) -> Register:
    def read(hart: Hart) -> int:
        return hart.csr[name]

    def write(hart: Hart, value: int) -> None:
        hart.csr[name] = value

    return Register(FIRST_CSR + address, name, "csr", "int", read, write)


def _set_pc(hart: Hart, value: int) -> None:
    hart.pc = value


def _set_mode(hart: Hart, value: int) -> None:
    if value not in MODE_NAMES:
        raise ValueError(f"{value} is no privilege mode")
    hart.mode = value


def encoded(value: int) -> str:
    """A register in a packet: "bytes in target byte order"."""
    return (value & MASK).to_bytes(WORD, "little").hex()
