"""What the shell offers on TAB: the words that click cannot know, for each argument and option.

A person waits for it, so each source of words imports no more than it needs, and never the engine or the assembler.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from trapline.vm.cli.bundled import list_programs

Described = Iterable[tuple[str, str]]
"""Words and what they mean."""
Completer = Callable[[str], Iterator[CompletionItem]]
"""What may follow, by what is typed."""

KERNEL_FOLDERS = ("programs/boot/", "programs/sensitive/")
"""Bundled programs that are kernels; the others run as processes."""


def words(described: Callable[[], Described]) -> Completer:
    """These words; upper and lower case are the same."""

    def complete(incomplete: str) -> Iterator[CompletionItem]:
        start = incomplete.lower()
        return (CompletionItem(word, help=text) for word, text in described() if word.lower().startswith(start))

    return complete


def files(incomplete: str) -> Iterator[CompletionItem]:
    """Files and folders."""
    yield CompletionItem(incomplete, type="file")


def folders(incomplete: str) -> Iterator[CompletionItem]:
    """Folders."""
    yield CompletionItem(incomplete, type="dir")


def together(*completers: Completer) -> Completer:
    """What any of these offers."""
    return lambda incomplete: (item for completer in completers for item in completer(incomplete))


def programs(wanted: Callable[[bool], bool]) -> Completer:
    """Files, and the bundled programs, with or without `programs/` in front. wanted: whether to offer kernels."""

    def complete(incomplete: str) -> Iterator[CompletionItem]:
        yield from files(incomplete)
        for name, summary in list_programs():
            short = name.removeprefix("programs/")
            found = name if name.startswith(incomplete) else short if short.startswith(incomplete) else None
            if found is not None and wanted(name.startswith(KERNEL_FOLDERS)) and not Path(found).exists():
                yield CompletionItem(found, help=summary)

    return complete


def _instructions() -> Described:
    from trapline.isa import INSTRUCTIONS

    return [(i.name, i.summary) for i in INSTRUCTIONS]


def _compressed() -> Described:
    from trapline.isa.compression import COMPRESSED

    return [(c.name, c.summary) for c in COMPRESSED]


def _csrs() -> Described:
    from trapline.isa import CSRS

    return [(c.name, c.summary) for c in CSRS]


def _isa_strings() -> Described:
    from trapline.isa.extension import GROUPS, OPTIONAL

    yield "rv32ima", "the base machine"
    for name, members in GROUPS.items():
        if {*members} <= {*OPTIONAL}:
            yield f"rv32ima{_joined(name)}", f"with {', '.join(members)}"
    yield from ((f"rv32ima{_joined(name)}", f"with {name}") for name in OPTIONAL)


def _joined(name: str) -> str:
    return name if len(name) == 1 else f"_{name}"


def _tests() -> Described:
    return [(Path(name).stem, text) for name, text in list_programs() if name.startswith("programs/sensitive/")]


def _topics() -> Described:
    from trapline.vm.cli.documents import documents

    return [(name, page.title) for name, page in documents().items()]


def _demos() -> Described:
    from trapline.vm.cli import burrow

    yield burrow.SHELL, "Burrow's shell, at this terminal"
    yield from ((demo.name, demo.summary) for demo in burrow.demos().values())
    yield "containers", "containers beside virtual machines, in figures"
    yield "virtualization", "one program in four organizations of virtualization"
    yield from ((name, "a program of Burrow's") for name in burrow.programs() if name != burrow.SHELL)


BENCHMARKS = ("fib", "sieve", "matmul", "sha256", "trap", "walk", "nano")
"""What `trapline bench` takes; its own module imports the machine, which takes too long here."""
_DEVICES = (
    ("virtio-blk-device,drive=", "a disk"),
    ("virtio-rng-device", "random bytes"),
    ("virtio-serial-device", "a console"),
)
_DRIVE = (
    ("file=", "the file"), ("readonly=on", "no writes"), ("write=on", "keep changes"), ("format=raw", ""),
    ("if=none", "for --device"), ("if=virtio", "plugged"), ("id=", "a name"),
)  # fmt: skip

_any_program, _kernels = programs(lambda kernel: True), programs(lambda kernel: kernel)
BY_NAME: dict[tuple[str, str], Completer] = {
    ("run", "programs"): programs(lambda kernel: not kernel),
    ("boot", "kernel"): _kernels,
    ("virt", "kernel"): _kernels,
    ("asm", "sources"): _any_program,
    ("disasm", "file"): files,
    ("show", "names"): words(lambda: [*_instructions(), *_compressed(), *_csrs()]),
    ("sensitive", "names"): words(_tests),
    ("docs", "topic"): words(_topics),
    ("demo", "what"): words(_demos),
    ("demo", "arguments"): files,
    ("bench", "names"): words(lambda: [(name, "") for name in BENCHMARKS]),
    ("classify", "names"): words(_instructions),
    ("classify", "csrs"): words(lambda: [(f"{name}=", text) for name, text in _csrs()]),
}
"""By the names of the command and of its parameter."""

BY_SPELLING: dict[str, Completer] = {
    "--isa": words(_isa_strings),
    "--bios": together(files, words(lambda: [("none", "start in M mode"), ("default", "the built-in SBI")])),
    "--device": words(lambda: _DEVICES),
    "--drive": together(files, words(lambda: _DRIVE)),
}
"""By the spelling of an option, the same in every command."""

BY_METAVAR: dict[str, Completer] = {"FILE": files, "[FILE]": files, "DIR": folders}
"""By how its help writes an option's value."""


def completer(context: click.Context, parameter: click.Parameter) -> Completer | None:
    """What completes a value of this parameter; None where click knows, as for a choice."""
    found = BY_NAME.get((context.command.name or "", parameter.name or ""))
    if found is None and isinstance(parameter, click.Option):
        found = next((BY_SPELLING[name] for name in parameter.opts if name in BY_SPELLING), None)
    return found or BY_METAVAR.get(str(parameter.metavar))
