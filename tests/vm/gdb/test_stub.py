"""Packets about a machine that stands still: what is answered, and that nothing else can come of them."""

import re

import pytest

from trapline import Machine, Process
from trapline.isa import CSR_BY_NAME
from trapline.vm.experiments.guests import Guest
from trapline.vm.gdb.actions import Back, BackToStop, Detach, Go, Kill, Step
from trapline.vm.gdb.inferior import Inferior
from trapline.vm.gdb.packets import PACKET_SIZE, unescaped
from trapline.vm.gdb.stub import Stub
from trapline.vm.gdb.target_description import FIRST_CSR, PC, PRIV

SOURCE = """
_start: li a0, 0x1234
        csrw mscratch, a0
loop:   addi a0, a0, 1
        j loop
"""
RAM = 0x80000000
SIZE = 1 << 16
GO = Go(frozenset({1}))


def machine_of(source: str = SOURCE, harts: int = 1) -> Machine:
    return Machine.from_source(source, memory=SIZE, engine="python", harts=harts)


def inferior_of(machine: Machine, number: int = 1) -> Inferior:
    return Inferior(number, Guest(f"guest {number}", machine))


def stub_of(machine: Machine, reversible: bool = True) -> Stub:
    stub = Stub([inferior_of(machine)], reversible)
    stub.answer(b"qSupported:multiprocess+;swbreak+;hwbreak+")
    return stub


def ask(stub: Stub, packet: str | bytes) -> str:
    """The answer to a packet that wants one."""
    answer = stub.answer(packet.encode() if isinstance(packet, str) else packet)
    assert answer.action is None
    (text,) = answer.packets
    return text.decode("latin-1")


@pytest.fixture
def machine() -> Machine:
    return machine_of()


@pytest.fixture
def stub(machine: Machine) -> Stub:
    return stub_of(machine)


def test_what_is_supported(machine: Machine) -> None:
    answer = ask(stub_of(machine), "qSupported:xmlRegisters=i386")
    assert {f"PacketSize={PACKET_SIZE:x}", "multiprocess+", "ReverseStep+", "QStartNoAckMode+"} < set(answer.split(";"))
    assert "Reverse" not in ask(stub_of(machine, reversible=False), "qSupported")


@pytest.mark.parametrize(
    "packet", ["vMustReplyEmpty", "qTStatus", "nonsense", "", "vRun;a", "Z5,0,0", "qXfer:auxv:read::0,10"]
)
def test_an_unknown_packet_has_an_empty_answer(stub: Stub, packet: str) -> None:
    assert ask(stub, packet) == ""


@pytest.mark.parametrize("packet, answer", [
    ("m", "E22"), ("m80000000", "E22"), ("m-1,4", "E22"), ("m80000000,4,4", "E22"), ("m0x80,4", "E22"),
    ("m0,4", "E14"), ("mfffffffe,4", "E14"), ("m100000000,4", "E14"), ("M80000000,2:00", "E22"), ("M0,1:00", "E14"),
    ("M80000000,1:0g", "E22"), ("X80000000,2:a", "E22"), ("X8000ffff,2:aa", "E14"), ("pffffff", "E14"), ("pg", "E22"),
    ("P0=0", "E22"), ("P21=00000000", "E14"), ("P1041=02000000", "E22"), ("G00", "E22"), ("Hgp2.1", "E22"),
    ("Hgp1.9", "E22"), ("Hx1", "E22"), ("T9", "E22"), ("vCont;t", "E22"), ("vCont;x:p1.1", "E22"), ("Zg,0,4", "E22"),
    ("Z0,100000000,4", "E22"), ("QNonStop:1", "E22"), ("qXfer:features:read:other.xml:0,10", "E00"),
    ("qXfer:features:read:target.xml:0", "E22"), ("Qqemu.PhyMemMode:2", "E22"), ("qRcmd,0g", "E22"),
])  # fmt: skip
def test_errors_are_those_of_qemu(stub: Stub, packet: str, answer: str) -> None:
    assert ask(stub, packet) == answer


def test_registers(machine: Machine, stub: Stub) -> None:
    machine.step(3)
    assert ask(stub, "pa") == "34120000" and ask(stub, f"p{PC:x}") == machine.pc.to_bytes(4, "little").hex()
    assert ask(stub, "p%x" % (FIRST_CSR + CSR_BY_NAME["mscratch"].address)) == "34120000"
    assert ask(stub, f"p{PRIV:x}") == "03000000"
    everything = ask(stub, "g")
    assert len(everything) == 33 * 8 and everything[80:88] == "34120000"
    assert ask(stub, "Pa=78563412") == "OK" and machine.x["a0"] == 0x12345678
    assert ask(stub, "P0=78563412") == "OK" and machine.x["zero"] == 0
    assert ask(stub, f"P{PRIV:x}=01000000") == "OK" and machine.mode == 1
    assert ask(stub, "G" + everything) == "OK" and machine.x["a0"] == 0x1234


def test_memory(machine: Machine, stub: Stub) -> None:
    assert ask(stub, "M80000100,4:01020304") == "OK" and machine.read(RAM + 0x100, 4) == bytes((1, 2, 3, 4))
    assert ask(stub, b"X80000100,3:}\x03a}\x5d") == "OK" and machine.read(RAM + 0x100, 4) == b"#a}\x04"
    assert ask(stub, "X80000100,0:") == "OK"
    assert ask(stub, "m8000fffe,10") == "0000"  # as far as there is RAM
    assert len(ask(stub, "m80000000,ffffffff")) == PACKET_SIZE


