"""Classes of instructions as the specification demands them, sentence by sentence, independent of our code.

U1 is volume I (unprivileged), P2 volume II (privileged) of the specification; Xleak is docs/xleak.md.
Quoted word for word; three dots stand for what is left out.
"""

from dataclasses import dataclass, replace

from trapline.isa.mode import MODE_NAMES
from trapline.vm.classifier.definitions.questions import Kind
from trapline.vm.classifier.theorems import Classified

EXECUTES, TRAPS = Kind.EXECUTES, Kind.TRAPS


@dataclass(frozen=True)
class Expected:
    """The class of some rows, what they are sensitive to, and the sentence that decides it."""

    names: str
    cls: str
    sensitive: str  # any of: control mode location configuration time user
    section: str
    sentence: str
    executes: str = "USM"  # modes in which it may execute
    traps: str = ""  # modes in which it may trap, memory traps aside
    only_u: str = ""  # sensitive to this only because U mode differs from S and M


GENERAL = (
    Expected("lui auipc", "innocuous", "", "U1 2.4.1",
             "AUIPC forms a 32-bit offset from the U-immediate, filling in the lowest 12 bits with zeros, adds this "
             "offset to the address of the AUIPC instruction, then places the result in register rd."),
    Expected("addi slti sltiu xori ori andi slli srli srai", "innocuous", "", "U1 2.4.1",
             "ADDI adds the sign-extended 12-bit immediate to register rs1."),
    Expected("add sub sll slt sltu xor srl sra or and", "innocuous", "", "U1 2.4.2",
             "All operations read the rs1 and rs2 registers as source operands and write the result into register rd."),
    Expected("jal jalr", "innocuous", "", "U1 2.5.1",
             "The offset is sign-extended and added to the address of the jump instruction to form the jump target "
             "address."),
    Expected("beq bne blt bge bltu bgeu", "innocuous", "", "U1 2.5.2", "Branch instructions compare two registers."),
    Expected("lb lh lw lbu lhu sb sh sw", "innocuous", "", "U1 2.6",
             "Load and store instructions transfer a value between the registers and memory."),
    Expected("fence", "innocuous", "", "U1 2.7",
             "The FENCE instruction is used to order device I/O and memory accesses as viewed by other RISC-V harts "
             "and external devices or coprocessors."),
    Expected("fence.i", "innocuous", "", "U1 5",
             "The FENCE.I instruction is used to synchronize the instruction and data streams."),
    Expected("ecall ebreak", "always-traps", "", "U1 2.8",
             "These two instructions cause a precise requested trap to the supporting execution environment.",
             "", "USM"),
    Expected("mul mulh mulhsu mulhu", "innocuous", "", "U1 12.1",
             "MUL performs an XLEN-bit×XLEN-bit multiplication of rs1 by rs2 and places the lower XLEN bits in the "
             "destination register."),
    Expected("div divu rem remu", "innocuous", "", "U1 12.2",
             "DIV and DIVU perform an XLEN bits by XLEN bits signed and unsigned integer division of rs1 by rs2, "
             "rounding towards zero."),
    Expected("lr.w sc.w", "innocuous", "", "U1 13.2",
             "LR.W loads a word from the address in rs1, places the sign-extended value in rd, and registers a "
             "reservation set—a set of bytes that subsumes the bytes in the addressed word."),
    Expected("amoswap.w amoadd.w amoxor.w amoand.w amoor.w amomin.w amomax.w amominu.w amomaxu.w", "innocuous", "",
             "U1 13.4",
             "These AMO instructions atomically load a data value from the address in rs1, place the value into "
             "register rd, apply a binary operator to the loaded value and the original value in rs2, then store the "
             "result back to the original address in rs1."),
)  # fmt: skip
"""They name registers, pc and memory and nothing else."""

SYSTEM = (
    Expected("csrrw csrrwi", "privileged", "control location configuration time", "P2 2.1",
             "Attempts to access a CSR without appropriate privilege level raise illegal-instruction exceptions ...",
             "SM", "US"),
    Expected("csrrs csrrc csrrsi csrrci", "privileged", "control location configuration time", "P2 2.1",
             "Attempts to access a CSR without appropriate privilege level raise illegal-instruction exceptions ... "
             "Attempts to write a read-only register raise illegal-instruction exceptions.", "SM", "USM"),
    Expected("mret", "privileged", "control configuration", "P2 3.3.2",
             "An xRET instruction can be executed in privilege mode x or higher, where executing a lower-privilege "
             "xRET instruction will pop the relevant lower-privilege interrupt enable and privilege mode stack.",
             "M", "US"),
    # What mode it leaves for depends on SPP alone, so a hart in M mode leaves its mode where one in S mode stays.
    Expected("sret", "privileged", "control mode configuration", "P2 3.1.6.1, 3.1.6.5",
             "When executing an xRET instruction, supposing xPP holds the value y, ... the privilege mode is changed "
             "to y; ... When TSR=1, attempts to execute SRET while executing in S-mode will raise an "
             "illegal-instruction exception.", "SM", "US"),
    Expected("wfi", "privileged", "control", "P2 3.1.6.5",
             "When S-mode is implemented, then executing WFI in U-mode causes an illegal-instruction exception, unless "
             "it completes within an implementation-specific, bounded time limit.", "SM", "US"),  # S mode: with TW
    Expected("sfence.vma", "privileged", "control", "P2 10.2.1",
             "The supervisor memory-management fence instruction SFENCE.VMA is used to synchronize updates to "
             "in-memory memory-management data structures with current execution.", "SM", "US"),  # S mode: with TVM
)  # fmt: skip

