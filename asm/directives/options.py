"""`.option`, and directives that are accepted and ignored."""

import re

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.unit import Handler, Unit
from trapline.isa.did_you_mean import did_you_mean


def option(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.option push`, `pop`, `pic`, `nopic`, `rvc`, `norvc`, `relax`, `norelax` and `arch`."""
    word = operands.split(",")[0].strip()
    if word == "push":
        unit.options.append((unit.position_independent, unit.relax, unit.compressed))
    elif word == "pop":
        if not unit.options:
            raise SourceError(location, "'.option pop' without '.option push'")
        unit.position_independent, unit.relax, unit.compressed = unit.options.pop()
    elif word in ("pic", "nopic"):
        unit.position_independent = word == "pic"
    elif word in ("relax", "norelax"):
        unit.relax = word == "relax"
    elif word in ("rvc", "norvc"):
        unit.allow_compressed(word == "rvc")
    elif word == "arch":
        _option_arch(unit, operands, location)
    elif word not in ("csr-check", "no-csr-check"):
        known = ("push", "pop", "pic", "nopic", "rvc", "norvc", "relax", "norelax", "arch", "csr-check", "no-csr-check")
        raise SourceError(location, f"unknown option '{word}'", did_you_mean(word, known))


def _option_arch(unit: Unit, operands: str, location: Location) -> None:
    """`+c`, `-m` and so on, or a whole ISA string."""
    for part in (field.strip() for field in operands.split(",")[1:]):
        sign, extension = part[:1], part[1:]
        if sign not in ("+", "-"):
            unit.allow_compressed(has_compressed(part))
        elif re.fullmatch(_COMPRESSED, extension):
            unit.allow_compressed(sign == "+")
        elif sign == "+" and re.match(r"(f|d|q|v)\d*(p\d+)?$|zf|zd", extension):
            raise SourceError(location, f"extension '{extension}' is not part of this machine (rv32ima)")


_COMPRESSED = r"c(\d+(p\d+)?)?|zca(\d+(p\d+)?)?"
_letters = re.compile(r"rv32((?:[a-wy](?:\d+(?:p\d+)?)?_?)*)").match


def has_compressed(isa: str) -> bool:
    """Whether an ISA string, with versions or without, has compressed instructions."""
    found = _letters(isa.lower())
    return (found is not None and "c" in found[1]) or "_zca" in isa


def attribute(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.attribute arch, "rv32ima"`: what the compiler assumed. It does not give the machine what that lacks.

    The other attributes are for other tools.
    """
    tag, _, value = (part.strip() for part in operands.partition(","))
    if tag in ("arch", "Tag_RISCV_arch", "5"):
        unit.compressed = unit.for_compressed and has_compressed(value.strip('"'))


def ignore(unit: Unit, name: str, operands: str, location: Location) -> None:
    """Accept a directive for debuggers, listings or other tools, which does not affect the bytes."""


IGNORED = (
    ".ident", ".addrsig", ".addrsig_sym", ".stabs", ".stabn", ".stabd", ".version",
    ".title", ".sbttl", ".list", ".nolist", ".psize", ".eject", ".extern", ".func", ".endfunc", ".symver",
    ".variant_cc", ".gnu_attribute", ".linkonce", ".ln", ".loc_mark_labels", ".ent", ".desc",
    ".lto_discard", ".attach_to_group",
    ".ttl", ".page", ".plen", ".llen", ".lflags", ".format", ".noformat", ".nopage", ".name", ".debug", ".xref", ".spc",
)  # fmt: skip

HANDLERS: dict[str, Handler] = {".option": option, ".attribute": attribute, **dict.fromkeys(IGNORED, ignore)}
