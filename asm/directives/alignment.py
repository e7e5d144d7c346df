"""Directives that move the current position: alignment and `.org`."""

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.fragments import COMPRESSED_BYTES, INSTRUCTION_BYTES, LIMIT, Align
from trapline.asm.sections import EXEC, NOBITS
from trapline.asm.unit import Handler, Unit


def align_to(unit: Unit, alignment: int, fill: bytes | None, most: int | None, location: Location) -> None:
    """Pad to a multiple of `alignment` bytes, a power of two."""
    section = unit.section
    if unit.in_absolute:
        unit.offset += -unit.offset % alignment
        return
    section.alignment = max(section.alignment, alignment)
    section.stated_alignment = max(section.stated_alignment, alignment)
    if alignment > 1:
        if fill is None and not section.flags & EXEC:
            fill = b"\0"
        parcel = COMPRESSED_BYTES if unit.compressed else INSTRUCTION_BYTES
        if fill is None and alignment <= parcel:
            return  # GNU as assumes that code is aligned to instructions
        section.data()
        section.add(Align(len(section.open), alignment, fill, most, parcel if unit.relax else 0))


def align(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.align` and `.p2align` take an exponent of two, `.balign` bytes; then a fill value and most bytes to skip."""
    fields = [field.strip() for field in operands.split(",")] if operands else []
    values: list[int | None] = [unit.evaluate(field, location) if field else None for field in fields]
    amount, fill, most = ([*values, None, None, None])[:3]
    if amount is None:
        amount = 0
    stem = name.rstrip("wl") if name.startswith((".balignw", ".balignl", ".p2alignw", ".p2alignl")) else name
    if stem in (".align", ".p2align"):
        if not 0 <= amount <= 31:
            raise SourceError(location, f"'{name}' {amount}: the power of two is not in [0, 31]", _align_hint(amount))
        if amount > 12:
            unit.diagnostics.warning(location, f"'{name} {amount}' aligns to {1 << amount} bytes", _align_hint(amount))
        amount = 1 << amount
    elif amount <= 0:
        amount = 1
    if amount & (amount - 1):
        raise SourceError(location, f"'{name}': alignment {amount} is not a power of two")
    if amount > LIMIT:
        raise SourceError(location, f"'{name}': alignment {amount} is more than {LIMIT}")
    width = {"w": 2, "l": 4}.get(name[-1], 1) if stem != name else 1
    pattern = None if fill is None else (fill & ((1 << (8 * width)) - 1)).to_bytes(width, "little")
    if fill and unit.section.type == NOBITS:
        unit.diagnostics.warning(location, f"'{unit.section.name}' has no contents: the fill value is ignored")
    align_to(unit, amount, pattern, most or None, location)


def _align_hint(amount: int) -> str | None:
    if amount > 0 and amount & (amount - 1) == 0:
        return f"'.align' takes a power of two; for {amount} bytes write '.balign {amount}'"
    return None


def org(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.org offset, fill`."""
    values = unit.operands(operands)
    if not 1 <= len(values) <= 2:
        raise SourceError(location, "'.org' needs an offset", "write '.org 0x100'")
    fill = unit.number(values[1], location) if len(values) == 2 else 0
    if fill and unit.section.type == NOBITS:
        unit.diagnostics.warning(location, f"'{unit.section.name}' has no contents: the fill value is ignored")
    unit.move_to(unit.bind(values[0], location), fill, location)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys((".align", ".p2align", ".balign", ".p2alignw", ".p2alignl", ".balignw", ".balignl"), align),
    ".org": org,
}
