"""The shells that complete `trapline`: their scripts, and how they ask for words."""

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    _resolve_context,
    _resolve_incomplete,
    add_completion_class,
)

VARIABLE = "_TRAPLINE_COMPLETE"
"""The environment variable by which a shell asks what may follow, as click names it."""

EQUALS = "="


class _Completes(ShellComplete):
    """Offers the words of `vm.cli.completers` where click has none."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """The words that may stand where `incomplete` does, after `args`."""
        from trapline.vm.cli.completers import completer, files

        context = _resolve_context(self.cli, self.ctx_args, self.prog_name, args)
        if "--" in args:  # what follows is for the guest
            return list(files(incomplete))
        target, incomplete = _resolve_incomplete(context, args, incomplete)
        if isinstance(target, click.Parameter) and (found := completer(context, target)) is not None:
            return list(found(incomplete))
        return target.shell_complete(context, incomplete)


class Bash(_Completes, BashComplete):
    """Files and words may be offered together, which click's own script cannot do."""

    source_template = """\
%(complete_func)s() {
    local IFS=$'\\n' kind value file
    COMPREPLY=()
    while IFS=',' read -r kind value; do
        case $kind in
            plain) COMPREPLY+=("$value") ;;
            file | dir)
                compopt -o filenames 2>/dev/null
                while IFS= read -r file; do
                    COMPREPLY+=("$file")
                done < <(compgen -A "${kind/dir/directory}" -- "$value")
                ;;
        esac
    done < <(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD %(complete_var)s=bash_complete "$1")
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor's, and that one; bash makes three words of `--option=value`."""
        split, incomplete = super().get_completion_args()
        joined: list[str] = []
        for word in split:
            if word != EQUALS and joined[-1:] == [EQUALS]:
                joined[-2:] = [f"{joined[-2]}={word}"]
            else:
                joined.append(word)
        if joined[-1:] == [EQUALS]:
            del joined[-1]
        return joined, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """A line of what the script reads."""
        return f"{item.type},{item.value}"


class Zsh(_Completes, ZshComplete):
    """click's script, which may be sourced before `compinit` has run."""

    source_template = (
        "#compdef %(prog_name)s\n(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }\n"
        + ZshComplete.source_template.partition("\n")[2]
    )


class Fish(_Completes, FishComplete):
    """click's script."""


SHELLS: dict[str, type[ShellComplete]] = {"bash": Bash, "zsh": Zsh, "fish": Fish}
"""The shells by name."""


def register() -> None:
    """Let click use these classes."""
    for name, shell in SHELLS.items():
        add_completion_class(shell, name)


def script(shell: str) -> str:
    """The script that a shell reads to complete `trapline`."""
    names = {"complete_func": "_trapline_completion", "complete_var": VARIABLE, "prog_name": "trapline"}
    return SHELLS[shell].source_template % names
