"""Merges constants and strings: equal ones are kept once, and a string that another ends with is not kept.

SHF_MERGE allows it (System V ABI, "Section attribute flags"); the choices are those of GNU ld 2.40, so that addresses
are the same. Sections of all sources are merged together if they have the same flags, entry size and alignment and go
to the same output section.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from trapline.asm.fragments import Align, Data
from trapline.asm.linker.placement import Output
from trapline.asm.sections import ALLOC, MERGE, STRINGS, Section


@dataclass(eq=False)
class _Entry:
    """A constant, or a string with its zero: kept at `offset` in `section`, or the end of `host`."""

    content: bytes
    alignment: int
    section: Section
    offset: int = 0
    host: "_Entry | None" = None

    def place(self) -> tuple[Section, int]:
        """Where it is now."""
        if self.host is None:
            return self.section, self.offset
        section, offset = self.host.place()
        return section, offset + len(self.host.content) - len(self.content)


class _Pool:
    """Sections that are merged together. known: their entries, in order of first appearance."""

    def __init__(self, entry_size: int, strings: bool, alignment: int) -> None:
        self.entry_size = entry_size
        self.strings = strings
        self.alignment = alignment
        self.known: dict[bytes, _Entry] = {}
        self.sections: list[Section] = []

    def take(self, section: Section, content: bytes) -> None:
        """Add the contents of a section."""
        self.sections.append(section)
        zero = bytes(self.entry_size)
        at = 0
        padded = False
        while at < len(content):
            text = self.text_at(content, at)
            self._add(section, text, min(at & -at or self.alignment, self.alignment) if self.strings else 1)
            at += len(text)
            while self.strings and content[at : at + self.entry_size] == zero:
                # Zeros after a string are padding, but the first aligned one may be an empty string.
                if not padded and at % self.alignment == 0:
                    padded = True
                    self._add(section, zero, self.alignment)
                at += self.entry_size

    def text_at(self, content: bytes, at: int) -> bytes:
        """The constant or the string that begins at an offset."""
        size = self.entry_size
        end = at + size
        while self.strings and any(content[end - size : end]):
            end += size
        return content[at:end]

    def _add(self, section: Section, text: bytes, alignment: int) -> None:
        entry = self.known.get(text)
        if entry is None or entry.alignment < alignment:
            self.known.pop(text, None)  # insufficiently aligned: replaced by a new one at the end
            self.known[text] = _Entry(text, alignment, section)

    def lay_out(self) -> None:
        """Choose what is kept, and store it in the section where it first appeared."""
        if self.strings:
            self._join_ends()
        data = {section: Data(0) for section in self.sections}
        for entry in self.known.values():
            if entry.host is None:
                kept = data[entry.section].data
                kept += bytes(-len(kept) % entry.alignment)
                entry.offset = len(kept)
                kept += entry.content
        for section, fragment in data.items():
            section.subsections = {0: [fragment]}
            section.finish()
            section.size = len(fragment.data)

    def _join_ends(self) -> None:
        """Let a string share the bytes of one that ends with it: sorted by reversed text, the two are neighbours."""
        size = self.entry_size
        alignments = {entry.alignment for entry in self.known.values()}
        # Only strings of compatible alignment can share; if all have the same, it is the first sort key.
        modulus = alignments.pop() if len(alignments) == 1 else 1

        def order(entry: _Entry) -> tuple[int, bytes]:
            text = entry.content[:-size]
            return len(text) % modulus if modulus > size else 0, text[::-1]

        host: _Entry | None = None
        for entry in sorted(self.known.values(), key=order, reverse=True):
            if (
                host is not None
                and host.alignment >= entry.alignment
                and (len(host.content) - len(entry.content)) % entry.alignment == 0
                and host.content.endswith(entry.content)
            ):
                entry.host = host
            else:
                host = entry


@dataclass(eq=False)
class _Source:
    """A section before merging."""

    section: Section
    content: bytes
    pool: _Pool

    def place(self, offset: int) -> tuple[Section, int]:
        """Where the byte at `offset` is now."""
        if offset >= len(self.content):
            return self.section, self.section.size
        size = self.pool.entry_size
        start = offset - offset % size
        while self.pool.strings and start and any(self.content[start - size : start]):
            start -= size
        entry = self.pool.known.get(self.pool.text_at(self.content, start))
        if entry is None:  # in padding that was not kept: any zero will do
            entry = next(e for e in self.pool.known.values() if e.host is None)
            start = offset + size - len(entry.content)
        section, place = entry.place()
        return section, place + offset - start


Merged = dict[Section, _Source]
"""Sections whose contents have moved. `merged[section].place(offset)` is the new place of the byte at that offset."""


def merge(outputs: Iterable[Output]) -> Merged:
    """Merge within each output section. The sections must have been laid out."""
    merged: Merged = {}
    for output in outputs:
        pools: dict[tuple[int, int, int], _Pool] = {}
        for section in output.inputs:
            if _is_mergeable(section):
                strings = section.flags & STRINGS
                key = (strings, section.entry_size, section.alignment)
                pool = pools.setdefault(key, _Pool(section.entry_size, bool(strings), section.alignment))
                content = b"".join(fragment.content() for fragment in section.fragments)
                merged[section] = _Source(section, content, pool)
                pool.take(section, content)
        for pool in pools.values():
            pool.lay_out()
        output.drop({section for section in output.inputs if section in merged and not section.size})
    return merged


def _is_mergeable(section: Section) -> bool:
    size, alignment, strings = section.entry_size, section.alignment, section.flags & STRINGS
    if not (section.flags & MERGE and section.flags & ALLOC and size and section.size and section.size % size == 0):
        return False
    if size > alignment and size % alignment:
        return False
    if size < alignment and (not strings or size & (size - 1)):
        return False
    if any(type(f) not in (Data, Align) or (type(f) is Data and f.fixups) for f in section.fragments):
        return False
    return not strings or b"".join(f.content() for f in section.fragments).endswith(bytes(size))