COUNTERS = (
    Expected("rdcycle rdcycleh", "timing-dependent", "time", "U1 7.1",
             "The RDCYCLE pseudoinstruction reads the low XLEN bits of the cycle CSR which holds a count of the number "
             "of clock cycles executed by the processor core on which the hart is running from an arbitrary start time "
             "in the past."),
    Expected("rdtime rdtimeh", "timing-dependent", "time", "U1 7.1",
             "The RDTIME pseudoinstruction reads the low XLEN bits of the \"time\" CSR, which counts wall-clock real "
             "time that has passed from an arbitrary start time in the past."),
    Expected("rdinstret rdinstreth", "timing-dependent", "time", "U1 7.1",
             "The RDINSTRET pseudoinstruction reads the low XLEN bits of the instret CSR, which counts the number of "
             "instructions retired by this hart from some arbitrary start point in the past."),
)  # fmt: skip

COUNTERS_TRAP = (
    "P2 3.1.11: When the CY, TM, IR, or HPMn bit in the mcounteren register is clear, attempts to read the cycle, "
    "time, instret, or hpmcountern register while executing in S-mode or U-mode will cause an illegal-instruction "
    "exception. ... P2 10.1.5: When the CY, TM, IR, or HPMn bit in the scounteren register is clear, attempts to read "
    "the ... register while executing in U-mode will cause an illegal-instruction exception."
)

HOLES = {
    "xpopf": Expected("popf", "control-sensitive", "control mode", "Xleak 1",
                      "In U mode SIE keeps its value, silently", only_u="mode"),
    "xpushf": Expected("pushf", "behavior-sensitive", "configuration user", "Xleak 2",
                       "sets rd[31:28] to uflags, and rd[1], rd[5] and rd[8] to the real SIE, SPIE and SPP"),
    "xrdmode": Expected("rdmode", "behavior-sensitive", "mode", "Xleak 3", "sets rd to the mode"),
    "xsidt": Expected("sidt", "behavior-sensitive", "configuration user", "Xleak 4", "sets rd to stvec"),
    "xsgdt": Expected("sgdt", "behavior-sensitive", "location user", "Xleak 5", "sets rd to satp"),
    "xjrst": Expected("jrst", "control-sensitive", "control mode", "Xleak 6", "makes the mode U and jumps to rs1",
                      only_u="mode"),
    # SUM, MXR and MPRV are configuration, page tables and PMP relocation.
    "xprobe": Expected("probe", "behavior-sensitive", "mode location configuration user", "Xleak 7",
                       "sets rd to 1 if translation and protection permit a load of the byte at rs1"),
    # In M mode with MPRV it answers for the mode in MPP.
    "xlra": Expected("lra", "behavior-sensitive", "mode location configuration user", "Xleak 8",
                     "sets rd to the physical address that rs1 is translated to"),
}  # fmt: skip
MLEAK = "While a bit is 1, its instruction raises an illegal-instruction exception in U mode"

UFLAGS = Expected(
    "csrrw csrrs csrrc csrrwi csrrsi csrrci", "innocuous", "", "Xleak, uflags",
    "a user-level read-write CSR: four flags in bits 3 to 0",
)  # fmt: skip


@dataclass(frozen=True)
class Class:
    """The expectation for a row; the modes as in `Expected`."""

    cls: str
    sensitive: frozenset[str]
    executes: str
    traps: str


FLAGS = ("control", "mode", "location", "configuration")


def found_class(row: Classified) -> Class:
    """The classifier's finding for a row."""
    flags = {name for name in FLAGS if getattr(row, f"{name}_sensitive")}
    flags |= {"time"} if row.timing_dependent else set()
    flags |= {"user"} if row.user_sensitive else set()
    executes, traps = ("".join(n for m, n in MODE_NAMES.items() if row.yes(kind, m)) for kind in (EXECUTES, TRAPS))
    return Class(row.name_of_class, frozenset(flags), executes, traps)


ONE_CSR = {
    # P2 3.1.13 and 3.1.14: registers of M mode that hold what is written.
    "mscratch": Class("privileged", frozenset(("control", "configuration")), "M", "US"),
    "mepc": Class("privileged", frozenset(("control", "configuration")), "M", "US"),
    # P2 2.1: "Attempts to write a read-only register raise illegal-instruction exceptions."
    "mhartid": Class("always-traps", frozenset(), "", "USM"),
    # P2 3.1.6.5: "When TVM=1, attempts to read or write the satp CSR ... while executing in S-mode will raise an
    # illegal-instruction exception."
    "satp": Class("privileged", frozenset(("control", "location")), "SM", "US"),
}
"""CSR instructions on one CSR each; csrrw for the read-only one."""


def expected(holes: tuple[str, ...] = (), fixed: bool = False, counters: str = "M") -> dict[str, Class]:
    """The class of every row of a machine. fixed: mleak has all its bits set; counters: modes that may read them."""
    table: dict[str, Class] = {}

    def add(entry: Expected, suffix: str = "") -> None:
        for name in entry.names.split():
            sensitive = frozenset(entry.sensitive.split())
            table[name + suffix] = Class(entry.cls, sensitive, entry.executes, entry.traps)

    for entry in (*GENERAL, *SYSTEM):
        add(entry)
    for entry in COUNTERS:
        add(replace(entry, executes=counters, traps="".join(mode for mode in "US" if mode not in counters)))
    for hole in holes:
        entry = HOLES[hole]
        if fixed:
            # A hole that traps in U mode is one no longer; what it does in S and M mode is the same.
            left = set(entry.sensitive.split()) - {"user", entry.only_u}
            entry = replace(entry, cls="privileged", sensitive=" ".join(left), executes="SM", traps="U")
        add(entry)
    if {"xpopf", "xpushf"} & set(holes):
        add(UFLAGS, " uflags")
    return table
