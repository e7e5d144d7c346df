"""Containers of Burrow: what the kernel's records say about them, and scenarios that must come out right.

A scenario runs on any kernel, so that a kernel with a mistake can be tried too (`support.mutants.containers`).
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.burrow.build import MEMORY
from support.burrow.schedules import STRESS
from trapline import ExitReason, Machine

RESOURCES = ("pages", "processes", "threads", "regions", "transfers")
RECORD = struct.Struct("<2I2I4IIiI5I5I3I")
"""A container: number, next, queue, image, last, first, ending, share, pass, time, used, limits, unused."""
MOST = {"processes": 32, "threads": 64, "regions": 8, "transfers": 32}
"""What the host has at first, besides pages."""
PAGE = 4096


@dataclass(frozen=True)
class Container:
    """A record of the kernel."""

    number: int
    share: int
    time: int
    used: dict[str, int]
    limits: dict[str, int]


def container(machine: Machine, address: int) -> Container:
    """The record at this address."""
    values = RECORD.unpack(machine.read(address, RECORD.size))
    used, limits = (dict(zip(RESOURCES, values[at : at + 5], strict=True)) for at in (11, 16))
    return Container(values[0], values[8], values[10], used, limits)


def containers(machine: Machine) -> list[Container]:
    """The host, and the containers that exist, by number."""
    found, address = [], machine.symbols["host"]
    while address:
        found.append(container(machine, address))
        address = int.from_bytes(machine.read(address + 4, 4), "little")
    return sorted(found, key=lambda one: one.number)


def all_pages(machine: Machine) -> int:
    """The pages of RAM that the kernel can give out."""
    begin = -(-machine.symbols["memory_begin"] // PAGE)
    return (machine.ram_base + MEMORY) // PAGE - begin


def leftovers(machine: Machine) -> str:
    """What is wrong with the records when the host's first process is alone again, or empty."""
    found = containers(machine)
    if len(found) > 1:
        return f"containers are left: {found[1:]}"
    wanted = {"pages": all_pages(machine), **MOST}
    if found[0].limits != wanted:
        return f"the host has not got back its limits: {found[0].limits}"
    free = int.from_bytes(machine.read(machine.symbols["free_pages"], 4), "little")
    if free != wanted["pages"] - found[0].used["pages"]:
        return f"{free} pages are free, {found[0].used['pages']} of {wanted['pages']} in use"
    if found[0].used | {"pages": 0} != {"pages": 0, "processes": 1, "threads": 0, "regions": 0, "transfers": 0}:
        return f"the host still uses {found[0].used}"
    return ""


def machine_of(elf: bytes, init: str = "shell", typed: str = "", **options: Any) -> Machine:
    """A machine with this kernel, at whose console this is typed."""
    made = Machine.from_elf(elf, memory=MEMORY, **{"stdin": typed.encode(), **options})
    name, _, arguments = init.partition(" ")
    made.write(made.symbols["init_name"], name.encode().ljust(24, b"\0"))
    made.write(made.symbols["init_arguments"], arguments.encode().ljust(128, b"\0"))
    return made


SLICE = 50
"""Ticks of 100 steps."""


def shares_of_time(elf: bytes, commands: list[str], steps: int = 3_000_000, **options: Any) -> list[float]:
    """What part of the time of all containers each one gets, whose commands of `container start` these are."""
    typed = "".join(f"container start {command}\n" for command in commands)
    made = machine_of(elf, typed=typed, **options)
    made.write(made.symbols["timer_period"], SLICE.to_bytes(4, "little"))
    for _ in commands * 30:
        made.run(max_instructions=100_000)
        if [one.used["threads"] for one in containers(made)[1:]] == [threads_of(command) for command in commands]:
            break
    else:
        raise AssertionError(made.console.output)
    before = [one.time for one in containers(made)[1:]]
    made.run(max_instructions=steps)
    times = [one.time - first for one, first in zip(containers(made)[1:], before, strict=True)]
    return [time / sum(times) for time in times]


def threads_of(command: str) -> int:
    """How many threads there are after `... herd THREADS PROCESSES`."""
    numbers = [int(word) for word in command.partition("herd")[2].split()]
    return (numbers or [1])[0] * (numbers[1] if len(numbers) > 1 else 1)


