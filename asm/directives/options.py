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
        _allow_compressed(unit, word == "rvc", location)
    elif word == "arch":
        _option_arch(unit, operands, location)
    elif word not in ("csr-check", "no-csr-check"):
        known = ("push", "pop", "pic", "nopic", "rvc", "norvc", "relax", "norelax", "arch", "csr-check", "no-csr-check")
        raise SourceError(location, f"unknown option '{word}'", did_you_mean(word, known))


def _allow_compressed(unit: Unit, allowed: bool, location: Location) -> None:
    """Alignments then count in halfwords, as in GNU as; instructions keep 32 bits."""
    unit.compressed = allowed
    if allowed and not unit.warned_of_compressed:
        unit.warned_of_compressed = True
        message = "this machine has no compressed instructions (rv32ima): all instructions keep 32 bits"
        unit.diagnostics.warning(location, message)


def _option_arch(unit: Unit, operands: str, location: Location) -> None:
    for part in operands.split(",")[1:]:
        sign, extension = part.strip()[:1], part.strip()[1:]
        if re.fullmatch(_COMPRESSED, extension) and sign in ("+", "-"):
            _allow_compressed(unit, sign == "+", location)
        elif sign == "+" and re.match(r"(f|d|q|v|b)\d*(p\d+)?$|zf|zd", extension):
            raise SourceError(location, f"extension '{extension}' is not part of this machine (rv32ima)")


_COMPRESSED = r"c(\d+(p\d+)?)?|zc\w*"


def ignore(unit: Unit, name: str, operands: str, location: Location) -> None:
    """Accept a directive for debuggers, listings or other tools, which does not affect the bytes."""


IGNORED = (
    ".attribute", ".ident", ".addrsig", ".addrsig_sym", ".stabs", ".stabn", ".stabd", ".version",
    ".title", ".sbttl", ".list", ".nolist", ".psize", ".eject", ".extern", ".func", ".endfunc", ".symver",
    ".variant_cc", ".gnu_attribute", ".linkonce", ".ln", ".loc_mark_labels", ".ent", ".desc",
    ".lto_discard", ".attach_to_group",
    ".ttl", ".page", ".plen", ".llen", ".lflags", ".format", ".noformat", ".nopage", ".name", ".debug", ".xref", ".spc",
)  # fmt: skip

HANDLERS: dict[str, Handler] = {".option": option, **dict.fromkeys(IGNORED, ignore)}
