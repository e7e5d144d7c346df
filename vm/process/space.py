"""The memory of a process: its layout, the permissions of each page, and checked access for system calls.

A page table (`vm.process.page_table`) is the record of what is mapped, and the hart obeys it as under any kernel.
"""

from collections.abc import Callable

from trapline.isa.sv32 import ADDRESSES, MEGAPAGE, PAGE, PAGE_SHIFT
from trapline.vm.loader.image import EXECUTE, READ, WRITE, Image, LoadError
from trapline.vm.loader.memory import memory_advice
from trapline.vm.machine import Machine
from trapline.vm.process.errno import EEXIST, EFAULT, EINVAL, ENOMEM, SystemCallError
from trapline.vm.process.page_table import BIT, PageTable, table_size

MAX_SPAN = 1 << 30
"""Maximum bytes from the first to the last address of a program whose segments lie far apart."""

_FEW = 4
"""Pages that a loop checks faster than numpy."""
_STACK = 8 << 20
_GUARD = 1 << 20
_MIB = 1 << 20


def page_down(address: int) -> int:
    return address & -PAGE


def page_up(address: int) -> int:
    return (address + PAGE - 1) & -PAGE


class Layout:
    """The layout of RAM, in bytes, on page boundaries.

    base, size: what the process can have; ram: bytes of the machine's RAM, at whose end is the page table; brk: first
    address after the segments; stack_bottom, stack_top: of the stack; arena_top: the end of the range for brk and mmap.
    Raises LoadError if the program does not fit into `memory` bytes.
    """

    def __init__(self, image: Image, memory: int) -> None:
        memory = page_down(memory)
        spans = [(page_down(s.vaddr), page_up(s.end)) for s in image.segments]
        spans += [(page_down(a), page_up(a + len(data))) for a, data in load_copies(image)]
        self.bare = bare_ram(image)
        if self.bare is not None:
            spans.append(self.bare)
        lowest, highest = min(start for start, _ in spans), max(end for _, end in spans)
        total = sum(end - start for start, end in _merged(spans))
        stack = page_down(min(_STACK, memory // 4))
        guard = page_down(min(_GUARD, memory // 16))
        needed = total + stack + guard
        if needed > memory or stack < 4 * PAGE:
            needed = max(total + stack + guard, total * 3 // 2, 128 << 10)
            raise LoadError(f"{image.name}: {memory_advice(needed, memory)}")
        self.base = 0 if highest + stack + guard <= memory else lowest & -MEGAPAGE
        holes = highest - self.base - total
        self.size = memory if highest - self.base + stack + guard <= memory else memory + holes
        if self.size > max(memory, MAX_SPAN):
            raise LoadError(
                f"{image.name}: its segments span {_mebibytes(highest - lowest)} MiB of addresses; "
                f"link them closer together (at most {(MAX_SPAN - memory) // _MIB} MiB apart)"
            )
        room = ADDRESSES - self.base
        self.size = min(self.size, room - table_size(room))
        self.ram = self.size + table_size(self.size)
        if highest + guard + stack > self.base + self.size:
            raise LoadError(f"{image.name}: ends at {highest:#010x} and leaves no room for a stack above it")
        self.memory = memory
        self.brk = highest
        self.stack_top = self.base + self.size
        self.stack_bottom = self.stack_top - stack
        self.arena_top = self.stack_bottom - guard


def load_copies(image: Image) -> list[tuple[int, bytes]]:
    """(address, bytes) of segments whose load address differs from their run address and that no segment covers.

    The start-up code of a program linked for flash copies its data from there.
    """
    copies = []
    for segment in image.segments:
        start, end = segment.paddr, segment.paddr + len(segment.data)
        if segment.data and not any(s.vaddr < end and start < s.end for s in image.segments):
            copies.append((start, segment.data))
    return copies


def bare_ram(image: Image) -> tuple[int, int] | None:
    """The pages from the heap to the stack of a program whose linker script lays out the RAM of a board.

    picolibc's script names the bounds, and its start-up code sets sp to the upper one; no segment covers them.
    A program that allocates nothing has no lower bound, but a symbol for the source of its data.
    """
    last = max(segment.end for segment in image.segments)
    start, end = image.symbols.get("__heap_start"), image.symbols.get("__stack")
    if start is None and "__data_source" in image.symbols:
        start = last
    if start is None or end is None or not 0 < end - start <= MAX_SPAN:
        return None
    return (page_down(start), page_up(end)) if page_down(start) <= page_up(last) <= page_up(end) else None


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    result: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def _mebibytes(size: int) -> int:
    return -(-size // _MIB)


class AddressSpace:
    """What a process has mapped, and access to it for system calls.

    machine: a `vm.machine.Machine` with the layout's RAM. look: called again and again in what takes long, and may
    raise. Addresses are guest addresses, sizes are in bytes.
    """

    def __init__(self, machine: Machine, layout: Layout, look: Callable[[], None] = lambda: None) -> None:
        self.machine = machine
        self.layout = layout
        self.base, self.end = layout.base, layout.base + layout.size
        self._ram = machine.engine.buffers.ram
        self.table = PageTable(machine, layout.base, layout.size, look)
        self._entry = self.table.entry
        self._granted = 0
        self.brk_start = self.brk = layout.brk
        self._arena_top = self._full = (layout.arena_top - layout.base) >> PAGE_SHIFT

    def load(self, image: Image) -> None:
        """Map the program and its stack."""
        layout = self.layout
        for segment in image.segments:
            self._place(segment.vaddr, segment.data, segment.memsz, segment.flags)
        for address, data in load_copies(image):
            self._place(address, data, len(data), READ)
        if layout.bare is not None:
            self._place(layout.bare[0], b"", layout.bare[1] - layout.bare[0], READ | WRITE)
        self.grant(layout.stack_bottom, layout.stack_top - layout.stack_bottom, READ | WRITE)

    def _pages(self, address: int, size: int) -> tuple[int, int]:
        """The pages of a range, as the table numbers them: the first, and the one after the last."""
        offset = address - self.base
        return offset >> PAGE_SHIFT, (offset + size + PAGE - 1) >> PAGE_SHIFT

    def _place(self, address: int, data: bytes, size: int, permissions: int) -> None:
        first, last = self._pages(address, size)
        self._granted += PAGE * (last - first - self.table.mapped(first, last))
        self.table.add(first, last, permissions)
        self.machine.write(address, data)

    def grant(self, address: int, size: int, permissions: int) -> None:
        """Give zeroed pages to the process. Raises ENOMEM at its memory limit."""
        first, last = self._pages(address, size)
        self._grant(first, last, last - first - self.table.mapped(first, last), permissions)

    def _grant(self, first: int, last: int, fresh: int, permissions: int) -> None:
        if self._granted + PAGE * fresh > self.layout.memory:
            raise SystemCallError(ENOMEM)
        self._granted += PAGE * fresh
        self.table.grant(first, last, permissions)
        if last == self._full:
            self._full = first

    def release(self, address: int, size: int) -> None:
        """Take pages back from the process."""
        self._release(*self._pages(address, size))

    def _release(self, first: int, last: int) -> None:
        self._granted -= PAGE * self.table.release(first, last)
        if last > self._full:
            self._full = min(last, self._arena_top)

    def save(self) -> tuple[int, int]:
        """The bytes that are granted, and the page above which none is free."""
        return self._granted, self._full

    def restore(self, brk: int, granted: int, full: int) -> None:
        """Go back to what they were."""
        self.brk, self._granted, self._full = brk, granted, full

    # --- access for system calls -------------------------------------------------------------------

    def prefix(self, address: int, size: int, permission: int) -> int:
        """How many of `size` bytes at `address` the process itself may access with this permission."""
        if not self.base <= address < self.end:
            return 0
        bit = BIT[permission]
        size = min(size, self.end - address)
        offset = address - self.base
        first, last = offset >> PAGE_SHIFT, (offset + (size or 1) - 1) >> PAGE_SHIFT
        if first == last:
            return size if self._entry[first] & bit else 0
        if last - first < _FEW:
            for page in range(first, last + 1):
                if not self._entry[page] & bit:
                    return max(0, page * PAGE - offset)
            return size
        denied = (self.table.entries[first : last + 1] & bit) == 0
        return max(0, (first + int(denied.argmax())) * PAGE - offset) if denied.any() else size

    def check(self, address: int, size: int, permission: int) -> None:
        """Raise EFAULT unless the process itself may access all these bytes with this permission."""
        if size and self.prefix(address, size, permission) < size:
            raise SystemCallError(EFAULT)

    def readable(self, address: int, size: int) -> memoryview:
        """A view of those of `size` bytes that come before the first which the process may not read."""
        size = self.prefix(address, size, READ) if size else 0
        offset = address - self.base if size else 0
        return self._ram[offset : offset + size]

    def view(self, address: int, size: int) -> memoryview:
        """A view of bytes that the process may read. Raises EFAULT."""
        self.check(address, size, READ)
        return self._ram[address - self.base : address - self.base + size] if size else self._ram[:0]

    def read(self, address: int, size: int) -> bytes:
        """A copy of bytes that the process may read. Raises EFAULT."""
        return bytes(self.view(address, size))

    def write(self, address: int, data: bytes) -> None:
        """Store bytes where the process may store them. Raises EFAULT."""
        self.check(address, len(data), WRITE)
        if data:
            self.table.written(*self._pages(address, len(data)))
            self.machine.write(address, data)

    def word(self, address: int) -> int:
        """A 32-bit word that the process may read. Raises EFAULT."""
        return int.from_bytes(self.read(address, 4), "little")

    def string(self, address: int, limit: int = PAGE) -> bytes:
        """A NUL-terminated string, cut at `limit` bytes. Raises EFAULT."""
        size = self.prefix(address, limit, READ)
        data, end, _rest = self.read(address, size).partition(b"\0")
        if not end and size < limit:
            raise SystemCallError(EFAULT)
        return data

    # --- brk and mmap ------------------------------------------------------------------------------

    def set_brk(self, address: int) -> int:
        """Move the end of the heap if possible; the resulting end."""
        old, new = page_up(self.brk), page_up(address)
        if not self.brk_start <= address <= self.layout.arena_top:
            return self.brk
        try:
            if new > old:
                if self.table.mapped(*self._pages(old, new - old)):
                    return self.brk
                self.grant(old, new - old, READ | WRITE)
            elif new < old:
                self.release(new, old - new)
        except SystemCallError:
            return self.brk
        self.brk = address
        return address

    def map(self, address: int, size: int, permissions: int, fixed: bool, replace: bool) -> int:
        """Map `size` zero bytes and return their address; `address` is a hint, or the place if `fixed`."""
        if size == 0 or (fixed and address % PAGE):
            raise SystemCallError(EINVAL)
        count = (size + PAGE - 1) >> PAGE_SHIFT
        size = count << PAGE_SHIFT
        if size > self.layout.size:
            raise SystemCallError(ENOMEM)
        if fixed:
            if not max(self.base, PAGE) <= address <= self.end - size:
                raise SystemCallError(ENOMEM)
            if not replace and self.table.mapped(*self._pages(address, size)):
                raise SystemCallError(EEXIST)
            self.grant(address, size, permissions)
            return address
        first = self._find((address - self.base) >> PAGE_SHIFT, count)
        self._grant(first, first + count, count, permissions)
        return self.base + PAGE * first

    def _find(self, wanted: int, count: int) -> int:
        """The first of `count` free pages between heap and stack: at the hint, else the highest."""
        low, high, full = self._pages(self.brk, 0)[1], self._arena_top, self._full
        if low <= wanted <= high - count and not self.table.mapped(wanted, wanted + count):
            return wanted
        # All pages above `full` are taken. Most often the gap below them is large enough.
        if full - count >= low and not self.table.mapped(full - count, full):
            return full - count
        found = self.table.last_gap(low, high, count)
        if found is None:
            raise SystemCallError(ENOMEM)
        return found

    def unmap(self, address: int, size: int) -> None:
        """Unmap every page of the range."""
        if address % PAGE or size == 0 or address + size > 1 << 32:
            raise SystemCallError(EINVAL)
        first, last = self._pages(address, size)
        first, last = max(first, 0), min(last, len(self._entry))
        if first < last:
            self._release(first, last)

    def change(self, address: int, size: int, permissions: int) -> None:
        """Change the permissions of mapped pages, up to the first that is not: it raises ENOMEM, as on Linux."""
        if address % PAGE:
            raise SystemCallError(EINVAL)
        size = page_up(size)
        if size == 0:
            return
        if not self.base <= address <= self.end - size:
            raise SystemCallError(ENOMEM)
        first, last = self._pages(address, size)
        hole = self.table.hole(first, last)
        self.table.change(first, hole, permissions)
        if hole < last:
            raise SystemCallError(ENOMEM)


def permissions_of(prot: int) -> int:
    """Page permissions for the PROT_READ (1), PROT_WRITE (2), PROT_EXEC (4) bits of mmap and mprotect."""
    return (READ if prot & 1 else 0) | (WRITE if prot & 2 else 0) | (EXECUTE if prot & 4 else 0)
