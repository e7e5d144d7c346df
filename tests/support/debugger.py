"""A debugger with a machine or a process, on plain Python: nothing is compiled for it."""

import io
from collections.abc import Callable
from functools import partial
from typing import Any

from trapline import Machine, Process
from trapline.asm.disassembler.instruction import disassemble
from trapline.vm.debug.debugger import Debugger
from trapline.vm.debug.screen import Screen
from trapline.vm.debug.target import ProcessTarget, Target, TypedInput
from trapline.vm.host.console import Console
from trapline.vm.loader.image import Image
from trapline.vm.loader.source import load_source


class Session:
    """A debugger whose output is at hand."""

    def __init__(self, make: Callable[[Screen], Target]) -> None:
        self._out = io.BytesIO()
        screen = Screen(self._out)
        target = make(screen)
        self.debugger = Debugger(target, screen, partial(disassemble, compressed="c" in target.machine.isa))
        self.machine = self.debugger.session.machine

    def __call__(self, *lines: str, fails: bool = False) -> str:
        """What these commands print."""
        start = self._out.tell()
        for line in lines:
            assert self.debugger.do(line) is not fails, self._out.getvalue()[start:].decode()
        return self._out.getvalue()[start:].decode()


def kernel(source: str, technique: str = "bare", harts: int = 1) -> Session:
    """A session with a kernel, `k.s`."""
    return image_kernel(load_source(source, name="k.s", text_base=0x80000000), technique=technique, harts=harts)


def image_kernel(image: Image, **options: Any) -> Session:
    """A session with a kernel that is loaded already. options: of its machine."""

    def make(screen: Screen) -> Target:
        machine = Machine(memory=1 << 20, engine="python", console=Console(screen), **options)  # type: ignore[arg-type]
        machine.load(image)
        return Target(machine, [image])

    return Session(make)


def process(source: str) -> Session:
    """A session with a program, `r.s`."""

    def make(screen: Screen) -> Target:
        typed = TypedInput()
        found = Process(
            load_source(source, name="r.s"), ["r"], engine="python", memory=1 << 20, stdin=typed, stdout=screen,  # type: ignore[arg-type]
        )  # fmt: skip
        return ProcessTarget(found, typed)

    return Session(make)
