"""The exit log: a line for each event of the dispatcher, as text or JSON, limited to the first or last ones."""

import json
from collections import deque
from typing import Any, Protocol, TextIO

from trapline.isa.mode import MODE_NAMES
from trapline.vm.hypervisor.host.event_ring import Batch, Event, EventRing
from trapline.vm.observe.describe import Describer


class Writer(Protocol):
    """A format of the exit log."""

    def write(self, batch: Batch) -> None:
        """Write these events."""

    def end(self, clocks: list[int] | None) -> None:
        """Write the end of the log. clocks: of the harts at the end, as `Event.clock`; None if events were cut."""


class TextLog:
    """Columns for people and for `grep`."""

    def __init__(self, stream: TextIO, describer: Describer) -> None:
        self._stream, self._describer = stream, describer
        stream.write(f"# exits of the guest, technique {describer.technique}\n")
        stream.write(
            "#  exit instructions hart mode pc         word     instruction                  symbol           "
            "cause                       routine                  what changed\n"
        )

    def write(self, batch: Batch) -> None:
        """A line for each event."""
        self._stream.writelines(map(self.line, batch.events()))

    def line(self, event: Event) -> str:
        """One line."""
        describe = self._describer
        word = describe.word(event) or "-" * 8
        mode = MODE_NAMES[event.mode]
        return (
            f"{event.number:>7} {event.instructions:>12} {event.hart:>4} {mode:<4} {event.pc:#010x} {word:8} "
            f"{describe.instruction(event):<28} {describe.symbol(event.pc) or '-':<16} {describe.cause(event):<27} "
            f"{describe.routine(event):<24} {describe.outcome(event)}"
        ).rstrip() + "\n"

    def end(self, clocks: list[int] | None) -> None:
        """Write nothing after the last line."""


class JsonLog:
    """One JSON object a line."""

    def __init__(self, stream: TextIO, describer: Describer) -> None:
        self._stream, self._describer = stream, describer

    def write(self, batch: Batch) -> None:
        """A line for each event."""
        self._stream.writelines(json.dumps(self._describer.as_json(event)) + "\n" for event in batch.events())

    def end(self, clocks: list[int] | None) -> None:
        """Write nothing after the last line."""


class Recorder:
    """Passes the first or the last `limit` events of a ring to a writer.

    After the first ones the ring is switched off, unless it has other sinks, so that the rest of the run is free.
    """

    def __init__(self, ring: EventRing, writer: Writer, limit: int, last: bool = False) -> None:
        self._ring, self._writer, self._limit, self._last = ring, writer, limit, last
        self._kept: deque[Batch] = deque()
        self.count = 0
        self.cut = False
        ring.sinks.append(self._take)

    def _take(self, batch: Batch) -> None:
        if self._last:
            self._kept.append(batch)
            self.count += len(batch)
            while self.count - len(self._kept[0]) >= self._limit:
                self.count -= len(self._kept.popleft())
            return
        room = self._limit - self.count
        if room:
            self._writer.write(batch[:room])
        self.count += min(room, len(batch))
        if len(batch) > room:
            self.cut = True
            self._ring.remove(self._take)

    def finish(self, clocks: list[int]) -> None:
        """Finish the log at the end of the run. clocks: of the harts."""
        if self._last and self._kept:
            surplus = self.count - self._limit
            if surplus > 0:
                self._kept[0] = self._kept[0][surplus:]
                self.count = self._limit
            for batch in self._kept:
                self._writer.write(batch)
            self.cut = self._kept[0].first > 1
        self._writer.end(None if self.cut and not self._last else clocks)


def writer(form: str, stream: TextIO, describer: Describer) -> Any:
    """The writer of a format: text, jsonl or chrome."""
    from trapline.vm.observe.chrome_trace import ChromeTrace

    return {"text": TextLog, "jsonl": JsonLog, "chrome": ChromeTrace}[form](stream, describer)
