"""Where gdb connects, and the connection to it: one at a time, looked at whenever there is a moment."""

import os
import select
import socket
from collections import deque
from collections.abc import Iterator

from trapline.vm.gdb.packets import ACKNOWLEDGED, AGAIN, Arrival, Kind, Reader, framed

PATIENCE = 10.0
"""Seconds that gdb may take until it reads an answer."""
PIECE = 0x10000
"""Bytes that are received at a time."""


class ConnectionLost(Exception):
    """gdb has gone without a word."""


class Connection:
    """A connection with gdb. acknowledges: whether each packet is answered with a `+`, until gdb asks for none."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        connected.settimeout(PATIENCE)
        if connected.family in (socket.AF_INET, socket.AF_INET6):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = Reader()
        self._arrived: deque[Arrival] = deque()
        self._last = b""
        self.acknowledges = True

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def receive(self) -> None:
        """Take what has come, once all that came before has been asked for. Raises ConnectionLost."""
        if self._arrived:
            return  # whoever floods waits, and takes no memory
        try:
            data = self._socket.recv(PIECE)
        except OSError:
            data = b""
        if not data:
            raise ConnectionLost
        self._arrived.extend(self._reader.feed(data))

    def arrivals(self) -> Iterator[Arrival]:
        """The packets and Ctrl-C that have come, each once it is asked for; the rest is dealt with here."""
        while self._arrived:
            arrival = self._arrived.popleft()
            if arrival.kind is Kind.AGAIN and self.acknowledges:
                self._write(self._last)
            elif arrival.kind is Kind.DAMAGED and self.acknowledges:
                self._write(AGAIN)
            elif arrival.kind is Kind.PACKET:
                if self.acknowledges:
                    self._write(ACKNOWLEDGED)
                yield arrival
            elif arrival.kind is Kind.INTERRUPT:
                yield arrival

    def put_back(self, arrival: Arrival) -> None:
        """Let an arrival be the next one again."""
        self._arrived.appendleft(arrival)

    def send(self, data: bytes) -> None:
        """Send a packet. Raises ConnectionLost."""
        self._last = framed(data)
        self._write(self._last)

    def _write(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError:
            raise ConnectionLost from None

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


class Listener:
    """Where gdb may come. host: a name or an address; port: 0 for one that is free. Raises OSError."""

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        self._socket.setblocking(False)

    def listen(self) -> None:
        """Let it come from now on. Raises OSError."""
        self._socket.listen()

    @property
    def place(self) -> str:
        """Where it waits, as gdb's `target remote` takes it."""
        host, port = self._socket.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def accept(self) -> Connection | None:
        """The connection that has come, if one has."""
        try:
            connected, _ = self._socket.accept()
        except OSError:
            return None
        return Connection(connected)

    def close(self) -> None:
        """Wait no longer."""
        self._socket.close()


def readable(*places: Listener | Connection, seconds: float) -> list[Listener | Connection]:
    """Those of the places where something has come, or comes within so many seconds."""
    return select.select(places, [], [], seconds)[0]