Scenario = Callable[[bytes], str]
"""What is wrong on a kernel, or empty."""


def images(layers: Any, base: bytes) -> list[Any]:
    """Images for tests: `two` and `three` share layers, `mute` may do next to nothing, `tiny` has small limits."""
    lower = layers.pack({"a.txt": (0, b"lower a\n"), "b.txt": (0, b"lower b\n"), "c.txt": (0, b"lower c\n")})
    middle = layers.pack({"a.txt": (0, b"middle a\n"), "b.txt": (2, b""), "readme.txt": (2, b""), "wild": (2, b"")})
    top = layers.pack({"b.txt": (0, b"top b\n"), "wild": (0, b"now a text\n")})
    limits = {"pages": 12, "processes": 2, "threads": 3, "regions": 0, "transfers": 0, "share": 1}
    exit_and_write = 1 << 0 | 1 << 9
    return [
        layers.Image("two", (base, lower, middle), "peep"),
        layers.Image("three", (base, lower, middle, top), "peep"),
        layers.Image("mute", (base,), "hello", calls=exit_and_write),
        layers.Image("tiny", (base,), "hello", limits),
    ]


def build(script: Any, programs: tuple[Any, ...]) -> bytes:
    """A kernel with the programs and images of the tests. script: the module build.py of some copy of Burrow."""
    base = script.base(programs)
    return bytes(script.build(programs=programs, images=images(script.layers, base)))


def contained_stress(folder: Path) -> Path:
    """The source of `strain`: `stress` for a container, which cannot see from `stats` whether its orphans have ended.

    folder: where it is written.
    """
    for name in ("stress_ends.inc", "stress_work.inc"):
        text = (
            (STRESS.parent / name).read_text().replace("    call    stats\n", "    call    stats\n    bltz    a0, 9f\n")
        )
        (folder / name).write_text(text)
    strain = folder / "strain.s"
    strain.write_text(STRESS.read_text())
    return strain


# Scenarios


def streams(output: bytes) -> dict[str, list[str]]:
    """Lines of the console by their mark; those of the host by an empty one."""
    found: dict[str, list[str]] = {}
    for line in output.decode("latin-1").splitlines():
        mark, edge, text = line.partition("| ")
        marked = bool(edge) and mark.partition(".")[0].isdigit()
        found.setdefault(mark if marked else "", []).append(text if marked else line)
    return found


def session(elf: bytes, typed: str, **wanted: list[str]) -> str:
    """What is wrong with a session at the shell, which must end with `exit` and leave nothing behind.

    wanted: lines of containers, by image and number such as `box_1`; lines that the host must have as `host`, those
    that it must not have as `not_host`.
    """
    made = machine_of(elf, typed=typed)
    exit = made.run(max_instructions=20_000_000)
    output = streams(made.console.output)
    if exit.reason is not ExitReason.HALT or exit.code != 0:
        return f"it ends with {exit}: {made.console.output[-400:]!r}"
    for name, lines in wanted.items():
        if name == "host":
            if missing := [line for line in lines if line not in output[""]]:
                return f"the host has not printed {missing}: {made.console.output[-1000:]!r}"
        elif name == "not_host":
            if found := [line for line in lines if line in output[""]]:
                return f"the host has printed {found}"
        else:
            image, _, number = name.partition("_")
            if (printed := output.get(f"{number}.{image}", [])) != lines:
                return f"{name} has printed {printed}, not {lines}"
    return leftovers(made)


def _escape(elf: bytes) -> str:
    typed = "keeper &\ncontainer start box keeper\ncontainer run box escape\nkill 2\ncontainer stop 1\nexit\n"
    return session(elf, typed, box_1=["keeper: ready"], box_2=["602 attempts were refused"])


HOST_IS_WELL = "threads 4\nshare 5\npingpong 5\ntree 2\nmemory\n"
WELL = [
    "4 threads counted to 800, their values add up to 6", "share: the sum is 10", "5 messages came back",
    "memory: that was all of it",
]  # fmt: skip
"""What programs of the host print while a container has all that it can get."""


