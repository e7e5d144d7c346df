"""Objects that are put into memory without LLVM do what they do when LLVM's linker loads them; others are refused."""

import ctypes
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from trapline.vm.codegen import link, object_loader
from trapline.vm.codegen.cache import pack, told_processor
from trapline.vm.codegen.llvm_object import object_of
from trapline.vm.codegen.object_loader import RefusedError
from trapline.vm.translator import object_file

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not object_file.is_relocatable(object_of("")), reason="LLVM makes no ELF for x86-64 here"),
]

# A table of jumps, a constant, a call, and memset: all that the engine's object has.
TEXT = """
@table = internal constant [4 x i64] [i64 5, i64 -7, i64 11, i64 13]

declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define internal i64 @filled(i64 %n) noinline {
  %memory = alloca [512 x i8]
  %size = and i64 %n, 511
  %byte = trunc i64 %n to i8
  store volatile i8 0, ptr %memory
  call void @llvm.memset.p0.i64(ptr %memory, i8 %byte, i64 %size, i1 false)
  %found = load volatile i8, ptr %memory
  %wide = zext i8 %found to i64
  ret i64 %wide
}

define i64 @entry(i64 %n) {
  %kind = and i64 %n, 7
  switch i64 %kind, label %other [
    i64 0, label %a
    i64 1, label %b
    i64 2, label %c
    i64 3, label %d
    i64 4, label %e
  ]
a:
  %r0 = mul i64 %n, 3
  ret i64 %r0
b:
  %r1 = call i64 @filled(i64 %n)
  ret i64 %r1
c:
  %shifted = lshr i64 %n, 3
  %index = and i64 %shifted, 3
  %at = getelementptr [4 x i64], ptr @table, i64 0, i64 %index
  %r2 = load i64, ptr %at
  ret i64 %r2
d:
  %r3 = xor i64 %n, -1
  ret i64 %r3
e:
  %r4 = sdiv i64 %n, 7
  ret i64 %r4
other:
  ret i64 1
}

define i64 @second(i64 %n) {
  %once = call i64 @entry(i64 %n)
  %twice = call i64 @entry(i64 %once)
  ret i64 %twice
}
"""
NAMES = ("entry", "second")
INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)


def test_the_same_as_with_llvm() -> None:
    data = object_of(TEXT)
    loaded, linker = object_loader.load(data), link._linked(data)
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
    functions = [(kind(loaded[name]), kind(linker.get_function_address(name))) for name in NAMES]
    assert {loaded[name] for name in NAMES}.isdisjoint(linker.get_function_address(name) for name in NAMES)

    @examples(200)
    @given(INTEGERS)
    def check(number: int) -> None:
        for ours, theirs in functions:
            assert ours(number) == theirs(number)

    check()


def test_what_is_loaded_cannot_be_written() -> None:
    address = object_loader.load(object_of(TEXT))["entry"]
    maps = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    (allowed,) = (
        words[1] for words in maps if int(words[0].split("-")[0], 16) <= address < int(words[0].split("-")[1], 16)
    )
    assert allowed == "r-xp"


CALL = "declare i64 @imaxabs(i64)\ndefine i64 @entry(i64 %n) {\n %r = call i64 @imaxabs(i64 %n)\n ret i64 %r\n}\n"
VARIABLE = (
    "@v = global i64 5\ndefine i64 @entry(i64 %n) {\n %r = load i64, ptr @v\n store i64 %n, ptr @v\n ret i64 %r\n}\n"
)


@pytest.mark.parametrize("text, first, second", [(CALL, 9, 4), (VARIABLE, 5, -9)])
def test_what_is_refused_goes_to_llvm(text: str, first: int, second: int) -> None:
    data = object_of(text)
    with pytest.raises(RefusedError):
        object_loader.load(data)
    (address,) = link.link(pack([data]), ["entry"])
    entry = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)
    assert (entry(-9), entry(-4)) == (first, second)


@pytest.mark.parametrize("kind", [2, 4, 9, 10, 11, 24])
def test_other_relocations_are_refused(kind: int) -> None:
    """Each of them would be another thing to fill in."""
    data = bytearray(object_of(TEXT))
    relocations = next(s for s in object_file.sections(bytes(data)) if s.kind == object_file.RELOCATIONS)
    struct.pack_into("<I", data, data.index(relocations.data) + 8, kind)
    with pytest.raises(RefusedError, match=f"a relocation of type {kind} for"):
        object_loader.load(bytes(data))


@pytest.mark.parametrize(
    "data", [b"", b"\x7fELF", b"MZ" + bytes(200), object_of(TEXT).replace(b"\x3e\0", b"\xb7\0", 1)]
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(RefusedError, match="no object of ELF for x86-64"):
        object_loader.load(data)


# The name of the processor

X86 = """processor\t: {0}
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC
stepping\t: 1
cpu MHz\t\t: {1}
flags\t\t: fpu vme avx2 {2}

"""


def test_a_processor_is_told_by_its_model_and_what_it_can_do(tmp_path: Path) -> None:
    def told(*processors: str) -> str | None:
        path = tmp_path / "cpuinfo"
        path.write_text("".join(processors))
        return told_processor(path)

    first = told(X86.format(0, 2596.1, "sha_ni"), X86.format(1, 2400.0, "sha_ni"))
    assert first == "AuthenticAMD\x0025\x0017\x001\0fpu vme avx2 sha_ni"
    assert told(X86.format(0, 3100.7, "sha_ni") * 200) == first
    assert told(X86.format(0, 2596.1, "avx512f")) not in (None, first)
    assert told(X86.format(0, 2596.1, "sha_ni").replace("model\t\t: 17", "model\t\t: 18")) not in (None, first)
    assert told("processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n\n") is None
    assert told(X86.format(0, 2596.1, "x" * 20_000)) is None
    assert told_processor(tmp_path / "none") is None
