"""`trapline completion`: the script that makes a shell complete commands, and where it goes."""

import os
from pathlib import Path

import click

from trapline.vm.cli import shells
from trapline.vm.cli.option_groups import Documented
from trapline.vm.cli.user_errors import fail

MARK = "# completes trapline"
"""Ends the line that an installation adds to a shell's start file."""
BASH_COMPLETION = (
    "/usr/share/bash-completion/bash_completion", "/usr/local/share/bash-completion/bash_completion",
    "/opt/homebrew/etc/profile.d/bash_completion.sh", "/etc/bash_completion",
)  # fmt: skip
"""Files of the package that loads the scripts in its folders when they are first needed."""


@click.command("completion", cls=Documented, topics=("tutorials/first-program",))
@click.argument("shell", type=click.Choice(list(shells.SHELLS)), required=False)
@click.option("--install", is_flag=True, help="Write the script to where the shell finds it, and say what was written.")
def completion_command(shell: str | None, install: bool) -> None:
    """Complete commands, options, files, programs, instructions and CSRs on TAB.

    Prints the script for SHELL, by default that of $SHELL. With --install it is written to the user's own folder; a
    shell that does not look there gets one line in its start file. Installing again changes nothing.

    \b
    trapline completion bash --install
    source <(trapline completion bash)       for this shell only
    trapline completion fish > trapline.fish
    """
    name = shell or Path(os.environ.get("SHELL", "")).name
    if name not in shells.SHELLS:
        fail(f"which shell? name one of {', '.join(shells.SHELLS)}")
    text = shells.script(name)
    if not install:
        click.echo(text, nl=False)
        return
    target, start_file = _places(name)
    try:
        wrote = _write(target, text)
        if start_file is not None:
            wrote = _add_line(start_file, f". {_quoted(target)}  {MARK}") or wrote
    except OSError as error:
        fail(f"{error.filename or target}: {error.strerror or error}")
    click.echo(f"Start a new {name} to use it." if wrote else "Nothing has changed.")


def _places(shell: str) -> tuple[Path, Path | None]:
    """Where the script goes, and the start file that must read it; None where the shell finds it."""
    home = Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    if shell == "fish":
        config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
        return config / "fish" / "completions" / "trapline.fish", None
    if shell == "zsh":
        return data / "trapline" / "completion.zsh", Path(os.environ.get("ZDOTDIR") or home) / ".zshrc"
    if any(map(os.path.exists, BASH_COMPLETION)):
        folder = os.environ.get("BASH_COMPLETION_USER_DIR") or data / "bash-completion"
        return Path(folder, "completions", "trapline"), None
    return data / "trapline" / "completion.bash", home / ".bashrc"


def _write(path: Path, text: str) -> bool:
    """Write the script unless it is there already; whether it was not. Raises OSError."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        click.echo(f"unchanged: {path}")
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    click.echo(f"wrote {path}")
    return True


def _add_line(path: Path, line: str) -> bool:
    """Append a line to a start file unless it has it; whether it had not. Raises OSError."""
    before = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
    if line in before.splitlines():
        click.echo(f"unchanged: {path}")
        return False
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f"{'' if before.endswith(chr(10)) or not before else chr(10)}{line}\n")
    click.echo(f"added to {path}: {line}")
    return True


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))