def _bomb(what: str, limit: int, more: int) -> Scenario:
    def run(elf: bytes) -> str:
        start = f"container start {what}={limit} box bombs {what}\ncontainer run share=100 box threads 2\n"
        stop = "container stop 1\ncontainer run box threads 1\nexit\n"
        lines = ["2 threads counted to 400, their values add up to 1"]
        return session(elf, start + HOST_IS_WELL + stop, host=WELL, box_1=[f"{more} more"], box_2=lines)

    return run


def _transfers(elf: bytes) -> str:
    """Those of a process end with it."""
    return session(elf, "bombs transfers &\ncount 1\nkill 2\nexit\n", host=["32 more"])


def _numbers(elf: bytes) -> str:
    """Inside, numbers begin with 1; the host has others for the same processes, and may kill by them."""
    head = "process parent threads pages name"
    first = "container run box shell\nspin &\nps\nkill 5\nkill 2\nps\nexit\n"
    typed = first + "container start box spin\nps\nkill 6\nps\nexit\n"
    inside = [
        "Burrow. Type help for help.", "$ spin &", "[2]", "$ ps", head, "      1      0       1     8 shell",
        "      2      1       1     7 spin", "$ kill 5", "kill: no such process", "$ kill 2", "[2] killed", "$ ps",
        head,
        "      1      0       1     8 shell", "$ exit",
    ]  # fmt: skip
    host = ["      6      0       1     7 spin in container 2"]
    return session(elf, typed, box_1=inside, host=host)


def _first(elf: bytes) -> str:
    """A container ends with its first process; a fault ends the container alone."""
    typed = "container run box shell\nspin &\ncount 1\nexit\ncontainer run box wild\nhello\nexit\n"
    fault = "burrow: process 1 (wild) ended: store page fault at address 0x00000000, pc 0x40000014"
    return session(elf, typed, box_2=[fault], host=["container: its first process was ended", "hello, world"])


def _others(elf: bytes) -> str:
    """The end of number 2 of a container is not that of number 2 of the host."""
    typed = "keeper &\nawait 2 &\ncontainer run box tree 1\ncount 1\nps\nkill 3\nkill 2\nexit\n"
    return session(elf, typed, host=["      3      1       1     7 await"])


def _forge(elf: bytes) -> str:
    lines = ["2.box| I am another one", "^M$ ^H^H^[[2Jgone", "half a line", ", the other half", "no end"]
    typed = "container start box forge\ncount 3\nexit\n"
    return session(elf, typed, box_1=lines, host=["1", "2", "3"])


def _input(elf: bytes) -> str:
    """The rest of a line that a container has read is nobody's; who does not have the console gets nothing."""
    typed = "container start box shell\ncontainer run box sip\nxecho yours\necho mine\ncontainer stop 1\nexit\n"
    start = ["Burrow. Type help for help.", "$ "]
    lines = {"box_1": start, "box_2": ["xecho yours", "sip: done"]}
    return session(elf, typed, host=["mine"], not_host=["$ yours"], **lines)


def _grab(elf: bytes) -> str:
    """A container cannot give the console to itself."""
    return session(elf, "container start box grab\necho mine\ncontainer stop 1\nexit\n", host=["mine"])


def _layers(elf: bytes) -> str:
    typed = "container run two\ncontainer run three\ncontainer run two wild\ncontainer run three cat wild\nexit\n"
    two, three = ["a.txt: middle a", "c.txt: lower c"], ["b.txt: top b", "wild: now a text"]
    lines = {"two_1": two, "three_2": [*three, *two], "three_4": ["now a text"]}
    return session(elf, typed, host=["container: no such image, container or program"], **lines)


def _allowed(elf: bytes) -> str:
    typed = "container run mute\ncontainer run mute count 3\ncontainer run mute tree 1\ncount 1\nexit\n"
    # without sleep() it counts at once; without wait() and spawn() it is alone
    return session(elf, typed, mute_1=["hello, world"], mute_2=["1", "2", "3"], mute_3=["tree: too many"])


