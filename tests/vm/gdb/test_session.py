"""A debugger that comes, interrupts, goes on and back, and leaves; over a socket, with packets."""

import socket
import threading

import pytest

from support.gdb.client import FEATURES, Client, Debugged, debugged
from trapline import Exit, ExitReason, Machine, Process
from trapline.isa.hart import REGISTERS
from trapline.vm.gdb.connection import Connection
from trapline.vm.gdb.packets import framed
from trapline.vm.gdb.target_description import PC
from trapline.vm.process import Result

RAM = 0x80000000
COUNT = """
_start: li t0, 0
        li t1, 5000
loop:   addi t0, t0, 1
        bne t0, t1, loop
        li t2, 0x100000
        li t3, 0x33333
        sw t3, (t2)
park:   j park
"""
LOOP = RAM + 12
FOREVER = "_start: addi t0, t0, 1; j _start"
HARTS = """
_start: csrr t0, mhartid
        bnez t0, other
        li t1, 0x100000
        li t2, 0x5555
wait:   lw t3, flag
        beqz t3, wait
        sw t2, (t1)
park:   j park
other:  li t4, 3000
again:  addi t4, t4, -1
        bnez t4, again
        la t5, flag
        sw t0, (t5)
        j park
        .data
flag:   .word 0
"""


def machine_of(source: str, harts: int = 1) -> Machine:
    return Machine.from_source(source, memory=1 << 16, engine="python", harts=harts)


def register(client: Client, name: str) -> int:
    number = PC if name == "pc" else REGISTERS[name]
    return int.from_bytes(bytes.fromhex(client.ask(f"p{number:x}")), "little")


def test_a_run_with_a_debugger_ends_as_one_without() -> None:
    alone = machine_of(COUNT)
    end = alone.run()
    machine = machine_of(COUNT)
    with debugged(machine) as (client, run):
        assert machine.cycle == 0
        assert client.ask("?") == "T05thread:p1.1;"
        assert client.ask("Z0,8000000c,4") == "OK"
        for count in (0, 1, 2):
            assert client.ask("c") == "T05swbreak:;thread:p1.1;"
            assert register(client, "pc") == LOOP and register(client, "t0") == count
        assert client.ask("bs").startswith("T05") and register(client, "pc") == LOOP + 4
        assert client.ask("bc") == "T05swbreak:;thread:p1.1;" and register(client, "t0") == 1
        assert client.ask("bc").startswith("T05swbreak") and register(client, "t0") == 0
        assert client.ask("bc") == "T05replaylog:begin;thread:p1.1;" and register(client, "pc") == RAM
        assert client.ask("bs") == "T05replaylog:begin;thread:p1.1;"
        assert client.ask("vCont;s:p1.1").startswith("T05") and machine.cycle == 1
        assert client.ask("vCont;r80000000,8000000c:p1.1").startswith("T05") and machine.pc == LOOP
        assert client.ask("z0,8000000c,4") == "OK"
        assert client.ask("vCont;c:p1.-1") == "W03"
        assert run.join() == end
    assert machine.digest() == alone.digest() and machine.cycle == alone.cycle


def test_watchpoints_forth_and_back() -> None:
    machine = machine_of(HARTS, harts=2)
    with debugged(machine) as (client, run):
        flag = machine.symbols["flag"]
        assert client.ask(f"Z2,{flag:x},4") == "OK"
        for _ in range(2):  # before the access, as gdb and lldb expect it of RISC-V: they step over it
            assert client.ask("c") == f"T05watch:{flag:x};thread:p1.2;" and machine.read(flag, 1) == b"\0"
        assert client.ask(f"z2,{flag:x},4") == "OK"
        assert client.ask("vCont;s:p1.2") == "T05thread:p1.2;" and machine.read(flag, 1) == b"\x01"
        assert client.ask(f"Z2,{flag:x},4") == "OK"
        assert client.ask("bc") == f"T05watch:{flag:x};thread:p1.2;" and machine.read(flag, 1) == b"\x01"
        assert client.ask("bs") == "T05thread:p1.2;" and machine.read(flag, 1) == b"\0"
        assert client.ask(f"z2,{flag:x},4") == "OK" and client.ask(f"Z3,{flag:x},4") == "OK"
        assert client.ask("bc") == f"T05rwatch:{flag:x};thread:p1.1;" and machine.read(flag, 1) == b"\0"
        assert client.ask(f"z3,{flag:x},4") == "OK" and not len(machine.stops)
        assert client.ask("c") == "W00"
        assert run.join().reason is ExitReason.HALT


