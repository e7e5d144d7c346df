"""Assemble with our assembler and run on our process VM."""

import io
from collections.abc import Sequence
from pathlib import Path

from support.gnu import RV32IMA, Outcome


def assemble(sources: Sequence[Path], elf: Path, isa: str = RV32IMA) -> Path:
    """Assemble and link the files into `elf`."""
    from trapline.asm import assemble as assemble_files

    elf.write_bytes(assemble_files(sources, isa=isa).elf)
    return elf


def run_process(elf: Path, arguments: Sequence[str] = (), stdin: bytes = b"", isa: str = RV32IMA) -> Outcome:
    """Run a user program; its standard output and exit status."""
    from trapline.vm.loader.files import load_elf
    from trapline.vm.process import Process

    output = io.BytesIO()
    image = load_elf(elf.read_bytes())
    process = Process(image, [elf.name, *arguments], stdin=io.BytesIO(stdin), stdout=output, timeout=60, isa=isa)
    result = process.run()
    return Outcome(output.getvalue(), result.exit_code)