def _tiny(elf: bytes) -> str:
    """Limits of the image, and none larger than what the host has left."""
    typed = "container run tiny\ncontainer run tiny bombs threads\ncontainer run processes=33 tiny\nexit\n"
    refused = "container: not enough pages, processes, threads, regions or transfers are left for it"
    made = machine_of(elf, typed=typed.replace("\nexit", "\n"))
    made.run(max_instructions=4_000_000)
    found = [one for one in containers(made) if one.number == 2]
    if not found or found[0].limits["threads"] != 3 or found[0].share != 1:
        return f"wrong limits: {found}"
    return session(
        elf, typed.replace("container run tiny bombs threads\n", ""), tiny_1=["hello, world"], host=[refused]
    )


def _greedy(elf: bytes) -> str:
    """As many containers as there are records of processes, again and again."""
    return session(elf, "greedy\ncount 9\ngreedy\ncount 9\nexit\n", host=["30 containers"])


def _shares(elf: bytes) -> str:
    for commands, wanted in (
        (("share=30 box herd", "share=10 box herd 3"), (0.75, 0.25)),
        (("share=20 box herd 2 2", "share=20 box herd", "share=60 box herd 4"), (0.2, 0.2, 0.6)),
    ):
        found = shares_of_time(elf, list(commands))
        if any(abs(one - other) > TOLERANCE for one, other in zip(found, wanted, strict=True)):
            return f"{commands} get {found}, not {wanted}"
    return ""


TOLERANCE = 0.02
"""By which a share of time may differ."""


def _nothing_saved(elf: bytes) -> str:
    """A container that was idle gets no more than its share when it comes back."""
    typed = "container start share=10 box herd\ncontainer start share=10 box shell\n"
    made = machine_of(elf, typed=typed)
    made.write(made.symbols["timer_period"], SLICE.to_bytes(4, "little"))
    made.run(max_instructions=6_000_000)
    idle = machine_of(elf, typed=typed + "count 200\ncontainer enter 2 herd\n")
    idle.write(idle.symbols["timer_period"], SLICE.to_bytes(4, "little"))
    while idle.instret < WAKING_AT:
        idle.run(max_instructions=1_000_000)
        if len(containers(idle)) == 3 and containers(idle)[2].used["processes"] == 2:
            break
    else:
        return "it never comes back"
    before = [one.time for one in containers(idle)[1:]]
    idle.run(max_instructions=2_000_000)
    times = [one.time - first for one, first in zip(containers(idle)[1:], before, strict=True)]
    part = times[1] / sum(times)
    return "" if abs(part - 0.5) < TOLERANCE else f"it gets {part:.2f} of the time"


def _far_apart(elf: bytes) -> str:
    """Passes wrap around, so they must not get too far apart while each container has a hart for itself."""
    typed = "container start share=1 box herd\ncontainer start share=100 box herd\n"
    made = machine_of(elf, typed=typed, harts=2)
    made.write(made.symbols["timer_period"], SLICE.to_bytes(4, "little"))
    made.run(max_instructions=2_000_000)
    second = int.from_bytes(made.read(made.symbols["host"] + 4, 4), "little")
    first = int.from_bytes(made.read(second + 4, 4), "little")
    passes = [int.from_bytes(made.read(address + PASS, 4), "little") for address in (first, second)]
    made.write(first + PASS, ((passes[1] + (1 << 31) - 100) % (1 << 32)).to_bytes(4, "little"))
    made.run(max_instructions=2_000_000)
    passes = [int.from_bytes(made.read(address + PASS, 4), "little") for address in (first, second)]
    ahead = (passes[0] - passes[1]) % (1 << 32)
    return "" if 0 < ahead < 1 << 31 else f"the first one is ahead by {ahead:#x}"


PASS = 36
"""Offset of a container's pass."""
WAKING_AT = 400_000_000

SCENARIOS: dict[str, Scenario] = {
    "attempts to escape": _escape, "numbers": _numbers, "the first process": _first, "numbers of others": _others,
    "forged output": _forge, "input": _input,
    "taking the console": _grab, "transfers of the host": _transfers, "layers": _layers,
    "allowed calls": _allowed, "limits": _tiny,
    "all containers": _greedy, "shares": _shares, "nothing saved up": _nothing_saved,
    "far apart": _far_apart,
    "pages": _bomb("pages", 20, 13), "processes": _bomb("processes", 3, 2), "threads": _bomb("threads", 5, 4),
    "regions": _bomb("regions", 3, 3), "transfers": _bomb("transfers", 9, 9),
}  # fmt: skip