def test_ctrl_c_stops_a_guest_that_computes() -> None:
    machine = machine_of(FOREVER)
    machine.ends_trap_loops = False
    with debugged(machine) as (client, run):
        client.put("c")
        client.interrupt()
        assert client.next() == "T02thread:p1.1;"
        assert client.ask("k") == "W00"
        assert run.join().reason is ExitReason.KILLED


def test_a_debugger_that_comes_stops_the_guest() -> None:
    machine = machine_of(FOREVER)
    with debugged(machine, waits=False) as (client, run):
        assert client.ask("?").startswith("T02") and machine.cycle > 0
        assert run.reports[1:] == ["gdb has come"]
        before = machine.cycle
        assert client.ask("vCont;s:p1.1").startswith("T05") and machine.cycle == before + 1


def test_a_second_debugger_is_turned_away() -> None:
    with debugged(machine_of(FOREVER)) as (client, run):
        second = Client(run.place)
        assert second.next() == ""
        second.close()
        assert client.ask("?").startswith("T05")


@pytest.mark.parametrize("last", ["D;1", ""])
def test_the_guest_goes_on_without_its_debugger(last: str) -> None:
    """Whether it has said so or not; its breakpoints go with it."""
    machine = machine_of(COUNT)
    with debugged(machine) as (client, run):
        assert client.ask("Z0,8000000c,4") == "OK"
        if last:
            assert client.ask(last) == "OK"
        client.close()
        assert run.join().code == 3
        assert "the guest goes on" in run.reports[-1] and not machine.breakpoints


def test_a_change_makes_another_future_and_the_past_stays() -> None:
    machine = machine_of(COUNT)
    with debugged(machine) as (client, run):
        client.ask("Z0,8000000c,4")
        client.ask("c")
        assert client.ask("P5=86130000") == "OK"  # t0 = 4998
        assert client.ask("c").startswith("T05swbreak") and register(client, "t0") == 4999
        assert client.ask("bc").startswith("T05swbreak") and register(client, "t0") == 4998
        assert client.ask("bs").startswith("T05") and register(client, "t0") == 0
        client.ask("z0,8000000c,4")
        assert client.ask("c") == "W03"
        assert run.join().code == 3


def test_a_hart_steps_forth_and_back_while_others_run() -> None:
    machine = machine_of(HARTS, harts=2)
    with debugged(machine) as (client, run):
        for count in (1, 2, 3):
            assert client.ask("vCont;s:p1.2") == "T05thread:p1.2;"
            assert machine.harts[1].h.cycle == count
        assert machine.harts[0].h.cycle == 1000  # its turn comes first
        client.ask("Hgp1.2")
        for count in (2, 1, 0):
            assert client.ask("bs") == "T05thread:p1.2;"
            assert machine.harts[1].h.cycle == count
        assert client.ask("bs") == "T05replaylog:begin;thread:p1.2;"
        assert client.ask("c") == "W00"
        assert run.join().reason is ExitReason.HALT


def test_a_guest_that_is_stuck_can_be_looked_at() -> None:
    machine = machine_of("_start: csrw mtvec, zero; ebreak")
    machine.ends_trap_loops = True
    with debugged(machine) as (client, run):
        text = client.ask("c")
        assert text.startswith("O") and b"trap loop" in bytes.fromhex(text[1:])
        assert client.next() == "T05thread:p1.1;"
        assert client.ask("D") == "OK"
        assert run.join().reason is ExitReason.TRAP_LOOP


def test_without_acknowledgements() -> None:
    with debugged(machine_of(COUNT)) as (client, _):
        assert client.ask("QStartNoAckMode") == "OK"
        client.socket.sendall(b"$qC#00$qC#b4")  # a damaged packet is not asked for again
        assert client.next() == "QCp1.1"


def test_reset_by_the_monitor() -> None:
    machine = machine_of(COUNT)

    def start(machine: Machine) -> None:
        machine.pc = RAM

    machine.restart = start
    with debugged(machine) as (client, run):
        for _ in range(3):
            client.ask("s")
        assert machine.pc == LOOP
        assert "0x80000000" in client.monitor("reset") and register(client, "pc") == RAM and machine.resets == 1
        assert client.ask("c") == "W03"
        assert run.join().code == 3


