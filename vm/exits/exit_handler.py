"""Host-side handling of run-loop exits: device accesses, traps for the host, firmware calls, `tohost`."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from trapline.isa.cause import CAUSE_CODE, ECALL_S
from trapline.isa.hart import A7
from trapline.isa.trap import NO_INTERRUPT, pending_interrupt, take_trap
from trapline.vm.core.counters import count_trap
from trapline.vm.core.event_log import LOG_INT, log_served, log_trap, uncount
from trapline.vm.core.hart import INTERRUPT_COUNTS
from trapline.vm.core.loop import update_time
from trapline.vm.core.mmu import refresh
from trapline.vm.core.peek import word_at_pc
from trapline.vm.core.records import HartRecord
from trapline.vm.core.status import DEVICE, EVENTS_WAIT, FOR_THE_HOST, HYPERCALL, IDLE, LIMIT, TOHOST
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.exits.dead_end import DeadEnd
from trapline.vm.exits.engine_devices import EngineDevices
from trapline.vm.exits.mmio import serve_access
from trapline.vm.exits.reset import reset
from trapline.vm.exits.served_machine import ServedMachine
from trapline.vm.hypervisor.host.console_write import console_write
from trapline.vm.sbi.call import Sbi
from trapline.vm.sbi.platform import Refused


class ExitHandler:
    """Serves the exits of one machine (`vm.machine.Machine`).

    `trap_hooks`: masks of exception causes, each with what is called with cause and tval; it answers True if it has
    served the exception.
    """

    def __init__(self, machine: ServedMachine) -> None:
        self.machine = machine
        self.trap_hooks: list[tuple[int, Callable[[int, int], bool | None]]] = []
        self._m = machine.engine.m
        self._dead_end = DeadEnd(machine)
        self._devices = EngineDevices(self._m)

    @property
    def h(self) -> HartRecord:
        """The hart that ran last."""
        return self.machine.engine.h[self._m.current]

    def forget(self) -> None:
        """The machine is in another state: nothing that was seen of it holds any more."""
        self._dead_end = DeadEnd(self.machine)
        self._devices = EngineDevices(self._m)

    def prepare(self) -> None:
        """Before the harts run: let devices and their copy in the engine follow what happened outside."""
        machine = self.machine
        if machine.board is not None:
            machine.board.update()
        uart = machine.board.uart if machine.board is not None else None
        machine.console.flush_in_time()
        self._devices.publish(machine.bus.ranges, uart, machine.console)

    def collect(self) -> None:
        """Print what the engine has printed."""
        if self._m.printed or self._m.uart_looks:
            uart = self.machine.board.uart if self.machine.board is not None else None
            self._devices.collect(uart, self.machine.console)

    def restart(self, start: Callable[[Any], None]) -> None:
        """The guest has reset the machine: begin again. start: loads what is booted and starts the machine's harts."""
        machine, ring = self.machine, self.machine.engine.ring
        with nullcontext() if ring is None else ring.reset(self.h):
            reset(machine)
            start(machine)
        self._dead_end = DeadEnd(machine)
        machine.resets += 1

    def finish(self) -> None:
        """At the end of a run: bring everything up to date that one may look at, and print the rest."""
        for h in self.machine.engine.h:
            update_time(h, self._m)
        self.collect()
        self.machine.console.flush()
        if self.machine.engine.ring is not None:
            self.machine.engine.ring.drain()

    def served(self, status: int) -> Exit | None:
        """Serve an exit of the run loop; the reason to stop, or None to continue."""
        machine = self.machine
        if machine.board is not None:
            self.collect()
        if status == FOR_THE_HOST:
            return self.exception(self._m.exit_cause, self._m.exit_tval)
        if status == DEVICE:
            cause = serve_access(machine, self.h)
            return None if cause is None else self.exception(cause, self._m.fault_address)
        if status == HYPERCALL:
            console_write(machine, self.h)
        elif status == EVENTS_WAIT:
            return Exit(ExitReason.EVENT, self.h.pc)
        elif status == TOHOST and machine.htif is not None:
            machine.htif.written()
        elif status == LIMIT:
            machine.console.flush()
            if machine.ends_trap_loops:
                return self._dead_end.reached()
        elif status == IDLE and not (machine.history or machine.clock).idle():
            return Exit(ExitReason.IDLE, self.h.pc)
        return None

    def exception(self, cause: int, tval: int) -> Exit | None:
        """An exception at pc: call the hooks, then leave it to the host or to the guest."""
        for causes, hook in self.trap_hooks:
            if (causes >> cause) & 1:
                self._log_served(cause, tval)
                if hook(cause, tval) is True:
                    return None
                if self._m.stops & LOG_INT:
                    uncount(self.machine.engine.buffers.code)  # it goes on elsewhere
        if (self.machine.host_traps >> cause) & 1:
            return Exit(ExitReason.TRAP, self.h.pc, cause=cause, tval=tval)
        if cause == ECALL_S and (sbi := self.machine.sbi) is not None:
            self._firmware_call(sbi)
        else:
            self.take_trap(cause, tval)
        return None

    def _firmware_call(self, sbi: Sbi) -> None:
        """Serve an ecall as M-mode firmware would, by a trap and a return; the instruction does not retire."""
        h = self.h
        update_time(h, self._m)
        self._log_served(ECALL_S, 0)
        h.cycle += 1
        h.unretired += 1
        count_trap(h, ECALL_S)
        try:
            sbi.call(h)
        except Refused as fault:
            count_trap(h, fault.cause)
            self._enter_trap(fault.cause, fault.tval)

    def _log_served(self, cause: int, tval: int) -> None:
        """Note that the host serves an exception at pc."""
        if self._m.stops & LOG_INT:
            log_served(self.h, self._m, self.machine.engine.buffers.code, cause, tval, self.h.x[A7])

    def take_interrupt(self) -> int | None:
        """Take a pending interrupt, as the next step would; its mcause, or None without one."""
        h = self.h
        update_time(h, self._m)
        cause = pending_interrupt(h)
        if cause == NO_INTERRUPT:
            return None
        ring = self.machine.engine.ring
        with nullcontext() if ring is None else ring.injection(h, cause):
            count_trap(h, INTERRUPT_COUNTS + (cause & CAUSE_CODE))
            self._enter_trap(cause, 0)
        return cause

    def take_trap(self, cause: int, tval: int) -> None:
        """Let the guest take an exception at its pc, as hardware would."""
        h = self.h
        self._enter_trap(cause, tval)
        h.cycle += 1
        h.unretired += 1
        count_trap(h, cause)

    def _enter_trap(self, cause: int, tval: int) -> None:
        mode = self.h.mode
        take_trap(self.h, cause, tval)
        if self._m.stops & LOG_INT:
            log_trap(self.h, self._m, self.machine.engine.buffers.code, cause, mode)

    def instruction_word(self) -> int | None:
        """The word at pc, as the next step would fetch it; None if it cannot. Changes nothing that a guest can see."""
        refresh(self.h)
        word = word_at_pc(self.h, self._m, self.machine.engine.words)
        return word if word >= 0 else None
