"""Random instruction words, and their text and words as the GNU tools see them."""

import random
import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from trapline.isa import CSR_BY_NAME, CSRS, Instruction
from trapline.isa.instruction import WIDTHS

PREFIX = "riscv64-unknown-elf-"
ARCHITECTURE = "-march=rv32ima_zicbom_zicsr_zifencei_zihintpause_zba_zbb_zbs"

GNU_HOLES = "".join(
    f".macro {name} {', '.join(p for p in ('rd', 'rs1') if p in used)}\n"
    f".insn r 0x0b, 0, {number}, {used.get('rd', 'x0')}, {used.get('rs1', 'x0')}, x0\n.endm\n"
    for number, (name, used) in enumerate(
        {
            "popf": {"rs1": r"\rs1"},
            "pushf": {"rd": r"\rd"},
            "rdmode": {"rd": r"\rd"},
            "sidt": {"rd": r"\rd"},
            "sgdt": {"rd": r"\rd"},
            "jrst": {"rs1": r"\rs1"},
            "probe": {"rd": r"\rd", "rs1": r"\rs1"},
            "lra": {"rd": r"\rd", "rs1": r"\rs1"},
        }.items()
    )
)
"""Macros that teach GNU as the instructions of Xleak, as docs/xleak.md encodes them."""

GNU_ZICOND = "".join(
    f".macro {name} rd, rs1, rs2\n.insn r 0x33, {funct3}, 7, \\rd, \\rs1, \\rs2\n.endm\n"
    for name, funct3 in (("czero.eqz", 5), ("czero.nez", 7))
)
"""The same for Zicond, which GNU as knows from 2.41 on."""

CUSTOM_CSRS = {"uflags": "0x800", "mleak": "0x7c0"}

Find = Callable[[str], str]
Operands = dict[str, int]


def random_operands(instruction: Instruction, source: random.Random) -> Operands:
    """Operand values of `instruction` that its syntax can express, extremes and aliases more often than by chance."""
    pattern = instruction.pattern
    values = {name: _random_value(name, source) for name in pattern.operands}
    if "imm" in values:
        low, high = -(1 << (pattern.imm_bits - 1)), (1 << (pattern.imm_bits - 1)) - pattern.imm_scale
        chosen = source.choice((source.randint(low, high), 0, 1, -1, 255, low, high))
        values["imm"] = max(low, min(high, chosen // pattern.imm_scale * pattern.imm_scale)) & 0xFFFFFFFF
    if instruction.name == "fence":
        values.update(fm=0, rd=0, rs1=0, pred=values["pred"] or 15, succ=values["succ"] or 15)
    if instruction.name == "fence.i":
        values.update(imm=0, rs1=0, rd=0)
    return values


def _random_value(name: str, source: random.Random) -> int:
    if name == "csr":
        return source.choice((source.getrandbits(12), source.choice(CSRS).address))
    width = WIDTHS.get(name, 5)
    if name in ("rd", "rs1", "rs2"):
        return source.choice((source.getrandbits(5), source.getrandbits(5), 0, 1))
    return source.getrandbits(width)


def plain_text(instruction: Instruction, values: Operands) -> str:
    """The instruction with numbered registers and numbers, written independently of the disassembler."""
    imm = values.get("imm", 0)
    signed = imm - (1 << 32) if imm >> 31 else imm
    operands = {
        **{name: f"x{values[name]}" for name in ("rd", "rs1", "rs2") if name in values},
        **{name: str(values[name]) for name in ("shamt", "uimm") if name in values},
        "csr": hex(values.get("csr", 0)),
        "imm12": str(signed),
        "offset": str(signed),
        "imm20": str(imm >> 12),
        "label": f". + {signed}" if signed >= 0 else f". - {-signed}",
        **{name: _fence_set(values[name]) for name in ("pred", "succ") if name in values},
    }
    name = instruction.name
    if values.get("aq") or values.get("rl"):
        name += "." + "aq" * values["aq"] + "rl" * values["rl"]
    return f"{name} {re.sub('[a-z]+[0-9]*', lambda m: operands[m[0]], instruction.syntax)}"


def _fence_set(value: int) -> str:
    return ("i" if value & 8 else "") + ("o" if value & 4 else "") + ("r" if value & 2 else "") + "w" * (value & 1)


def gnu_words(tool: Find, folder: Path, lines: Iterable[str]) -> list[int]:
    """The words that GNU as makes of these lines."""
    source, object_file, image = folder / "gnu.s", folder / "gnu.o", folder / "gnu.bin"
    known = (re.sub("uflags|mleak", lambda match: CUSTOM_CSRS[match[0]], line) for line in lines)
    source.write_text(GNU_HOLES + GNU_ZICOND + "\n".join(known) + "\n")
    options = [ARCHITECTURE, "-mabi=ilp32", "-mno-relax", "-mno-arch-attr"]
    _run(tool(PREFIX + "as"), *options, str(source), "-o", str(object_file))
    _run(tool(PREFIX + "objcopy"), "-O", "binary", "-j", ".text", str(object_file), str(image))
    data = image.read_bytes()
    return [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]


def gnu_texts(tool: Find, folder: Path, words: Sequence[int], aliases: bool = True) -> list[str]:
    """What objdump prints for each word, at addresses 0, 4, 8 and so on; names of places are cut off."""
    source, object_file = folder / "words.s", folder / "words.o"
    # `.insn` and not `.word`: objdump shows data as data.
    source.write_text("\n".join(f".insn 4, {word:#x}" for word in words) + "\n")
    _run(tool(PREFIX + "as"), ARCHITECTURE, "-mabi=ilp32", str(source), "-o", str(object_file))
    options = [] if aliases else ["-M", "no-aliases"]
    listing = _run(tool(PREFIX + "objdump"), "-d", "-z", *options, str(object_file))
    found = re.findall(r"^ *[0-9a-f]+:\t[0-9a-f]{8} +\t(.*)$", listing, re.MULTILINE)
    return [re.sub(r" <.*?>| *#.*", "", text).replace("\t", " ") for text in found]


def tokens(text: str, address: int = 0, places: bool = False) -> list[str | int]:
    """Mnemonic and operands, with numbers as integers, CSRs as addresses and targets as addresses.

    places: whether the last operand is a target in objdump's way, hexadecimal without a prefix.
    """
    name, _, rest = text.partition(" ")
    operands = [operand for operand in re.split(r"[ ,()]+", rest) if operand]
    found: list[str | int] = [name]
    for i, operand in enumerate(operands):
        if operand.startswith("."):
            found.append((address + int(operand[1:])) & 0xFFFFFFFF)
        elif places and i == len(operands) - 1:
            found.append(int(operand, 16))
        elif operand in CSR_BY_NAME:
            found.append(CSR_BY_NAME[operand].address)
        elif re.fullmatch("-?[0-9].*", operand):
            found.append(int(operand, 0))
        else:
            found.append(operand)
    return found


def _run(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr[:2000]
    return result.stdout
