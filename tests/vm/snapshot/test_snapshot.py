"""Snapshots of the library: what is in them, what they share, what refuses them."""

import io
from pathlib import Path

import pytest

from trapline import Machine
from trapline.vm.board.virtio.backing_file import Drive
from trapline.vm.board.virtio.block import Block
from trapline.vm.board.virtio.entropy import Entropy
from trapline.vm.process import Process
from trapline.vm.process.errno import EAGAIN, SystemCallError
from trapline.vm.process.streams import Input
from trapline.vm.snapshot.snapshot import SnapshotError

COUNTER = """
_start: la a0, word
again:  lw a1, 0(a0)
        addi a1, a1, 1
        sw a1, 0(a0)
        j again
        .bss
        .balign 4096
word:   .word 0
"""

# S mode loads and stores through a page's old entry, which it has replaced without a fence, while a page becomes code.
STALE = """
        .equ TABLE, 0x80100000
        .equ WINDOW, 0x40000000
_start: li t0, -1
        csrw pmpaddr0, t0
        li t0, 0x1f
        csrw pmpcfg0, t0
        li s0, TABLE + 0x800
        li t0, 0x200000cf       # RAM as it is
        sw t0, 0(s0)
        li t0, (TABLE + 0x1000) >> 2 | 1
        sw t0, -0x400(s0)
        li s1, TABLE + 0x1000
        li t0, 0x80200000 >> 2 | 0xc7
        sw t0, 0(s1)
        li t0, 1 << 31 | TABLE >> 12
        csrw satp, t0
        sfence.vma
        li t0, 3 << 11
        csrc mstatus, t0
        li t0, 1 << 11
        csrs mstatus, t0
        la t0, supervisor
        csrw mepc, t0
        mret
supervisor:
        li s2, WINDOW
        li s3, 1
        sw s3, 0(s2)            # fills the TLB
        lw s4, 0(s2)
        li t0, 0x80201000 >> 2 | 0xc7
        sw t0, 0(s1)            # another page is there, after a fence
        nop
cut:    addi s3, s3, 1
        sw s3, 4(s2)
        call elsewhere          # a page that was no code until now
        sw s3, 8(s2)
        lw s5, 0(s2)
        sfence.vma
        sw s3, 12(s2)
        lw s6, 0(s2)
end:    j end
        .balign 4096
elsewhere:
        ret
"""


def run_to(machine: Machine, symbol: str) -> None:
    while machine.pc != machine.symbols[symbol]:
        machine.step()


def test_a_store_to_a_page_that_was_written_before_is_noticed() -> None:
    machine = Machine.from_source(COUNTER, memory=1 << 20)
    for steps in (0, 101, 1, 4000, 0, 7):
        machine.run(max_instructions=steps)
        before, digest = machine.snapshot(), machine.digest()
        machine.run(max_instructions=90)
        assert machine.digest() != digest
        machine.restore(before)
        assert (machine.digest(), machine.cycle) == (digest, before.cycle)


def test_what_a_tlb_still_knows_is_part_of_the_state() -> None:
    machine = Machine.from_source(STALE, memory=4 << 20)
    run_to(machine, "cut")
    before = machine.snapshot()
    fork = machine.fork()
    ends = []
    for _ in range(3):
        machine.run(max_instructions=40)
        ends.append((machine.digest(), machine.trap_counts))
        machine.restore(before)
    fork.run(max_instructions=40)
    assert fork.pc == fork.symbols["end"] and fork.csr["scause"] == 0 and fork.x["s5"] == 1 and fork.x["s6"] == 0
    assert {(fork.digest(), str(fork.trap_counts)), *((digest, str(traps)) for digest, traps in ends)} == {
        (fork.digest(), str(fork.trap_counts))
    }


def test_unchanged_pages_are_shared() -> None:
    machine = Machine.from_source(COUNTER, memory=1 << 20)
    machine.write(0x80080000, bytes(range(256)) * 64)
    machine.run(max_instructions=50)
    first = machine.snapshot()
    machine.run(max_instructions=50)
    second = machine.snapshot()
    assert [n for n in range(256) if first.memory[n] is not second.memory[n]] == [1]
    assert list(first.memory.differing(second.memory)) == [1]


