"""The CSR file, generated from the declarations of the CSRs: read, write, and what is copied of it."""

from trapline.isa import CSRS, Csr
from trapline.isa.pmp import PMP_ENTRIES
from trapline.isa.trap import NEXT
from trapline.isa.word import MASK
from trapline.vm.codegen.collect import Function
from trapline.vm.core.status import RESLICE
from trapline.vm.hypervisor.events import LOGGED_CSRS


def csr_functions() -> list[Function]:
    """Every function that the CSR declarations name."""
    named = (function for csr in CSRS for function in (csr.read, csr.write, csr.held, csr.guard))
    return [function for function in dict.fromkeys(named) if function is not None]


def _arguments(csr: Csr) -> str:
    return "h" if csr.index is None else f"h, {csr.index}"


def _read(csr: Csr) -> str:
    """Text that reads the CSR of `h`."""
    if csr.constant is not None:
        return str(csr.constant)
    if csr.read is not None:
        return f"{csr.read.__name__}({_arguments(csr)})"
    return f"h.{csr.storage}"


def _write(csr: Csr) -> str:
    """Text that writes `value` to the CSR of `h`; none if no write changes it."""
    if csr.write is not None:
        return f"{csr.write.__name__}({_arguments(csr)}, value)"
    mask = csr.write_mask
    if mask == 0:
        return ""
    if mask == MASK:
        return f"h.{csr.storage} = value"
    return f"h.{csr.storage} = (h.{csr.storage} & {MASK ^ mask:#x}) | (value & {mask:#x})"


def emit_csr_read() -> str:
    """`csr_read(h, address)`: the value, or -1 if no such CSR exists or its guard refuses."""
    lines = ["def csr_read(h, address):"]
    zeros = []
    for csr in CSRS:
        if csr.constant == 0 and csr.guard is None:
            zeros.append(csr.address)
            continue
        lines.append(f"    if address == {csr.address:#x}:")
        if csr.guard is not None:
            lines += [f"        if {csr.guard.__name__}(h) == 0:", "            return -1"]
        lines.append(f"        return {_read(csr)}")
    for first, last in _ranges(zeros):
        lines += [f"    if address >= {first:#x} and address <= {last:#x}:", "        return 0"]
    lines.append("    return -1")
    return "\n".join(lines)


def emit_csr_write() -> str:
    """`csr_write(h, address, value)`: obey a write that `csr_access` has allowed. NEXT, or RESLICE if it retimes."""
    lines = ["def csr_write(h, address, value):"]
    for number, csr in enumerate(c for c in CSRS if _write(c)):
        lines += [f"    {'elif' if number else 'if'} address == {csr.address:#x}:", f"        {_write(csr)}"]
        if csr.retimes:
            lines.append(f"        return {RESLICE}")
    lines.append(f"    return {NEXT}")
    return "\n".join(lines)


def emit_csr_held() -> str:
    """`csr_held(h, address, old)`: what CSRRS and CSRRC change bits of; `old` is what the CSR reads as."""
    lines = ["def csr_held(h, address, old):"]
    for csr in CSRS:
        if csr.held is not None:
            lines += [f"    if address == {csr.address:#x}:", f"        return {csr.held.__name__}(h)"]
    lines.append("    return old")
    return "\n".join(lines)


def emit_csr_is_inert() -> str:
    """`csr_is_inert(address)`: 1 for a CSR that nothing looks at but traps, their returns and CSR instructions."""
    ranges = _ranges([csr.address for csr in CSRS if csr.inert])
    lines = ["def csr_is_inert(address):"]
    for first, last in ranges:
        lines += [f"    if address >= {first:#x} and address <= {last:#x}:", "        return 1"]
    return "\n".join([*lines, "    return 0"])


def supervisor_fields() -> list[str]:
    """Fields of the hart record that hold an S-level CSR that no bit of mstatus guards: all that S mode owns alone."""
    return [c.storage for c in CSRS if c.privilege == 1 and c.storage is not None and c.guard is None]


def emit_copy_supervisor() -> str:
    """`copy_supervisor(source, target)`: the S-level CSRs of one hart become those of another."""
    lines = [f"    target.{name} = source.{name}" for name in supervisor_fields()]
    return "\n".join(["def copy_supervisor(source, target):", *lines])


def emit_save_csrs() -> str:
    """`save_csrs(v, ram32, at)`: the CSRs of a hart into words of RAM from word `at` on (`vm.hypervisor.events`)."""
    lines = ["def save_csrs(v, ram32, at):"]
    lines += [f"    ram32[U64(at + {i})] = U32(v.{name})" for i, name in enumerate(LOGGED_CSRS)]
    at = len(LOGGED_CSRS)
    lines += [
        f"    for i in range({PMP_ENTRIES}):",
        f"        ram32[U64(at + {at} + i)] = U32(v.pmpcfg[i])",
        f"        ram32[U64(at + {at + PMP_ENTRIES} + i)] = U32(v.pmpaddr[i])",
    ]
    lines += [
        f"    put_wide(ram32, at + {at + 2 * PMP_ENTRIES + 2 * i}, v.{name})"
        for i, name in enumerate(("mcycle", "minstret"))
    ]
    return "\n".join(lines)


def _ranges(addresses: list[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for address in sorted(addresses):
        if ranges and ranges[-1][1] == address - 1:
            ranges[-1] = (ranges[-1][0], address)
        else:
            ranges.append((address, address))
    return ranges
