"""What a guest has printed, kept in pieces that never change: to remember it costs nothing."""

CAPTURE_LIMIT = 16 << 20
"""Bytes that are kept; older ones are dropped."""
_PIECE = 1 << 16
"""Bytes of a piece that is not joined to the one before it."""


class Captured:
    """The last output. total: bytes that were ever added."""

    def __init__(self) -> None:
        self.total = 0
        self._pieces: tuple[bytes, ...] = ()
        self._kept = 0
        self._last = bytearray()

    def add(self, data: bytes) -> None:
        """More output."""
        self.total += len(data)
        self._last += data
        if len(self._last) >= _PIECE:
            self._seal()

    def _seal(self) -> None:
        if not self._last:
            return
        data, pieces = bytes(self._last), self._pieces
        self._last.clear()
        self._kept += len(data)
        if pieces and len(pieces[-1]) + len(data) <= _PIECE:
            data, pieces = pieces[-1] + data, pieces[:-1]
        pieces = (*pieces, data)
        while self._kept - len(pieces[0]) >= CAPTURE_LIMIT:
            self._kept -= len(pieces[0])
            pieces = pieces[1:]
        self._pieces = pieces

    def data(self) -> bytes:
        """At most the last CAPTURE_LIMIT bytes."""
        return (b"".join(self._pieces) + self._last)[-CAPTURE_LIMIT:]

    def last_byte(self) -> int | None:
        """The last byte, None before any."""
        data = self._last or (self._pieces[-1] if self._pieces else b"")
        return data[-1] if data else None

    def pieces(self) -> tuple[bytes, ...]:
        """The same as `data`, and perhaps a little more before it; shares memory with what was returned before."""
        self._seal()
        return self._pieces

    def put_back(self, pieces: tuple[bytes, ...], total: int) -> None:
        """Go back to what `pieces` returned when `total` was this."""
        self._last.clear()
        self._pieces, self.total = pieces, total
        self._kept = sum(map(len, pieces))
