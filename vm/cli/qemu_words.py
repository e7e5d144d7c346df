"""Translates a command line for QEMU into one for `trapline boot` or `virt`, before click reads it.

click has no options of several letters behind one dash. Words that are options of ours stay as they are, and so does
everything behind `--`; there is one exception: with `-d`, or behind `qemu-system-riscv32`, `-D FILE` is QEMU's.
"""

import os
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from trapline.isa.did_you_mean import did_you_mean
from trapline.vm.cli import qemu_options as known

PROGRAM = "qemu-system-"
ARCHITECTURE = "riscv32"
ON, OFF = ("on", "true", "yes", "y"), ("off", "false", "no", "n")
LOG_FILE = "-D"


class QemuWordError(ValueError):
    """An option or a value that QEMU does not know, or that cannot be had here."""


@dataclass
class Translation:
    """words: for our command; ignored: options that have no meaning here, each with the reason in parentheses."""

    words: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    @property
    def remark(self) -> str:
        """What is ignored and why, in one line; empty if nothing is."""
        return f"ignored: {', '.join(self.ignored)}" if self.ignored else ""


def translate(words: Iterable[str], own: Mapping[str, int]) -> Translation:
    """Translate a command line. own: options of our command by their spelling, and how many values follow each.

    Raises QemuWordError.
    """
    return _Translator(words, own).run()


def _properties(value: str, first: str) -> dict[str, str]:
    """`a=1,b`: each name with its value, `on` without one. first: the name that the first item may omit."""
    found = {}
    for number, item in enumerate(value.replace(",,", "\0").split(",")):
        name, equals, text = item.replace("\0", ",").partition("=")
        if not equals:
            name, text = (first, name) if number == 0 else (name, ON[0])
        found[name] = text
    return found


