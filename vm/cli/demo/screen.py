"""How `trapline demo` looks: six steps, with colours where the terminal has them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape

from trapline.vm.cli import burrow
from trapline.vm.cli.demo.trials import MENDED, TYPED, Assembled, Trial, around, most_trapped, what_trapped
from trapline.vm.cli.user_errors import escapes_wanted
from trapline.vm.experiments.compare import Run
from trapline.vm.hypervisor.host.counts import Counts
from trapline.vm.observe import tables

MEANINGS = {
    "privileged instructions": "CSRs, sret, wfi, sfence.vma: emulated on the virtual hart",
    "system calls": "by the guest's programs, passed on to the guest's kernel",
    "shadow pages": "page faults that the guest never sees: the hypervisor had yet to map the page",
    "devices": "the guest reads and writes virtual ones: console, timer, interrupt controller",
    "faults of programs": "the wild store, passed on to the guest's kernel",
}
"""What each kind of trap is, in plain words."""
HOW = {
    "trap": "what traps is emulated; popf does not trap",
    MENDED: "the same on mended hardware, where popf traps in user mode",
    "patch": "popf in the kernel's code is overwritten by a word that traps",
    "translate": "only translated copies of the code run; popf becomes a trap",
    "hybrid": "the kernel is interpreted, its programs run directly",
    "interpret": "everything is interpreted",
    "assist": "hardware with a mode for guests: the kernel runs in real S mode",
    "paravirt": "the kernel is changed and asks the hypervisor; its console is compared",
}
FURTHER = (
    ("trapline demo shell", "Burrow's shell; --technique trap for that of a virtual machine"),
    ("trapline sensitive", "each sensitive instruction under each technique"),
    ("trapline classify --isa rv32ima_xpopf", "find the holes of a machine, with witnesses"),
    ("trapline docs tutorials/kernel", "the kernel, in the order in which it boots"),
    ("trapline docs popek-goldberg", "the theorems, hole by hole"),
    ("trapline docs observing", "each exit of a guest logged, explained, drawn"),
)
"""Commands, and what they are for."""
WIDE = 100
"""Columns from which on a table has room for explanations."""
NARROW = 60
"""Columns below which space is saved."""
WIDEST = 120
"""Columns that are used at most: longer lines are hard to read."""
BAR = 24
"""Columns of the longest bar."""


class Screen:
    """The steps on a console."""

    def __init__(self, file: Any = None) -> None:
        """file: a text stream instead of standard output."""
        # Without a terminal's escapes there is no bold type either.
        self.console = Console(file=file, highlight=False, force_terminal=None if escapes_wanted() else False)
        self.unicode = self.console.encoding.lower().startswith("utf")

    def title(self) -> None:
        """Print the headline."""
        self.print("[bold]One operating system, on the bare machine and in virtual machines[/]", indent=0)

    def step(self, number: int, title: str, text: str) -> None:
        """A heading, and what it is about."""
        self.print(f"\n[bold cyan]{number}  {title}[/]", indent=0)
        if text:
            self.print(text)

    def print(self, what: Any, indent: int = 3) -> None:
        """Markup or a table, indented, without blanks at the ends of lines."""
        with self.console.capture() as captured:
            self.console.print(what, width=max(20, min(WIDEST, self.console.width) - indent))
        lines = [line.rstrip(" ") for line in captured.get().removesuffix("\n").split("\n")]
        self.console.file.write("".join(" " * (indent if line else 0) + line + "\n" for line in lines))
        self.console.file.flush()

    @contextmanager
    def working(self, what: str) -> Iterator[Any]:
        """A spinner at a terminal. Yields a function that changes its text."""
        if not self.console.is_terminal or self.console.is_dumb_terminal:
            yield lambda text: None
            return
        with self.console.status(f"{what}...", spinner="line") as status:
            yield lambda text: status.update(f"{what}: {text}...")

    def lines(self, output: bytes) -> list[str]:
        """A guest's console output as lines, without control characters."""
        text = output.decode("utf-8", "replace").rstrip("\n")
        return ["".join(c if c.isprintable() else "?" for c in line) for line in text.split("\n")]

    def output(self, lines: Sequence[str]) -> None:
        """Print console output, with an edge."""
        edge = "│" if self.unicode else "|"
        for line in lines:
            style = "green" if line.startswith("$") else "yellow" if line.startswith("burrow:") else "default"
            self.print(f"[dim]{edge}[/] [{style}]{escape(line)}[/]")

    def table(self, rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
        """Rows of markup below a row of headings, if there are any. right: columns of numbers.

        Neither these nor the names in the first column are broken.
        """
        blanks = 1 if self.console.width < NARROW else 2
        folded = [i for i in range(1, len(rows[0])) if i not in right]
        self.print(tables.build(rows[0], rows[1:], right=right, folded=folded, gap=blanks, markup=True))

    def assembled(self, kernels: Assembled) -> None:
        """Step 1: the kernel in numbers."""
        sizes = kernels.sizes
        self.step(
            1, "Assemble",
            "Burrow is a small operating system in assembly: processes in address spaces of their own, threads, "
            "messages, a shell.",
        )  # fmt: skip
        self.print(
            f"[bold]{sizes['files']}[/] files, {sizes['lines']:,} lines, [bold]{sizes['instructions']:,}[/] "
            f"instructions, and {sizes['programs']} user programs in its file system; "
            f"three variants in {kernels.seconds:.1f} s."
        )

    def booted(self, trial: Trial) -> None:
        """Step 2: the bare machine."""
        bare = trial.bare
        self.step(
            2, "Boot it on the bare machine",
            f"{TYPED.count(chr(10))} lines are typed at its shell; two of the programs try what is forbidden.",
        )  # fmt: skip
        self.output(self.lines(bare.output))
        self.print(
            f"[bold]{bare.counts.steps:,}[/] instructions, {sum(bare.traps.values()):,} traps, "
            f"{milliseconds(bare)} ms, status {bare.exit.code}; digest of registers and memory "
            f"{trial.digests['bare'][:8]}."
        )

    def virtual(self, trial: Trial) -> None:
        """Step 3: the virtual machine."""
        run, bare = trial.under("trap"), trial.bare
        self.step(
            3, "The same file in a virtual machine, by trap-and-emulate",
            "The kernel believes that it runs in M and S mode, but all of it runs in user mode: privileged "
            "instructions trap, and the hypervisor emulates them on a virtual hart.",
        )  # fmt: skip
        rows = [["", "bare", "virtual", ""]]
        for name, one, other in (
            ("console", *(f"{len(self.lines(r.output))} lines" for r in (bare, run))),
            ("instructions", *(f"{r.counts.steps:,}" for r in (bare, run))),
            ("digest", *(trial.digests[r.technique][:8] for r in (bare, run))),
        ):
            equal = bare.output == run.output if name == "console" else one == other
            rows.append([name, one, other, same(equal)])
        self.table(rows, right=(1, 2))
        counts = run.counts
        self.print(
            f"\n[bold]{counts.share:.2%}[/] of the instructions ran directly on the real hart. "
            f"{counts.world_switches:,} traps, one in {counts.steps // max(1, counts.world_switches)} instructions:"
        )
        self.traps(counts)
        self.privileged(trial)

    def traps(self, counts: Counts) -> None:
        """What the traps were for, as bars."""
        found = sorted(what_trapped(counts).items(), key=lambda item: -item[1])
        most = max(1, found[0][1])
        narrow = self.console.width < 70
        rows = [["traps", "", "what they were for"]]
        for name, number in found:
            bar = ("█" if self.unicode else "#") * max(1, round(BAR * number / most))
            rows.append([f"{number:,}", "" if narrow else f"[magenta]{bar}[/]", f"[bold]{name}[/]: {MEANINGS[name]}"])
        self.table(rows, right=(0,))

    def privileged(self, trial: Trial) -> None:
        """Which privileged instructions trapped most often."""
        found = most_trapped(trial)
        most = [text for text, number in found if number == found[0][1]]
        self.print(
            f"\n{len(most)} privileged instructions lie on the guest kernel's way in and out, and trapped "
            f"{found[0][1]:,} times each: [magenta]{escape('; '.join(most))}[/]."
        )

    def hole(self, trial: Trial) -> None:
        """Step 4: the sensitive instruction."""
        run, bare = trial.under("trap"), trial.bare
        self.step(
            4, "A kernel with a hole",
            "x86 had POPF: in the kernel it turns interrupts on, in user mode it silently does not. This machine has "
            "it too (--isa rv32ima_xpopf), and this variant of the kernel uses it before it waits. On the bare "
            f"machine all is as before: {sum(line != '' for line in self.lines(bare.output))} lines. In a virtual "
            "machine:",
        )  # fmt: skip
        shown = [self.lines(r.output) for r in (bare, run)]
        alike = next((i for i, pair in enumerate(zip(*shown, strict=False)) if pair[0] != pair[1]), len(shown[1]))
        tails = [lines[max(0, alike - 2) :] for lines in shown]
        tails[1].append("")
        rows = [["bare", "virtual, by trap-and-emulate"]]
        for i in range(max(map(len, tails))):
            one, other = (escape(t[i]) if i < len(t) else "" for t in tails)
            rows.append([f"[green]{one}[/]", f"[green]{other}[/]"])
        rows[-1][1] = "[red](silence)[/]"
        self.table(rows)
        if run.first is None:
            return
        self.print(
            f"\nThe two are the same for [bold]{run.first.instructions:,}[/] instructions. The next one differs:"
        )
        code = [(address, trial.image.named(address), text) for address, text in around(trial.image, run.first.pc)]
        width = max(len(where) for _, where, _ in code)
        for address, where, text in code:
            here = address == run.first.pc
            arrow = ">" if here else " "
            style = "bold red" if here else "dim"
            self.print(f"[{style}]{arrow} {where:<{width}}  {escape(text)}[/]")
        for d in run.first.differences[:3]:
            self.print(f"  {d.name} is {d.bare} on the bare machine and {d.virtual} in the virtual one")
        self.print(
            "\nInterrupts stay off, and no trap alerts the hypervisor. The program sleeps, the kernel "
            "waits for the timer, and nothing will ever wake it.\n"
            "Popek and Goldberg, 1974, theorem 1: a virtual machine monitor can be built if each [bold]sensitive[/] "
            "instruction is [bold]privileged[/]. popf is sensitive, since it acts on interrupts, but not "
            "privileged, since it does not trap."
        )

    def cures(self, runs: Sequence[Run]) -> None:
        """Step 5: every technique."""
        self.step(5, "How it is cured", "The same kernel, one technique per line; the last has a kernel of its own.")
        rows = [["technique", "result", "direct", "traps", "ms", "how"]]
        for run in runs:
            rows.append([
                f"[bold]{run.technique}[/]", same(run.equivalent), f"{run.counts.share:.1%}",
                f"{run.counts.world_switches:,}", milliseconds(run), HOW[run.technique],
            ])  # fmt: skip
        wide = self.console.width >= WIDE
        self.table(rows if wide else [row[:5] for row in rows], right=(2, 3, 4))
        self.print(
            "\nThe real hart of this machine is itself a program, so interpreting everything is not slow here, as it "
            "would be on hardware: what counts is the share that runs directly, and the traps."
        )
        if not wide:
            self.print("")
            self.table([["", ""], *([row[0], row[5]] for row in rows[1:])])

    def further(self, seconds: float, compiling: float) -> None:
        """Step 6: where to go. seconds: of all steps; compiling: those for the engine, once, or 0."""
        self.step(6, "Where to go from here", "")
        demos = [(f"trapline demo {demo.name}", demo.summary) for demo in burrow.demos().values()]
        rows = [FURTHER[0], *demos, *FURTHER[1:]]
        if self.console.width >= NARROW:
            self.table([["", ""], *([f"[green]{name}[/]", text] for name, text in rows)])
        else:
            for name, text in rows:
                self.print(f"[green]{name}[/]\n  {text}")
        once = f" Compiling the engine took {compiling:.0f} s, and is not needed again." if compiling else ""
        self.print(f"\n[dim]All of this took {seconds:.1f} s.{once}[/]")


def milliseconds(run: Run) -> str:
    """How long a run took."""
    return f"{run.seconds * 1000:.0f}"


def same(equal: bool) -> str:
    """A verdict."""
    return "[green]same[/]" if equal else "[bold red]differs[/]"
