"""Directives that emit bytes: numbers, strings, files, space."""

import re
from pathlib import Path

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.dwarf import leb128
from trapline.asm.expressions import NotConstant, constant_value, symbols
from trapline.asm.fragments import COMPRESSED_NOP, LIMIT, NOP, TEXT, Fill, Fixup, Leb128
from trapline.asm.nodes import Bound, Expression, Name, String
from trapline.asm.operand_places import operand_starts
from trapline.asm.preprocess.files_read import file_read
from trapline.asm.preprocess.source_text import find_file
from trapline.asm.sections import NOBITS
from trapline.asm.unit import Handler, Unit

WIDTHS = {
    ".byte": 1, ".2byte": 2, ".half": 2, ".short": 2, ".hword": 2, ".4byte": 4, ".word": 4, ".long": 4, ".int": 4,
    ".8byte": 8, ".dword": 8, ".quad": 8, ".dc": 2, ".dc.b": 1, ".dc.w": 2, ".dc.l": 4, ".dc.a": 4,
}  # fmt: skip


BLOCKS = {
    f"{stem}{suffix}": size
    for stem in (".dcb", ".ds")
    for suffix, size in (("", 2), (".b", 1), (".w", 2), (".l", 4))
} | {".ds.s": 4, ".ds.d": 8, ".ds.p": 12, ".ds.x": 12}  # fmt: skip


def append(unit: Unit, data: bytes, location: Location, width: int | None = None, ends: bool = False) -> None:
    """Append bytes to the current section, by default at once; width, ends: see `fragments.Run`.

    Raises SourceError for other than zeros in a section without contents.
    """
    section = unit.section
    if unit.in_absolute and not any(data):
        unit.offset += len(data)
        return
    if section.type == NOBITS and data.count(0) != len(data):
        what = "a structure ('.struct', '.offset')" if unit.in_absolute else f"'{section.name}'"
        raise SourceError(location, f"{what} has no contents, so it can hold only zeros")
    unit.reserve(len(data), location)
    if data:
        section.data().append(data, len(data) if width is None else width, ends)