def test_the_description_comes_in_pieces(stub: Stub) -> None:
    text, offset = "", 0
    while True:
        piece = ask(stub, f"qXfer:features:read:target.xml:{offset:x},100")
        text += unescaped(piece[1:].encode()).decode()
        offset = len(text)
        if piece[0] == "l":
            break
    assert '<reg name="mstatus" bitsize="32" regnum="833"' in text and "org.gnu.gdb.riscv.cpu" in text
    assert "<osabi>none</osabi>" in text  # else gdb steps with breakpoints of its own, which an sret or a trap escapes
    assert 'name="popf' not in text and '"uflags"' not in text  # what this machine has not
    assert ask(stub, "qXfer:features:read:target.xml:ffffff,100") == "l"


def test_what_lldb_asks(stub: Stub) -> None:
    """It knows no RISC-V: which registers are pc, sp and arguments, and that watchpoints stop before the access."""
    host = dict(pair.split(":") for pair in ask(stub, "qHostInfo").split(";")[:-1])
    assert bytes.fromhex(host["triple"]).startswith(b"riscv32-") and host["ptrsize"] == "4"
    assert host["watchpoint_exceptions_received"] == "before"
    assert ask(stub, "qWatchpointSupportInfo:") == "num:256;"
    piece = ask(stub, "qXfer:features:read:target.xml:0,3000")
    lines = {found[1]: found[0] for found in re.finditer(r'<reg name="(\w+)".*?/>', piece)}
    assert 'generic="pc"' in lines["pc"] and 'generic="fp"' in lines["s0"] and 'generic="arg8"' in lines["a7"]
    assert 'altname="x1" dwarf_regnum="1"' in lines["ra"] and "dwarf" not in lines["pc"]
    assert 'group="csr"' in lines["satp"]


def test_harts_are_threads() -> None:
    machine = machine_of(harts=3)
    machine.harts[2].waiting = True
    stub = stub_of(machine)
    assert ask(stub, "qfThreadInfo") == "mp1.1,p1.2,p1.3" and ask(stub, "qsThreadInfo") == "l"
    assert ask(stub, "qC") == "QCp1.1"
    assert bytes.fromhex(ask(stub, "qThreadExtraInfo,p1.3")) == b"hart 2, M mode, waiting"
    assert 'id="p1.3" core="2"' in ask(stub, "qXfer:threads:read::0,1000")
    machine.harts[1].x["a0"] = 5
    assert ask(stub, "Hgp1.2") == "OK" and ask(stub, "pa") == "05000000"
    assert ask(stub, "Tp1.3") == "OK" and ask(stub, "Tp1.4") == "E22"


def test_an_old_gdb_has_no_processes(machine: Machine) -> None:
    stub = Stub([inferior_of(machine)], True)
    assert ask(stub, "qC") == "QC1" and ask(stub, "?") == "T05thread:1;"


@pytest.mark.parametrize("packet, action", [
    ("c", GO), ("s", Step(1, 0)), ("C05", GO), ("S05", Step(1, 0)), ("vCont;c", GO), ("vCont;s:p1.1;c", Step(1, 0)),
    ("vCont;c:p1.-1", GO), ("vCont;r80000000,80000008:p1.1", Step(1, 0, RAM, RAM + 8)), ("vCont;s", Step(1)),
    ("bs", Back(1, 0)), ("bc", BackToStop(1)), ("D", Detach()), ("D;1", Detach(1)), ("k", Kill()), ("vKill;1", Kill(1)),
])  # fmt: skip
def test_packets_that_resume(stub: Stub, packet: str, action: object) -> None:
    assert stub.answer(packet.encode()).action == action


def test_a_machine_without_history_does_not_go_back(machine: Machine) -> None:
    assert ask(stub_of(machine, reversible=False), "bs") == ""


def test_c_and_s_take_an_address(machine: Machine, stub: Stub) -> None:
    assert stub.answer(b"c80000008").action == GO and machine.pc == RAM + 8
    assert stub.answer(b"S05;80000004").action == Step(1, 0) and machine.pc == RAM + 4


def test_breakpoints(machine: Machine, stub: Stub) -> None:
    for packet in ("Z0,80000004,4", "Z0,80000004,4", "Z1,80000004,4"):
        assert ask(stub, packet) == "OK"
    assert set(machine.breakpoints) == {RAM + 4}
    assert ask(stub, "z0,80000004,4") == "OK" and set(machine.breakpoints) == {RAM + 4}
    assert stub.stopped(stub._chosen, machine.run()) == b"T05hwbreak:;thread:p1.1;"
    assert ask(stub, "z1,80000004,4") == "OK" and not machine.breakpoints
    assert ask(stub, "z1,80000004,4") == "OK"


def test_a_process_has_its_own_addresses() -> None:
    """Before its first instruction too."""
    process = Process.from_source("_start: li a0, 3; li a7, 93; ecall", engine="python", memory=1 << 20)
    stub = stub_of(process.machine)
    assert ask(stub, f"m{process.machine.pc:x},4") == "13053000" and ask(stub, "m0,4") == "E14"
    assert ask(stub, f"M{process.machine.pc:x},4:13057000") == "OK"
    assert process.run().exit_code == 7
