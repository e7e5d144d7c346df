"""The kernel in C under programs/kernels, built by gcc or by zig from PyPI."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.gnu import Find
from support.paths import PROGRAMS


def compiler(name: str, tool: Find) -> str:
    """The command of gcc, or of the zig of this Python; else the test is skipped."""
    if name == "gcc":
        return tool("riscv64-unknown-elf-gcc")
    if importlib.util.find_spec("ziglang") is None:
        if os.environ.get("TRAPLINE_REQUIRE_TOOLS") == "1":
            pytest.fail("ziglang is not installed and TRAPLINE_REQUIRE_TOOLS is set")
        pytest.skip("ziglang is not installed")
    return f"{sys.executable} -m ziglang cc"


def build(
    command: str, output: Path, folder: Path = PROGRAMS / "kernels", *, supervisor: bool = False,
    compressed: bool = False,
) -> Path:  # fmt: skip
    """Run build.sh with a compiler; it must have nothing to say.

    supervisor: for S mode over an SBI; compressed: for RV32IMAC.
    """
    script = str(PROGRAMS / "kernels/build.sh")
    environment = os.environ | {"CC": command}
    done = subprocess.run(
        ["sh", script, *["--supervisor"] * supervisor, *["--compressed"] * compressed, str(output), str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return output