def test_forks_go_their_own_ways() -> None:
    machine = Machine.from_source(COUNTER, memory=1 << 20)
    machine.run(max_instructions=101)
    forks = [machine.fork() for _ in range(3)]
    grandchild = forks[0].fork()
    for number, fork in enumerate((*forks, grandchild)):
        fork.run(max_instructions=40 * (number + 1))
    word = machine.symbols["word"]
    assert [int.from_bytes(m.read(word, 4), "little") for m in (machine, *forks, grandchild)] == [25, 35, 45, 55, 65]


def test_a_fork_where_no_file_can_be_mapped_privately(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows."""
    machine = Machine.from_source(COUNTER, memory=1 << 20)
    machine.run(max_instructions=101)
    monkeypatch.delattr("mmap.MAP_PRIVATE")
    fork = machine.fork()
    fork.run(max_instructions=40)
    machine.run(max_instructions=40)
    assert fork.digest() == machine.digest()


def test_only_a_machine_that_is_made_alike_takes_a_state() -> None:
    machine = Machine.from_source(COUNTER, memory=1 << 20)
    machine.run(max_instructions=50)
    digest = machine.digest()
    others = (
        Machine(memory=2 << 20), Machine(memory=1 << 20, harts=2), Machine(memory=1 << 20, technique="trap"),
        Machine(memory=1 << 20, board=False), Machine(memory=1 << 20, ram_base=0x90000000),
    )  # fmt: skip
    for other in others:
        with pytest.raises(SnapshotError):
            machine.restore(other.snapshot())
    assert machine.digest() == digest


def test_devices_go_back_too(tmp_path: Path) -> None:
    image = tmp_path / "disk"
    image.write_bytes(bytes(8192))
    machine = Machine(memory=1 << 20, stdin=b"typed")
    board = machine.board
    assert board is not None
    drive = Drive(image)
    board.plug(Block(drive))
    random = Entropy()
    board.plug(random)
    drive.write(100, b"one")
    taken = random.source(40)
    board.uart.store(1, 1, 1)
    board.plic.store(4 * 10, 4, 5)
    machine.console.write(b"printed ")
    before = machine.snapshot()
    following, read = random.source(40), [machine.console.read() for _ in range(3)]
    drive.write(101, b"two")
    board.uart.store(1, 1, 0)
    board.plic.store(4 * 10, 4, 6)
    machine.console.write(b"more")
    fork = machine.fork(before)
    assert fork.board is not None and isinstance(fork.board.slots[0].device, Block)
    assert fork.board.slots[0].device.drive.read(100, 5) == b"one\0\0"
    machine.restore(before)
    assert taken != following == random.source(40)
    assert drive.read(100, 5) == b"one\0\0" and drive.read(4096, 3) == bytes(3)
    assert board.uart.load(1, 1) == 1 and board.plic.load(4 * 10, 4) == 5
    assert machine.console.output == fork.console.output == b"printed "
    assert [machine.console.read() for _ in range(3)] == read == [fork.console.read() for _ in range(3)]
    board.close()
    fork.board.close()


def test_a_file_that_was_written_through_cannot_go_back(tmp_path: Path) -> None:
    image = tmp_path / "disk"
    image.write_bytes(bytes(8192))
    machine = Machine(memory=1 << 20)
    assert machine.board is not None
    machine.board.plug(Block(drive := Drive(image, write=True)))
    before = machine.snapshot()
    machine.restore(before)
    drive.write(0, b"x")
    with pytest.raises(SnapshotError, match="written"):
        machine.restore(before)
    with pytest.raises(ValueError, match="written through"):
        machine.fork()
    machine.board.close()


@pytest.mark.parametrize("again, shown", [(True, b"ABB"), (False, b"AB")])
def test_output_is_repeated_or_not(again: bool, shown: bytes) -> None:
    stream = io.BytesIO()
    machine = Machine(memory=1 << 20, stdout=stream)
    machine.console.write(b"A")
    before = machine.snapshot()
    machine.console.write(b"B")
    machine.restore(before, again)
    machine.console.write(b"B")
    assert stream.getvalue() == shown and machine.console.output == b"AB"


READS = """
_start: addi sp, sp, -16
next:   li a0, 0
        mv a1, sp
        li a2, 4
        li a7, 63
        ecall
        mv s0, a0
        beqz a0, done
read:   li a0, 1
        mv a1, sp
        mv a2, s0
        li a7, 64
        ecall
        li a0, 0
        li a7, 214
        ecall
        addi a0, a0, 64
        ecall
        mv a0, sp
        li a1, 4
        li a2, 0
        li a7, 278
        ecall
        lw t0, (sp)
        add s1, s1, t0
        j next
done:   li a0, 7
        li a7, 93
        ecall
"""


@pytest.mark.parametrize("again, shown", [(True, "one two threetwo three"), (False, "one two three")])
def test_a_process_reads_again_what_it_has_read(again: bool, shown: str, tmp_path: Path) -> None:
    (tmp_path / "input").write_text("one two three")
    output = io.BytesIO()
    with (tmp_path / "input").open("rb") as file:
        process = Process.from_source(READS, stdin=file, stdout=output)
        machine = process.machine
        process._running = True
        machine.breakpoints = {machine.symbols["read"]}
        machine.run()
        machine.run()
        before, ends = machine.snapshot(), []
        machine.breakpoints = set()
        for _ in range(2):
            result = process.run()
            ends.append((result.exit_code, result.system_calls, machine.x["s1"], process.space.brk, machine.digest()))
            machine.restore(before, again)
    assert ends[0] == ends[1] and ends[0][0] == 7
    assert output.getvalue().decode() == shown
    with pytest.raises(ValueError, match=r"Process\.fork"):
        machine.fork()


@pytest.mark.parametrize("again", [True, False])
def test_what_a_read_brought_comes_in_the_same_pieces(again: bool) -> None:
    """An error and an end that are no lasting ones too, and the rest of a piece of which less was taken."""
    came = [b"abcdef", BlockingIOError(), b"", b"gh"]

    class Keyboard(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            following = came.pop(0)
            if isinstance(following, Exception):
                raise following
            return following

    stream = Input(Keyboard())  # type: ignore[arg-type]
    start = stream.save()

    def taken() -> list[bytes | int]:
        found: list[bytes | int] = []
        for size in (4, 4, 9, 9, 1, 1):
            try:
                found.append(stream.read(size, None))
            except SystemCallError as error:
                found.append(error.number)
        return found

    expected = taken()
    assert expected == [b"abcd", b"ef", EAGAIN, b"", b"g", b"h"]
    stream.restore(start)
    assert taken() == expected


def test_forks_of_a_process_go_their_own_ways() -> None:
    process = Process.from_source(READS, stdin=io.BytesIO(b"one two three"), stdout=io.BytesIO(), memory=1 << 20)
    machine = process.machine
    machine.breakpoints = {machine.symbols["read"]}
    process.resume()
    begin = machine.snapshot()
    process.resume()
    outputs = [io.BytesIO() for _ in "123"]
    forks = [
        process.fork(stdin=io.BytesIO(b"3 4"), stdout=outputs[0]),
        process.fork(begin, stdin=io.BytesIO(b"zw"), stdout=outputs[1]),
        process.fork(stdout=outputs[2]).fork(stdout=outputs[2]),
    ]
    digest = machine.digest()
    for fork in forks:
        fork.machine.breakpoints = set()
        assert fork.run().exit_code == 7
    assert [output.getvalue() for output in outputs] == [b"two 3 4", b"one two zw", b"two "]
    assert machine.digest() == digest
    machine.breakpoints = set()
    assert process.run().exit_code == 7 and process.stdout._printed == len("one two three")
    with pytest.raises(ValueError, match="memory"):
        process.fork(memory=2 << 20)


def test_pages_that_a_process_maps_go_back() -> None:
    """The host writes a process's page table past the engine."""
    source = """
    _start: li a0, 0
            li a1, 8192
            li a2, 3
            li a3, 0x22
            li a4, -1
            li a5, 0
            li a7, 222
            ecall
            ebreak
    """
    process = Process.from_source(source)
    machine = process.machine
    table = process.space.table.entries
    before, entries = machine.snapshot(), table.copy()
    assert process.run().signal
    assert (table != entries).any()
    machine.restore(before)
    assert (table == entries).all()
