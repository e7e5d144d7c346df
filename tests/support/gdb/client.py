"""A client that speaks gdb's protocol as a person would type it, and a machine that it debugs."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from trapline import Exit, Machine
from trapline.vm.experiments.guests import Guest
from trapline.vm.gdb.connection import Listener
from trapline.vm.gdb.packets import Kind, Reader, escaped, framed
from trapline.vm.gdb.session import Session

PATIENCE = 60
FEATURES = b"qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+"


class Client:
    """A connection to a stub. place: `host:port`."""

    def __init__(self, place: str) -> None:
        host, _, port = place.rpartition(":")
        self._begin(socket.create_connection((host, int(port)), timeout=PATIENCE))

    @classmethod
    def over(cls, connected: socket.socket) -> "Client":
        """A client that is connected already."""
        client = cls.__new__(cls)
        client._begin(connected)
        return client

    def _begin(self, connected: socket.socket) -> None:
        self.socket = connected
        self.reader = Reader()
        self.arrived: list[bytes] = []

    def put(self, packet: str | bytes) -> None:
        """Send a packet."""
        self.socket.sendall(framed(packet.encode() if isinstance(packet, str) else packet))

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.socket.sendall(b"\x03")

    def next(self) -> str:
        """The next packet; empty at the end of the connection too."""
        while not self.arrived:
            data = self.socket.recv(0x10000)
            if not data:
                return ""
            self.arrived += [a.data for a in self.reader.feed(data) if a.kind is Kind.PACKET]
        self.socket.sendall(b"+")
        return self.arrived.pop(0).decode()

    def ask(self, packet: str | bytes) -> str:
        """The answer to a packet."""
        self.put(packet)
        return self.next()

    def monitor(self, command: str) -> str:
        """What a command of the monitor prints."""
        self.put("qRcmd," + command.encode().hex())
        text = b""
        while (packet := self.next()) != "OK":
            assert packet.startswith("O"), packet
            text += bytes.fromhex(packet[1:])
        return text.decode()

    def write(self, address: int, data: bytes) -> str:
        """Write memory as binary data."""
        return self.ask(b"X%x,%x:" % (address, len(data)) + escaped(data))

    def close(self) -> None:
        """Go without a word."""
        self.socket.close()


class Debugged:
    """Machines that run in a thread.

    run: what is done there; reports: lines for the terminal.
    """

    def __init__(self, machines: Sequence[Machine], waits: bool, reversible: bool) -> None:
        self.reports: list[str] = []
        self.error: BaseException | None = None
        listener = Listener("127.0.0.1", 0)
        self.guests = [Guest(f"guest{number}", machine) for number, machine in enumerate(machines, 1)]
        self.session = Session(self.guests, listener, self.reports.append, waits, reversible)
        listener.listen()
        self.place = listener.place
        self.run: Callable[[], object] = self._run_machine
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run_machine(self) -> None:
        if len(self.guests) > 1:
            self.session.run_all(None, lambda guest: guest.end.code if guest.end is not None else 0)
            return
        self.session.end(self.session.run().code)

    def _run(self) -> None:
        try:
            with self.session:
                self.run()
        except BaseException as error:
            self.error = error

    def join(self) -> Exit:
        """How the run has ended, of the first machine."""
        self.thread.join(PATIENCE)
        if self.error is not None:
            raise self.error
        end = self.guests[0].end
        assert not self.thread.is_alive() and end is not None, "it still runs"
        return end


@contextmanager
def debugged(
    *machines: Machine, waits: bool = True, reversible: bool = True, extended: bool = False
) -> Iterator[tuple[Client, Debugged]]:
    """A client that has said what it can, and the machines. extended: as gdb's `target extended-remote`."""
    run = Debugged(machines, waits, reversible)
    run.thread.start()
    client = Client(run.place)
    try:
        assert "PacketSize=" in client.ask(FEATURES)
        assert not extended or client.ask("!") == "OK"
        yield client, run
        if run.thread.is_alive():
            client.put("k")
            run.join()
    finally:
        client.close()
