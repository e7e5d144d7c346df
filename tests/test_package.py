"""The names that `import trapline` gives a user of the library, each imported on first use."""

import doctest
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import trapline
import trapline.asm.disassembler.instruction
import trapline.asm.program
import trapline.vm.machine
import trapline.vm.process.process
from trapline import AsmError, Machine, Process, assemble, disassemble
from trapline.asm import Text


@pytest.mark.parametrize("name", trapline.__all__)
def test_each_public_name_is_the_one_of_its_module(name: str) -> None:
    value = getattr(trapline, name)
    assert value.__name__ == name and value.__module__.startswith("trapline.")
    assert name in dir(trapline)


def test_a_misspelt_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'trapline' has no attribute 'Machin'"):
        trapline.Machin  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Machin'"):
        from trapline import Machin  # noqa: F401


@pytest.mark.parametrize(
    ("name", "left_out"), [("disassemble", "numpy numba lark"), ("AsmError", "numpy numba lark"), ("Machine", "lark")]
)
def test_a_name_loads_what_it_needs_and_no_more(name: str, left_out: str) -> None:
    script = f"import sys; from trapline import {name}; print(sorted(sys.modules.keys() & set({left_out.split()})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


EXAMPLES = (
    trapline.asm.program,
    trapline.asm.disassembler.instruction,
    trapline.vm.machine,
    trapline.vm.process.process,
)


@pytest.mark.parametrize("module", EXAMPLES)
def test_the_examples_of_docstrings_are_true(module: object) -> None:
    failed, tried = doctest.testmod(module)  # type: ignore[arg-type]
    assert failed == 0 and tried > 0


def test_assemble_takes_text_or_files(tmp_path: Path) -> None:
    path = tmp_path / "one.s"
    path.write_text("addi a0, a0, 1\n")
    text = assemble("addi a0, a0, 1")
    assert text.code == assemble(path).code == assemble([path]).code == assemble([str(path)]).code
    assert text.code == assemble(Text("one.s", "addi a0, a0, 1")).code == bytes.fromhex("13051500")
    assert assemble("nop\nret", text_base=0x80000000).entry == 0x80000000
    assert assemble(".data\n.word 1").code == b""


def test_a_mistake_says_where_it_is() -> None:
    with pytest.raises(AsmError, match=r"<string>:2:1: error: .*adi") as caught:
        assemble("nop\nadi a0, a0, 1")
    assert "did you mean 'addi'?" in str(caught.value)


def test_disassemble_gives_back_what_was_assembled() -> None:
    source = ["li a0, 42", "beqz a0, .+8", "ret", ".word 0xffffffff"]
    code = assemble("\n".join(source)).code
    assert disassemble(code) == source == disassemble(bytearray(code)) == disassemble(memoryview(code))
    assert [disassemble(int.from_bytes(code[i : i + 4], "little")) for i in range(0, 16, 4)] == source
    assert disassemble(code + b"\x01\x02") == [*source, ".byte 0x01, 0x02"] and disassemble(b"") == []
    named = disassemble(code, 0x1000, symbols={0x100C: "end"}, pseudo=False)
    assert named[:2] == ["addi a0, zero, 42", "beq a0, zero, end"]


@pytest.mark.parametrize(
    ("made", "options", "own"),
    [
        (Machine, trapline.vm.machine.Options, {"self"}),
        (Process, trapline.vm.process.process.Options, {"self", "image", "argv"}),
    ],
)
def test_every_constructor_takes_the_same_options(made: type, options: type, own: set[str]) -> None:
    """`Options` types the keywords that `from_file` and its like pass on."""
    parameters = inspect.signature(made.__init__).parameters  # type: ignore[misc]
    assert list(options.__annotations__) == [name for name in parameters if name not in own]
    for name, annotation in options.__annotations__.items():
        expected = parameters[name].annotation
        assert getattr(annotation, "__forward_arg__", annotation) == expected, name
