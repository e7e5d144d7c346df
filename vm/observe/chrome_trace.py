"""The exit log as a trace that Perfetto and chrome://tracing open: JSON in the Trace Event Format.

Each virtual hart has two threads: its virtual modes as slices, and its exits as instants with their details.
Counters show exits by kind, sampled every SAMPLE events. The time axis counts the hart's steps, including those in
which it idled while other harts ran: a step is 1 ns by the guest's clock, which runs at 10 MHz, a tick per 100 steps.
Format: "Trace Event Format", Google, 2016 (phases M, X, i and C; `ts` and `dur` in microseconds).
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, TextIO

from trapline.isa.mode import MODE_NAMES
from trapline.vm.hypervisor import events as layout
from trapline.vm.hypervisor.host.event_ring import Batch, Event
from trapline.vm.observe.describe import Describer
from trapline.vm.observe.exit_kinds import GROUPS, groups

STEPS_PER_MICROSECOND = 1000
SAMPLE = 64
"""Events between two samples of the counters."""
PROCESS = 1


class ChromeTrace:
    """Writes the trace to a text stream, one event a line."""

    def __init__(self, stream: TextIO, describer: Describer) -> None:
        self._stream, self._describer = stream, describer
        self._since: dict[int, tuple[int, int]] = {}  # by hart: its mode, and when it began
        self._seen: dict[int, int] = {}  # by hart: its clock after the last event
        self._counts: Counter[str] = Counter()
        self._written = 0
        self._stream.write('{"displayTimeUnit": "ns", "traceEvents": [\n')
        self._put(
            {"ph": "M", "name": "process_name", "pid": PROCESS, "args": {"name": f"guest, {describer.technique}"}}
        )

    def _put(self, record: dict[str, Any]) -> None:
        self._stream.write((",\n" if self._written else "") + json.dumps(record))
        self._written += 1

    def write(self, batch: Batch) -> None:
        """Append these events."""
        for event, group in zip(batch.events(), groups(batch).tolist(), strict=True):
            if event.hart not in self._since:
                self._name(event.hart)
                self._since[event.hart] = (event.mode, 0 if event.number == 1 else event.clock)
                self._seen[event.hart] = self._since[event.hart][1]
            for record in self._records(event, GROUPS[group]):
                self._put(record)

    def _name(self, hart: int) -> None:
        for thread, name in ((_modes(hart), f"hart {hart}: virtual mode"), (_exits(hart), f"hart {hart}: exits")):
            common = {"ph": "M", "pid": PROCESS, "tid": thread}
            self._put({**common, "name": "thread_name", "args": {"name": name}})
            self._put({**common, "name": "thread_sort_index", "args": {"sort_index": thread}})

    def _records(self, event: Event, group: str) -> Iterator[dict[str, Any]]:
        describe, hart = self._describer, event.hart
        mode, since = self._since[hart]
        if event.mode != mode:
            # The real hart changed it without an exit, as under assist, at an unknown time since the last event.
            last = self._seen[hart]
            if last > since:
                yield self._slice(hart, MODE_NAMES[mode], since, last)
            yield self._slice(hart, f"{MODE_NAMES[mode]} or {MODE_NAMES[event.mode]}", last, event.clock)
            self._since[hart] = mode, since = event.mode, event.clock
        after = event.clock + (event.routine in (layout.STEP, layout.ANSWER))
        if event.mode_after != mode:
            # The step that changes the mode is the last one in the old mode.
            yield self._slice(hart, MODE_NAMES[mode], since, after)
            self._since[hart] = event.mode_after, after
        self._seen[hart] = after
        args = {name: value for name, value in describe.as_json(event).items() if value is not None}
        yield {
            "ph": "i", "s": "t", "name": describe.routine(event), "cat": group, "pid": PROCESS, "tid": _exits(hart),
            "ts": _time(event.clock), "args": args,
        }  # fmt: skip
        self._counts[group] += 1
        if event.number % SAMPLE == 1:
            yield self._sample(event.clock)

    def _slice(self, hart: int, name: str, start: int, end: int) -> dict[str, Any]:
        return {
            "ph": "X", "name": name, "cat": "mode", "pid": PROCESS, "tid": _modes(hart), "ts": _time(start),
            "dur": _time(end - start),
        }  # fmt: skip

    def _sample(self, clock: int) -> dict[str, Any]:
        counts = {name: self._counts[name] for name in GROUPS}
        return {"ph": "C", "name": "exits", "pid": PROCESS, "ts": _time(clock), "args": counts}

    def end(self, clocks: list[int] | None) -> None:
        """Write the last mode of each hart, the last sample and the metadata."""
        for hart, (mode, since) in self._since.items():
            end = self._seen[hart] if clocks is None else clocks[hart]
            self._put(self._slice(hart, MODE_NAMES[mode], since, max(since, end)))
        if self._seen:
            self._put(self._sample(max(self._seen.values())))
        other = {"clock": "a step of the virtual hart is 1 ns", "technique": self._describer.technique}
        self._stream.write(f'\n], "otherData": {json.dumps(other)}}}\n')


def _modes(hart: int) -> int:
    return 2 * hart + 1


def _exits(hart: int) -> int:
    return 2 * hart + 2


def _time(steps: int) -> float:
    return steps / STEPS_PER_MICROSECOND
