"""The C preprocessor in front of `.S` files: pcpp in this process, or a program such as gcc or cpp from PATH.

Both emit `# line "file"` markers, from which later errors get their positions.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from trapline.asm.diagnostics import Diagnostics, Location, SourceError
from trapline.asm.preprocess.files_read import file_read
from trapline.asm.preprocess.predefined import PREDEFINED
from trapline.asm.preprocess.source_text import MAX_SOURCE_BYTES, Text, whole_file

TIMEOUT = 20
"""Time limit for a preprocessor from PATH, in seconds."""

SYSTEM_PROGRAMS = (
    "riscv32-unknown-elf-cpp",
    "riscv64-unknown-elf-cpp",
    "riscv64-linux-gnu-cpp",
    "cpp",
    "gcc",
    "clang",
    "cc",
)


def preprocess(
    source: Text, how: str, include_dirs: Sequence[Path], defines: Sequence[str], diagnostics: Diagnostics
) -> str:
    """The text after preprocessing. `how` is "pcpp" or "system"; `defines` are `NAME` or `NAME=value`.

    Its errors and warnings go to `diagnostics`. Raises SourceError when there is no result.
    """
    pairs = list(PREDEFINED.items())
    for define in defines:
        match = _define(define)
        if not match:
            raise SourceError(whole_file(source.name), f"bad macro definition '{define}'", "write NAME or NAME=value")
        pairs.append((match[1], match[2] if match[2] is not None else "1"))
    if how == "pcpp":
        from trapline.asm.preprocess.pcpp_preprocessor import run
    elif how == "system":
        run = _run_system
    else:
        raise SourceError(whole_file(source.name), f"no preprocessor '{how}'", "use 'pcpp', 'system' or 'none'")
    return run(source, include_dirs, pairs, diagnostics)


_define = re.compile(r"([A-Za-z_]\w*(?:\([^()]*\))?)(?:=(.*))?", re.DOTALL).fullmatch
_marker = re.compile(r'^# \d+ "([^"<\n]+)" 1', re.MULTILINE)
"""Where an included file begins."""
_message = re.compile(r"(.*?):(\d+)(?::(\d+))?: (fatal error|error|warning): (.*)").fullmatch


def _run_system(
    source: Text, include_dirs: Sequence[Path], defines: Sequence[tuple[str, str]], diagnostics: Diagnostics
) -> str:
    where = whole_file(source.name)
    program = next((path for name in SYSTEM_PROGRAMS if (path := shutil.which(name))), None)
    if program is None:
        raise SourceError(where, "no C preprocessor on PATH", f"looked for {', '.join(SYSTEM_PROGRAMS)}")
    command = [
        program,
        "-E",
        "-x",
        "assembler-with-cpp",
        "-undef",
        "-nostdinc",
        "-iquote",
        str(Path(source.name).parent),
    ]
    command += [word for folder in include_dirs for word in ("-I", str(folder))]
    command += [f"-D{name}={value}" for name, value in defines]
    # Standard input serves sources in memory too; the marker names the source.
    name = source.name.replace("\\", "\\\\").replace('"', '\\"')
    text = f'#line 1 "{name}"\n{source.text}'.encode("utf-8", "surrogateescape")
    try:
        done = subprocess.run([*command, "-"], input=text, capture_output=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise SourceError(where, f"{program} did not finish in {TIMEOUT} s") from None
    except (OSError, ValueError) as error:
        raise SourceError(where, f"{program} cannot be run: {error}") from None
    output = done.stdout.decode("utf-8", "surrogateescape")
    for included in dict.fromkeys(_marker.findall(output)):
        file_read(included)
    failed = False
    lines = source.text.split("\n")
    for line in done.stderr.decode("utf-8", "replace").splitlines():
        if match := _message(line):
            number, column = int(match[2]), int(match[3] or 1)
            shown = lines[number - 1] if match[1] == source.name and 0 < number <= len(lines) else ""
            place = Location(match[1], number, column, shown)
            if match[4] == "warning":
                diagnostics.warning(place, match[5])
            else:
                failed = True
                diagnostics.error(place, match[5])
    if done.returncode and not failed:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no message"]
        raise SourceError(where, f"{program} failed with status {done.returncode}: {last[0]}")
    if len(done.stdout) > MAX_SOURCE_BYTES:
        raise SourceError(where, f"preprocessing produces more than {MAX_SOURCE_BYTES >> 20} MiB")
    return output
