"""`.option`, and directives that are accepted and ignored."""

import re

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.unit import Handler, Unit
from trapline.isa.did_you_mean import did_you_mean


def option(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.option push`, `pop`, `pic`, `nopic`, `relax`, `norelax` and `arch`; `rvc` is refused."""
    word = operands.split(",")[0].strip()
    if word == "push":
        unit.options.append((unit.position_independent, unit.relax))
    elif word == "pop":
        if not unit.options:
            raise SourceError(location, "'.option pop' without '.option push'")
        unit.position_independent, unit.relax = unit.options.pop()
    elif word in ("pic", "nopic"):
        unit.position_independent = word == "pic"
    elif word in ("relax", "norelax"):
        unit.relax = word == "relax"
    elif word == "rvc":
        raise SourceError(
            location, "compressed instructions are not part of this machine (rv32ima)", "drop '.option rvc'"
        )
    elif word == "arch":
        _option_arch(operands, location)
    elif word not in ("norvc", "csr-check", "no-csr-check"):
        known = ("push", "pop", "pic", "nopic", "norvc", "relax", "norelax", "arch", "csr-check", "no-csr-check")
        raise SourceError(location, f"unknown option '{word}'", did_you_mean(word, known))


def _option_arch(operands: str, location: Location) -> None:
    for part in operands.split(",")[1:]:
        extension = part.strip().lstrip("+")
        if part.strip().startswith("+") and re.match(r"(c|f|d|q|v|b)\d*(p\d+)?$|zc|zf|zd", extension):
            raise SourceError(location, f"extension '{extension}' is not part of this machine (rv32ima)")


def ignore(unit: Unit, name: str, operands: str, location: Location) -> None:
    """Accept a directive for debuggers, listings or other tools, which does not affect the bytes."""


IGNORED = (
    ".attribute", ".file", ".loc", ".ident", ".addrsig", ".addrsig_sym", ".stabs", ".stabn", ".stabd", ".version",
    ".title", ".sbttl", ".list", ".nolist", ".psize", ".eject", ".extern", ".func", ".endfunc", ".symver",
    ".variant_cc", ".gnu_attribute", ".linkonce", ".ln", ".loc_mark_labels", ".bundle_align_mode", ".ent", ".desc",
    ".reloc", ".lto_discard",
)  # fmt: skip

HANDLERS: dict[str, Handler] = {".option": option, **dict.fromkeys(IGNORED, ignore)}
