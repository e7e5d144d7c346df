"""Files that are no program for this machine, and what to do with them: sources to compile, archives, other formats."""

import os
from pathlib import Path

_GCC = "riscv64-unknown-elf-gcc -O2 -march=rv32ima -mabi=ilp32"
_FOR_A_PROCESS = "--specs=picolibc.specs --crt0=hosted --oslib=semihost"
_C_DOCUMENT = "(see `trapline docs tutorials/c-programs`)"
COMPILE_HINT = "compile it with -march=rv32ima -mabi=ilp32"
LINK_ADVICE = f"link it first, as with `{_GCC} -nostdlib -o program FILE.o`"

_LANGUAGES = {
    ".c": "C", ".i": "C", ".h": "a header of C", ".cc": "C++", ".cpp": "C++", ".cxx": "C++", ".c++": "C++",
    ".hpp": "a header of C++", ".rs": "Rust", ".go": "Go", ".zig": "Zig", ".d": "D", ".java": "Java", ".kt": "Kotlin",
    ".swift": "Swift", ".f90": "Fortran", ".py": "Python", ".js": "JavaScript", ".ts": "TypeScript", ".rb": "Ruby",
    ".lua": "Lua", ".sh": "a shell script", ".ld": "a linker script", ".lds": "a linker script",
    ".ll": "LLVM assembly", ".dts": "the source of a device tree", ".json": "JSON", ".md": "Markdown", ".html": "HTML",
}  # fmt: skip
"""What is written in a file, by its suffix: none of these is assembly."""
_TARGETS = {".rs": "riscv32ima-unknown-none-elf", ".zig": "riscv32-freestanding"}
_COMPRESSORS = {
    b"\x1f\x8b\x08": "gunzip", b"\xfd7zXZ\0": "unxz", b"BZh": "bunzip2", b"\x28\xb5\x2f\xfd": "unzstd", b"PK\x03\x04":
    "unzip",
    b"\x04\x22\x4d\x18": "unlz4",
}  # fmt: skip
_FORMATS = {
    b"!<arch>\n": f"an archive of object files, not a program: {LINK_ADVICE}",
    b"\x27\x05\x19\x56": "an image for U-Boot: boot the ELF file or the `Image` that it was made of",
    b"\xd0\x0d\xfe\xed": "a device tree, which is no program",
    b"\xca\xfe\xba\xbe": "Java bytecode or a program for macOS, not for RISC-V",
    b"\xcf\xfa\xed\xfe": "a program for macOS, not for RISC-V",
    b"\xce\xfa\xed\xfe": "a program for macOS, not for RISC-V",
    b"\0asm": "WebAssembly, not a program for RISC-V",
    b"BC\xc0\xde": "LLVM bitcode, not a program: compile it with clang --target=riscv32 -march=rv32ima",
    b"\x89PNG": "a picture", b"%PDF": "a PDF document", b"\xff\xd8\xff": "a picture", b"GIF8": "a picture",
}  # fmt: skip
_LINUX_MAGIC, _LINUX_MAGIC_AT = b"RSC\x05", 0x38
"""In a Linux boot image, which may begin like a program for Windows."""


def foreign(path: str | os.PathLike[str], start: bytes) -> str | None:
    """`is C, not assembly: compile it first ...` for a file that is no program for this machine; None if it may be.

    start: its first bytes, 64 or more if it has them.
    """
    path = Path(path)
    for magic, command in _COMPRESSORS.items():
        if start.startswith(magic):
            return f"is compressed: unpack it first, with `{command} {path}`"
    for magic, what in _FORMATS.items():
        if start.startswith(magic):
            return f"is {what}"
    if start.startswith(b"MZ") and not start[_LINUX_MAGIC_AT:].startswith(_LINUX_MAGIC) and b"PE\0\0" in start:
        return "is a program for Windows, not for RISC-V"
    if start.startswith(b"#!"):
        return "is a script for another program, not assembly"
    language = _LANGUAGES.get(path.suffix.lower())
    if language is None or _binary(start):
        return None
    return f"is {language}, not assembly{_compiled(path)}"


def _compiled(path: Path) -> str:
    """How to make a program of a source."""
    output, suffix = path.with_suffix("").name, path.suffix.lower()
    if suffix in (".c", ".i"):
        return f": compile it first, as with `{_GCC} {_FOR_A_PROCESS} -o {output} {path}` {_C_DOCUMENT}"
    if suffix in (".cc", ".cpp", ".cxx", ".c++"):
        return f": compile it first, as with `{_GCC.replace('gcc', 'g++')} {_FOR_A_PROCESS} -o {output} {path}`"
    if suffix in _TARGETS:
        return f": compile it first, for {_TARGETS[suffix]}, to an ELF file"
    if suffix == ".py":
        return f": instructions of your own are loaded with `trapline --plugin {path} COMMAND`"
    if suffix == ".ll":
        return f": compile it first, as with `llc -march=riscv32 -mattr=+m,+a -o {output}.s {path}`"
    if suffix == ".dts":
        return f": the machine makes its own; `dtc -o {output}.dtb {path}` compiles it"
    return ""


def _binary(start: bytes) -> bool:
    return any(byte < 32 and byte not in b"\t\n\v\f\r" for byte in start)