def numbers(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.byte`, `.half`, `.word`, `.dword` and their other names."""
    width = WIDTHS[name]
    mask = (1 << (8 * width)) - 1
    for index, operand in enumerate(unit.operands(operands)):
        if type(operand) is int:
            value = operand
        else:
            bound = unit.bind(operand, location)
            try:
                value = constant_value(bound)
            except NotConstant:
                if unit.in_absolute:
                    raise SourceError(location, "a structure ('.struct', '.offset') can hold only zeros") from None
                data = unit.section.data()
                data.fixups.append(Fixup(len(data.data), f"word{8 * width}", bound, location))
                data.append(bytes(width), width)
                continue
        if not -(mask // 2 + 1) <= value <= mask and width < 8:
            if type(operand) is not int and type(bound) is not int:
                raise SourceError(location, f"'{name}': value {value} is not in [{-(mask // 2 + 1)}, {mask}]")
            at = location.at(operand_starts(operands)[index])
            unit.diagnostics.warning(at, f"value {value:#x} is truncated to {value & mask:#x}")
        append(unit, (value & mask).to_bytes(width, "little"), location)


def thread_offset(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.dtprelword symbol + 0x800`: the offset of a thread-local variable, in debugging information."""
    for operand in unit.operands(operands):
        data = unit.section.data()
        data.fixups.append(Fixup(len(data.data), "word32:dtprel", unit.bind(operand, location), location))
        data.append(bytes(4), 4)


def octa(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.octa`: 16-byte numbers; expressions have 64 bits."""
    for field in operands.split(","):
        try:
            value = int(field.strip(), 0)
        except ValueError:
            value = unit.evaluate(field.strip(), location)
        append(unit, (value & (2**128 - 1)).to_bytes(16, "little"), location)


def strings(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.ascii`; and `.asciz`, `.string` and its wider forms, which end each string with a zero."""
    end = b"" if name == ".ascii" else b"\0"
    width = {".string16": 2, ".string32": 4, ".string64": 8}.get(name, 1)
    for operand in unit.operands(operands):
        if not isinstance(operand, String):
            raise SourceError(location, f"'{name}' takes strings in quotes")
        text = operand.content + end
        append(unit, text if width == 1 else b"".join(bytes((c,)) + bytes(width - 1) for c in text), location, TEXT)


def space(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.zero`, `.space` and `.skip`: a number of bytes and a fill value."""
    values = unit.operands(operands)
    if not 1 <= len(values) <= 2:
        raise SourceError(location, f"'{name}' needs a size", f"write '{name} 16'")
    fill = unit.number(values[1], location) if len(values) == 2 and not unit.in_absolute else 0
    if fill and unit.section.type == NOBITS:
        unit.diagnostics.warning(location, f"'{unit.section.name}' has no contents: the fill value is ignored")
        fill = 0
    bound = unit.bind(values[0], location)
    try:
        count = constant_value(bound)
    except NotConstant:
        return _later(unit, values[0], bound, bytes((fill & 0xFF,)), location)
    if count < 0:
        return unit.diagnostics.warning(location, f"'{name}': negative size {count} counts as 0")
    if count > LIMIT:
        raise SourceError(location, f"'{name}' {count}: more than {LIMIT} bytes")
    return append(unit, bytes((fill & 0xFF,)) * count, location, 1, ends=True)


def _later(unit: Unit, written: Expression, bound: Bound, item: bytes, location: Location) -> None:
    """Space whose size is known after layout, such as `.space 64 - (. - start)` after branches."""
    if isinstance(written, Name) and any(not symbol.defined and symbol.name != "." for symbol in symbols(bound)):
        unit.number(written, location)  # a name alone is not a distance: report it now
    if unit.in_absolute:
        raise SourceError(location, "after '.struct' a size must be a number")
    section = unit.section
    section.data()
    section.add(Fill(len(section.open), bound, item, location))


def fill(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.fill repeat, size, value`."""
    written = unit.operands(operands)
    if not 1 <= len(written) <= 3:
        raise SourceError(location, "'.fill' needs a count", "write '.fill count, size, value'")
    bound = unit.bind(written[0], location)
    try:
        first: int | None = constant_value(bound)
    except NotConstant:
        first = None
    values = [first or 0, *(unit.number(v, location) for v in written[1:])]
    count, size, value = (*values, *(1, 0)[len(values) - 1 :])
    if count < 0 or size < 0:
        return unit.diagnostics.warning(location, "'.fill': a negative count or size counts as 0")
    size = min(size, 8)
    if count * size > LIMIT:
        raise SourceError(location, f"'.fill' would produce {count * size} bytes; the limit is {LIMIT}")
    # "the contents of each repeat bytes is taken from an 8-byte number, the highest order 4 bytes are zero"
    item = (value & 0xFFFFFFFF).to_bytes(8, "little")[:size]
    if first is None:
        return _later(unit, written[0], bound, item, location)
    return append(unit, item * count, location, size, ends=True)


def block(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.dcb count, value` and `.ds count`, of every width: a repeated number, or zeros."""
    values = [unit.number(v, location) for v in unit.operands(operands)]
    most = 1 if name.startswith(".ds") else 2
    if not 1 <= len(values) <= most:
        raise SourceError(location, f"'{name}' needs a count{' and a value' if most == 2 else ''}")
    count, value = (*values, 0)[:2]
    size = BLOCKS[name]
    if count < 0 or count * size > LIMIT:
        raise SourceError(location, f"'{name}': count {count} is not in [0, {LIMIT // size}]")
    append(unit, (value & ((1 << (8 * size)) - 1)).to_bytes(size, "little") * count, location, size)


def incbin(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.incbin "file", skip, count`."""
    match = re.match(r'\s*"((?:\\.|[^"\\])*)"\s*(?:,\s*(.*))?$', operands, re.S)
    if match is None:
        raise SourceError(location, "'.incbin' needs a file name in quotes")
    path = find_file(match[1], location.file, unit.include_dirs)
    if path is None:
        raise SourceError(location, f"no such file: '{match[1]}'")
    if not Path(path).is_file():
        raise SourceError(location, f"'{match[1]}' is not a regular file")
    file_read(path)
    skip, count = 0, None
    if match[2]:
        numbers = [unit.evaluate(v, location) if v.strip() else 0 for v in match[2].split(",")]
        skip = numbers[0]
        count = numbers[1] if len(numbers) > 1 else None
    try:
        length = Path(path).stat().st_size
        if skip < 0 or (count is not None and count < 0) or skip + (count or 0) > length:
            raise SourceError(location, f"'{match[1]}' has {length} bytes; cannot read {count or 0} from offset {skip}")
        if (count if count is not None else length - skip) > LIMIT:
            raise SourceError(location, f"'{match[1]}' has more than {LIMIT} bytes")
        with open(path, "rb") as file:
            file.seek(skip)
            data = file.read(length - skip if count is None else count)
    except OSError as error:
        raise SourceError(location, f"cannot read '{match[1]}': {error.strerror}") from None
    append(unit, data, location)


def nop(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.nop`: an instruction without effect."""
    if unit.compressed:
        unit.note_compressed(location)
    append(unit, COMPRESSED_NOP if unit.compressed else NOP, location)


def leb(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.uleb128` and `.sleb128`; the value may depend on layout."""
    signed = name == ".sleb128"
    for operand in unit.operands(operands):
        bound = unit.bind(operand, location)
        try:
            value = constant_value(bound)
        except NotConstant:
            section = unit.section
            section.data()
            section.add(Leb128(len(section.open), bound, signed, location))
            continue
        if value < 0 and not signed:
            value &= 2**64 - 1
        append(unit, leb128(value, signed), location)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(WIDTHS, numbers), ".octa": octa, ".dtprelword": thread_offset,
    ".ascii": strings, ".asciz": strings, ".string": strings, ".string8": strings,
    ".string16": strings, ".string32": strings, ".string64": strings,
    **dict.fromkeys(BLOCKS, block), ".zero": space, ".space": space, ".skip": space, ".nop": nop,
    ".fill": fill, ".incbin": incbin,
    ".uleb128": leb, ".sleb128": leb,
}  # fmt: skip
