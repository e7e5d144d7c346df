"""What `trapline debug` runs: which kind of guest a file is, and the guest itself."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from trapline.vm.cli import machine_run, process_run
from trapline.vm.cli.assembling import load_image
from trapline.vm.cli.bundled import find_program
from trapline.vm.cli.command_files import current
from trapline.vm.cli.options import AssemblyOptions, ConsoleOptions, MachineOptions
from trapline.vm.cli.parameters import SavePlace
from trapline.vm.cli.progress import announce_compilation

if TYPE_CHECKING:
    from trapline.vm.cli.blueprint import Blueprint
    from trapline.vm.debug.screen import Screen
    from trapline.vm.debug.target import ProcessTarget, Target
    from trapline.vm.loader.image import Image

WORD = 4


def is_kernel(names: list[str], assembly: AssemblyOptions, isa: str) -> bool:
    """Whether these files are a kernel: by where an ELF file is linked, or by what the code of a source needs.

    Raises AsmError, LoadError and OSError.
    """
    from trapline.vm.core.access import RAM_BASE
    from trapline.vm.loader.files import detect, load_elf

    paths = [find_program(name) for name in names]
    kinds = [detect(path) for path in paths]
    if "raw" in kinds or not names:
        return True
    if "elf" in kinds:
        return any(segment.paddr >= RAM_BASE for segment in load_elf(paths[0]).segments)
    return _is_privileged(load_image(names, assembly, None, isa))


def _is_privileged(image: "Image") -> bool:
    """Whether the code has an instruction or a CSR that U mode does not have."""
    from trapline.isa import CSR_BY_ADDRESS, Kind, decode
    from trapline.isa.compression import instruction_length
    from trapline.isa.mode import MODE_NAMES, U

    for section in image.code:
        segment = image.segment_at(section.start)
        if segment is None:
            continue
        data = segment.data[section.start - segment.vaddr : section.end - segment.vaddr]
        at = 0
        while at < len(data):
            word = int.from_bytes(data[at : at + WORD], "little")
            at += instruction_length(word, image.rvc)
            instruction = decode(word)  # what is privileged has 32 bits
            if instruction is None:
                continue
            if instruction.privilege != MODE_NAMES[U]:
                return True
            if instruction.kind is Kind.CSR:
                csr = CSR_BY_ADDRESS.get(instruction.pattern.extract(word)["csr"])
                if csr is not None and csr.privilege > U:
                    return True
    return False


def kernel(
    stack: ExitStack, blueprint: "Blueprint", technique: str | None, screen: "Screen", options: ConsoleOptions
) -> "Target":
    """A machine, which `stack` switches off at the end. Raises OSError, ValueError and LoadError."""
    from trapline.vm.debug.target import Target
    from trapline.vm.host.console import Console

    source = None
    if options.input_file is not None:
        source = stack.enter_context(open(options.input_file, "rb", buffering=0))
    console = Console(screen, source)  # type: ignore[arg-type]
    machine = stack.enter_context(blueprint.switched_on(technique or "bare", "lazy", console))
    return Target(machine, blueprint.images)


@contextmanager
def saving(path: str) -> Iterator[None]:
    """A context in which a guest is written to a file. Raises Mistake."""
    from trapline.vm.debug.mistake import Mistake

    try:
        with current().claimed(path, "save"):
            yield
    except OSError as error:
        raise Mistake(f"{path}: {error.strerror or error}") from None
    except (ValueError, click.ClickException) as error:
        raise Mistake(str(error)) from None


def save(target: "Target", blueprint: "Blueprint", path: str) -> None:
    """Write the machine to a file. Raises Mistake."""
    with saving(path):
        machine_run.save(target.machine, blueprint.boot, path)


def save_process(target: "ProcessTarget", path: str) -> None:
    """Write the process to a file. Raises Mistake."""
    with saving(path):
        process_run.Saving(target.process, SavePlace(path)).save()


def process(
    names: list[str], arguments: list[str], machine: MachineOptions, assembly: AssemblyOptions, screen: "Screen"
) -> "ProcessTarget":
    """A process. Raises AsmError, LoadError, OSError and ValueError."""
    from trapline.vm.debug.target import ProcessTarget, TypedInput
    from trapline.vm.process import Process

    typed = TypedInput()
    found = Process(
        load_image(names, assembly, None, machine.isa), arguments, memory=machine.memory,
        stdin=typed, stdout=screen, stderr=screen,  # type: ignore[arg-type]
        isa=machine.isa, engine=machine.engine, clock=machine.clock, announce=announce_compilation,
    )  # fmt: skip
    return ProcessTarget(found, typed)