def test_the_monitor_helps() -> None:
    with debugged(machine_of(COUNT)) as (client, _):
        assert "system_reset" in client.monitor("help")
        assert "did you mean 'reset'" in client.monitor("rest")
        assert "--no-reboot" in client.monitor("reset")
        client.put("qRcmd," + b"quit".hex())


def test_a_process_that_is_killed_by_a_signal_says_so() -> None:
    process = Process.from_source("_start: li t0, 1; sw t0, (zero)", engine="python", memory=1 << 20)
    run = Debugged([process.machine], waits=True, reversible=True)
    run.run = lambda: run.session.end(*ending(process.run(run.session.run)))
    run.thread.start()
    client = Client(run.place)
    client.ask(FEATURES)
    assert client.ask("c") == "X0b"
    client.close()
    run.thread.join()


def ending(result: Result) -> tuple[int, int]:
    return result.exit_code, result.signal


def test_ctrl_c_stops_a_way_back() -> None:
    """The machine stands where nothing later is a stop; the next way back begins there."""
    machine = machine_of(FOREVER)
    machine.run(max_instructions=2000)
    machine.ends_trap_loops = False
    with debugged(machine) as (client, _):
        client.put("c")
        for _ in range(3):
            client.interrupt()
            assert client.next() == "T02thread:p1.1;"
            client.put("c")
        client.interrupt()
        assert client.next() == "T02thread:p1.1;"
        end = machine.cycle
        history = machine.remember()
        repeat, asked = history._repeat, threading.Event()

        def repeat_slowly(count: int) -> Exit:
            exit = repeat(min(count, 10))
            if not asked.is_set():
                client.interrupt()
                asked.set()
            return exit

        history._repeat = repeat_slowly  # type: ignore[method-assign]
        client.put("bc")
        assert client.next() == "T02thread:p1.1;" and 2000 < machine.cycle <= end
        client.put("bs")
        assert client.next().startswith("T05") and machine.cycle < end
        history._repeat = repeat  # type: ignore[method-assign]
        assert client.ask("bc") == "T05replaylog:begin;thread:p1.1;" and machine.cycle == 2000


def test_a_change_is_made_again_at_its_moment() -> None:
    """Also where the way there ends just then: by a step, and at a breakpoint."""
    machine = machine_of(COUNT)
    with debugged(machine) as (client, _):
        client.ask("Z0,8000000c,4")
        assert client.ask("c").startswith("T05swbreak")
        assert client.ask("P5=86130000") == "OK" and client.ask("P6=44332211") == "OK"
        assert client.ask("c").startswith("T05swbreak") and register(client, "t0") == 4999
        assert client.ask("bc").startswith("T05swbreak") and client.ask("bc").startswith("T05replaylog")
        assert client.ask("c").startswith("T05swbreak")
        assert register(client, "t0") == 4998 and register(client, "t1") == 0x11223344
        assert client.ask("bs").startswith("T05") and register(client, "t0") == 0
        assert client.ask("s").startswith("T05") and register(client, "t0") == 4998


def test_a_debugger_that_floods_takes_no_memory() -> None:
    """What it sends stays in the socket until what came before has been asked for."""
    ours, theirs = socket.socketpair()
    connection = Connection(ours)
    connection.acknowledges = False
    for _ in range(3):
        theirs.sendall(framed(b"c") * 100)
        connection.receive()
    assert len(list(connection.arrivals())) == 100
    connection.receive()
    assert len(list(connection.arrivals())) == 200
    connection.close()
    theirs.close()


def send(client: Client, data: bytes) -> None:
    """Send as much as is taken."""
    try:
        client.socket.sendall(data)
    except OSError:
        pass


def test_a_debugger_that_never_reads_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trapline.vm.gdb.connection.PATIENCE", 0.2)
    machine = machine_of(COUNT)
    with debugged(machine) as (client, run):
        client.socket.settimeout(60)
        send(client, framed(b"m80000000,2000") * 4000)
        assert run.join().code == 3
        assert "the guest goes on" in run.reports[-1]


def test_ctrl_c_at_the_terminal_ends_a_way_back_and_the_run() -> None:
    machine = machine_of(COUNT)
    with debugged(machine) as (client, run):
        assert client.ask("vCont;r80000000,80000010:p1.1").startswith("T05")
        done = machine.cycle

        def interrupted(count: int) -> Exit:
            raise KeyboardInterrupt

        machine.remember()._repeat = interrupted  # type: ignore[method-assign]
        client.put("bc")
        assert run.join().reason is ExitReason.INTERRUPTED and machine.cycle == done
