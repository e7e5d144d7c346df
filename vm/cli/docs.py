"""`trapline docs`: the documents that come with the package, listed and shown."""

import shutil
import sys

import click

from trapline.vm.cli import documents
from trapline.vm.cli.user_errors import escapes_wanted, fail
from trapline.vm.observe import tables

WIDEST = 100
"""Columns of a terminal that a page uses at most."""


@click.command("docs")
@click.argument("topic", required=False, metavar="[TOPIC]")
def docs_command(topic: str | None) -> None:
    """List the documents, or show the one on TOPIC.

    At a terminal a page is laid out and goes through the pager; in a pipe it is the Markdown text itself.

    \b
    trapline docs
    trapline docs hypervisor
    trapline docs tutorials/first-program
    trapline docs assembler | grep -n balign
    """
    if topic is None:
        _list()
        return
    page = documents.find(topic)
    if page is None:
        from trapline.asm.diagnostics import printable
        from trapline.isa.did_you_mean import did_you_mean

        pages = documents.documents()
        ends = {name.rpartition("/")[2]: name for name in pages}
        hint = did_you_mean(topic.lower(), [*pages, *ends]) or "'trapline docs' lists the topics"
        fail(f"no document on '{printable(topic)}'; {hint}")
    if sys.stdout.isatty():
        click.echo_via_pager(_laid_out(page), color=None if escapes_wanted() else False)
    else:
        click.echo(page.path.read_text(encoding="utf-8"), nl=False)


def _list() -> None:
    pages = documents.documents().values()
    for folder in dict.fromkeys(page.folder for page in pages):
        rows = [(page.topic, page.title) for page in pages if page.folder == folder]
        tables.show(documents.FOLDERS.get(folder, folder.capitalize()), ("topic", "about"), rows, folded=[1])
    click.echo("`trapline docs TOPIC` shows one.")


def _laid_out(page: documents.Document) -> str:
    """The page as it looks at a terminal. Lines of code are not broken, so that they can be copied."""
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.markdown import CodeBlock, Markdown
    from rich.syntax import Syntax
    from rich.text import Text

    class Code(CodeBlock):
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            code = Syntax("", self.lexer_name, theme=self.theme).highlight(str(self.text).rstrip())
            for line in code.split():
                yield Text("    ", no_wrap=True, overflow="ignore").append_text(line)

    class Page(Markdown):
        elements = {**Markdown.elements, "fence": Code, "code_block": Code}

    width = min(shutil.get_terminal_size().columns, WIDEST)
    console = Console(width=width, force_terminal=escapes_wanted(), color_system="auto" if escapes_wanted() else None)
    with console.capture() as captured:
        console.print(Page(documents.with_commands(page), hyperlinks=False, code_theme="ansi_dark"), crop=False)
    return "".join(line.rstrip(" ") + "\n" for line in captured.get().splitlines())
