"""Compiler output: our assembler against GNU as and ld, then our process against QEMU, over a corpus of C programs."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from support.gnu import PREFIX, RV32IMA, RV32IMAC, architecture, build, loaded, qemu_user, run_tool
from support.paths import TESTS
from support.process.run_ours import assemble, run_process

CORPUS = TESTS / "asm/c"
PROGRAMS = sorted(p.stem for p in CORPUS.glob("*.c") if not p.stem.startswith("modules"))
TWO_FILES = "modules_one+modules_two"
GCC = "gcc"
CLANG = "clang"


@dataclass(frozen=True)
class Build:
    """One program of the corpus (several files joined by +), a compiler and its options."""

    program: str
    options: str
    compiler: str = GCC
    isa: str = RV32IMA

    def __str__(self) -> str:
        return f"{self.program} {self.compiler} {self.options} {self.isa}"

    def compile(self, tool, folder: Path) -> list[Path]:
        """The assembly files that the compiler writes."""
        if self.compiler == GCC:
            command = [tool(PREFIX + "gcc"), *architecture(self.isa)]
        else:
            command = [
                tool("clang"),
                "--target=riscv32",
                f"-march={self.isa}",
                "-mabi=ilp32",
                "-Wno-unknown-attributes",
            ]
        command += ["-ffreestanding", "-fno-builtin", *self.options.split(), "-S"]
        outputs = []
        for name in self.program.split("+"):
            outputs.append(folder / f"{name}.s")
            run_tool(*command, str(CORPUS / f"{name}.c"), "-o", str(outputs[-1]))
        return outputs


EVERY = ("-O0", "-O2 -fcommon", "-O3 -g")
SOME = ("-Os -fno-inline", "-O1 -ffunction-sections -fdata-sections -msmall-data-limit=0")
BUILDS = [
    *(Build(program, options) for program in [*PROGRAMS, TWO_FILES] for options in EVERY),
    *(Build(program, options) for program in ("dispatch", "longlong", "statics", "structs") for options in SOME),
    *(Build(program, "-O2 -fPIC") for program in ("dispatch", "statics", TWO_FILES)),
    *(Build(program, "-O2", CLANG) for program in PROGRAMS),
    Build("statics", "-O0 -g", CLANG),
    Build(TWO_FILES, "-O2 -fasynchronous-unwind-tables"),
    Build("dispatch", "-O1 -funwind-tables", CLANG),
    *(Build(program, "-Os", isa=RV32IMAC) for program in [*PROGRAMS, TWO_FILES]),
    *(Build(program, "-O2", CLANG, RV32IMAC) for program in PROGRAMS),
    Build("structs", "-O0", isa=RV32IMAC),
    Build("bytecode", "-O3 -g -fPIC", isa=RV32IMAC),
    Build("statics", "-O0 -g", CLANG, RV32IMAC),
    Build(TWO_FILES, "-O1 -fasynchronous-unwind-tables -ffunction-sections", isa=RV32IMAC),
]

BITS = "_zba_zbb_zbs"
WITH_BITS = [
    Build("bits", "-O3 -g", isa=RV32IMA + BITS),
    *(Build(program, "-O2", isa=RV32IMA + BITS) for program in ("bits", "hashing", "longlong", "bytecode")),
    *(Build(program, "-O2", CLANG, RV32IMA + BITS) for program in ("bits", "hashing", "longlong")),
    *(Build(program, "-Os", isa=RV32IMAC + BITS) for program in ("bits", "hashing", "dispatch")),
]


@pytest.mark.parametrize("case", [*BUILDS, *WITH_BITS], ids=str)
def test_same_bytes_and_same_behaviour(case, tool, tmp_path):
    sources = case.compile(tool, tmp_path)
    ours = assemble(sources, tmp_path / "ours", case.isa)
    theirs = build(tool, sources, tmp_path / "theirs", isa=case.isa)
    mine, reference = loaded(ours), loaded(theirs)
    assert mine.keys() == reference.keys()
    for name in reference:
        assert mine[name] == reference[name], name
    assert run_process(ours, isa=case.isa) == qemu_user(tool, theirs)