class _Translator:
    def __init__(self, words: Iterable[str], own: Mapping[str, int]) -> None:
        self._rest = deque(words)
        self._own = own
        self._done = Translation()
        self._serial_ports = 0
        self._qemu_logs = False
        self._log_files: list[str] = []

    def run(self) -> Translation:
        self._program()
        self._qemu_logs = self._qemu_logs or self._logs()
        while self._rest:
            word = self._rest.popleft()
            if word == "--":
                self._rest.appendleft(word)
                break
            if word in self._own and not (word == LOG_FILE and self._qemu_logs):
                self._own_option(word)
            elif (name := self._qemu_name(word)) is not None:
                self._qemu_option(word, name)
            else:
                self._check_unknown(word)
                self._put(word)
        self._log_to_files()
        self._put(*self._rest)
        return self._done

    def _log_to_files(self) -> None:
        """QEMU's `-D` without anything to log changes nothing."""
        logs = any(word.partition("=")[0] == "--log" for word in self._done.words)
        for name in self._log_files:
            if logs:
                self._put("--log-file", name)
            else:
                self._ignore(f"{LOG_FILE} {name}", "nothing is logged")

    def _put(self, *words: str) -> None:
        self._done.words.extend(words)

    def _ignore(self, option: str, why: str) -> None:
        self._done.ignored.append(f"{option} ({why})")

    def _logs(self) -> bool:
        """Whether `-d` is among the options."""
        words = deque(self._rest)
        while words and (word := words.popleft()) != "--":
            name = None if word in self._own else self._qemu_name(word)
            if name == "d":
                return True
            values = known.VALUES[name] if name is not None else self._own.get(word, 0)
            for _ in range(min(values, len(words))):
                words.popleft()
        return False

    def _program(self) -> None:
        """Skip the name of QEMU's program, the first word of what was pasted."""
        program = os.path.basename(self._rest[0]) if self._rest else ""
        if not program.startswith(PROGRAM):
            return
        architecture = program.removeprefix(PROGRAM).removesuffix(".exe")
        if architecture != ARCHITECTURE:
            bits = ": it has 32 bits, with kernels for RV32" if architecture == "riscv64" else ""
            raise QemuWordError(f"{program}: this machine is that of {PROGRAM}{ARCHITECTURE}{bits}")
        self._rest.popleft()
        self._qemu_logs = True

    def _own_option(self, word: str) -> None:
        values = [self._rest.popleft() for _ in range(min(self._own[word], len(self._rest)))]
        if word == "-m" and values and "," in values[0]:
            size, _, others = values[0].partition(",")
            self._ignore(f"-m {others}", "RAM does not grow")
            values = [size]
        self._put(word, *values)

    def _qemu_name(self, word: str) -> str | None:
        """The name of a QEMU option without its dashes; QEMU takes one or two, but we two only for whole words."""
        name = word.removeprefix("-")
        if name == word:
            return None
        whole = name.removeprefix("-")
        if len(whole) > 1:
            name = whole
        return name if name in known.VALUES else None

    def _check_unknown(self, word: str) -> None:
        """Raise for an option that neither has, which click would read letter by letter."""
        name = word.partition("=")[0]
        joined = word[:1] == "-" and word[1:2] != "-" and word[:2] in self._own
        if word[:1] != "-" or word == "-" or name in self._own or joined:
            return
        dashes = "--" if word.startswith("--") else "-"
        names = [*self._own, *(dashes + known_name for known_name in known.VALUES)]
        hint = did_you_mean(name, names)
        raise QemuWordError(f"No such option: {name}" + (f"; {hint}" if hint else ""))

    def _qemu_option(self, word: str, name: str) -> None:
        value = ""
        if known.VALUES[name]:
            if not self._rest:
                raise QemuWordError(f"{word} needs a value")
            value = self._rest.popleft()
        shown = f"{word} {value}".strip()
        if name in known.RENAMED:
            self._put(f"--{name}", *([value] if known.RENAMED[name] else []))
        elif name in known.SAME:
            self._put(f"-{name}")
        elif name in known.IGNORED:
            self._ignore(shown, known.IGNORED[name][1])
        elif name in known.REFUSED:
            raise QemuWordError(f"{shown}: {known.REFUSED[name][1]}")
        elif name not in known.AS_HERE:
            getattr(self, f"_{name.replace('-', '_')}")(shown, value)

    # The options of `TRANSLATED`. shown: the option as it was written.

    def _machine(self, shown: str, value: str) -> None:
        properties = _properties(value, "type")
        kind = properties.pop("type", known.MACHINE)
        if kind != known.MACHINE:
            hint = did_you_mean(kind, (known.MACHINE,)) if kind not in known.OTHER_MACHINES else None
            raise QemuWordError(f"{shown}: {hint or f'the only machine here is {known.MACHINE}'}")
        for name, text in properties.items():
            if name in known.MACHINE_FILES:
                self._put(known.MACHINE_FILES[name], text)
            elif name in known.MACHINE_DEFAULTS or name in known.MACHINE_IGNORED:
                if known.MACHINE_DEFAULTS.get(name) != ("off" if text in OFF else text):
                    self._ignore(f"-machine {name}={text}", "this board has no such choice")
            else:
                names = (*known.MACHINE_FILES, *known.MACHINE_DEFAULTS, *known.MACHINE_IGNORED)
                hint = did_you_mean(name, names)
                raise QemuWordError(f"{shown}: no such property '{name}'" + (f"; {hint}" if hint else ""))

    _M = _machine

    def _cpu(self, shown: str, value: str) -> None:
        properties = _properties(value, "type")
        kind = properties.pop("type", "rv32")
        if kind not in known.CPUS:
            bits = "a hart has 32 bits here" if "64" in kind or "128" in kind else None
            hint = bits or did_you_mean(kind, known.CPUS) or "write rv32"
            raise QemuWordError(f"{shown}: {hint}")
        if kind != "rv32":
            self._ignore(f"-cpu {kind}", "--isa says what a hart has")
        for name, text in properties.items():
            if (text in OFF) is (name.lower() in known.CPU_HAS):
                self._ignore(f"-cpu {name}={text}", "--isa says what a hart has")

    def _m(self, shown: str, value: str) -> None:
        self._rest.appendleft(value)
        self._own_option("-m")

    def _accel(self, shown: str, value: str) -> None:
        if _properties(value, "accel").get("accel") != "tcg":
            self._ignore(shown, "the engine is Trapline's own")

    def _device(self, shown: str, value: str) -> None:
        driver = _properties(value, "driver").get("driver", "")
        if driver.startswith(known.NETWORK_DEVICES):
            self._ignore(shown, "there is no network")
        elif driver.startswith(known.OTHER_DEVICES):
            self._ignore(shown, "this board has none")
        elif driver.startswith("virtio-") and driver.endswith("-pci"):
            raise QemuWordError(f"{shown}: the board has no PCI; write {driver.removesuffix('pci')}device")
        else:
            self._put("--device", value)

    def _object(self, shown: str, value: str) -> None:
        entropy = value.startswith("rng-")
        self._ignore(shown, "entropy is the same in each run" if entropy else "nothing here needs it")

    def _global(self, shown: str, value: str) -> None:
        properties = _properties(value, "")
        if "driver" in properties:
            driver, name = properties["driver"], properties.get("property", "")
            properties = {f"{driver}.{name}": properties.get("value", "")}
        text = properties.get("virtio-mmio.force-legacy")
        if text in (*ON, *OFF):
            self._put("--virtio", "legacy" if text in ON else "modern")
        else:
            self._ignore(shown, "no device here has that property")

    def _net(self, shown: str, value: str) -> None:
        if value != "none":
            self._ignore(shown, "there is no network")

    _nic = _net

    def _serial(self, shown: str, value: str) -> None:
        self._serial_ports += 1
        if self._serial_ports > 1:
            self._ignore(shown, "there is one serial port")
        elif value.startswith("file:"):
            self._put("--console-log", value.removeprefix("file:"))
        elif value not in ("stdio", "mon:stdio"):
            self._ignore(shown, "the console is here")

    def _monitor(self, shown: str, value: str) -> None:
        if value not in ("none", "null", "/dev/null"):
            self._ignore(shown, "there is no monitor")

    def _display(self, shown: str, value: str) -> None:
        if value != "none":
            self._ignore(shown, "there is no screen")

    def _action(self, shown: str, value: str) -> None:
        properties = _properties(value, "")
        if properties.pop("reboot", "reset") == "shutdown":
            self._put("--no-reboot")
        for name, text in properties.items():
            self._ignore(f"-action {name}={text}", "the command ends with the machine")

    def _semihosting_config(self, shown: str, value: str) -> None:
        properties = _properties(value, "enable")
        off = properties.pop("enable", ON[0]) in OFF
        self._put("--no-semihosting" if off else "--semihosting")
        for name, text in properties.items():
            if (name, text) not in (("target", "native"), ("target", "auto"), ("userspace", "off")):
                self._ignore(f"-semihosting-config {name}={text}", "its streams are the console")

    def _gdb(self, shown: str, value: str) -> None:
        kind, _, place = value.partition(":")
        host, _, port = place.split(",")[0].rpartition(":")
        if value == "none":
            return
        if kind != "tcp" or not port.isascii() or not port.isdigit():
            raise QemuWordError(f"{shown}: write -gdb tcp::{known.GDB_PORT}")
        self._put("--gdb", f"{host}:{port}" if host else port)

    def _d(self, shown: str, value: str) -> None:
        items = []
        for item in value.split(","):
            if item in known.LOG_IGNORED or item.startswith("trace:"):
                self._ignore(f"-d {item}", known.LOG_IGNORED.get(item, known.IGNORED["trace"][1]))
            else:
                items.append(known.LOG_ITEMS.get(item, item))
        if items:
            self._put("--log", ",".join(dict.fromkeys(items)))

    def _D(self, shown: str, value: str) -> None:
        self._log_files.append(value)

    def _help(self, shown: str, value: str) -> None:
        self._put("--help")
