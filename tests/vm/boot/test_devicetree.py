"""The device tree: well formed, understood by dtc without a warning, and true."""

import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.gnu import run_tool
from trapline.isa.isa_string import parse_isa
from trapline.vm.boot.devicetree import Chosen, device_tree, isa_string
from trapline.vm.boot.flat_tree import Node, encode, flatten
from trapline.vm.machine import Machine

pytestmark = pytest.mark.once

ISA = parse_isa("rv32ima")


def tree(**changes) -> bytes:
    return device_tree(**{"isa": ISA, "harts": 1, "ram_base": 0x80000000, "memory": 128 << 20, **changes})


def source(tool, data: bytes) -> str:
    """The source that dtc makes of it, without a warning."""
    command = [tool("dtc"), "-I", "dtb", "-O", "dts", "-"]
    result = subprocess.run(command, input=data, capture_output=True, timeout=120, check=False)
    assert (result.returncode, result.stderr) == (0, b""), result.stderr.decode()
    return result.stdout.decode()


@pytest.mark.parametrize("changes", [
    {}, {"harts": 8}, {"isa": parse_isa("rv32ima_xleak_svade_sstc")}, {"memory": 4096}, {"memory": 2 << 30},
    {"chosen": Chosen("console=hvc0", (0x84000000, 0x84000123))}, {"chosen": Chosen("")},
])  # fmt: skip
def test_dtc_reads_it_without_a_warning(tool, changes):
    source(tool, tree(**changes))


def test_what_a_kernel_needs_is_there(tool):
    chosen = Chosen("console=ttyS0 root=/dev/vda", (0x81000000, 0x81000400))
    text = source(tool, tree(harts=2, memory=64 << 20, chosen=chosen))
    for part in (
        "memory@80000000", "reg = <0x00 0x80000000 0x00 0x4000000>", 'device_type = "memory"',
        "timebase-frequency = <0x989680>", 'riscv,isa = "rv32ima_zicsr_zifencei"', 'mmu-type = "riscv,sv32"',
        'bootargs = "console=ttyS0 root=/dev/vda"', 'stdout-path = "/soc/serial@10000000"',
        "linux,initrd-start = <0x81000000>", "linux,initrd-end = <0x81000400>",
        'compatible = "ns16550a"', "interrupts = <0x0a>", "clock-frequency = ", "cpu@1",
        "plic@c000000", "clint@2000000",
        'compatible = "syscon-poweroff"', 'compatible = "syscon-reboot"', "value = <0x5555>", "value = <0x7777>",
        'compatible = "sifive,test1\\0sifive,test0\\0syscon"',
    ):  # fmt: skip
        assert part in text, part
    assert text.count('compatible = "virtio,mmio"') == 8
    # M- and S-mode lines of both harts at the PLIC, in the order of its contexts.
    assert "interrupts-extended = <0x11 0x0b 0x11 0x09 0x13 0x0b 0x13 0x09>" in text
    assert "interrupts-extended = <0x11 0x03 0x11 0x07 0x13 0x03 0x13 0x07>" in text


def test_options_for_a_kernel_need_a_kernel(tool):
    text = source(tool, tree())
    assert "bootargs" not in text and "initrd" not in text and "cpu@1" not in text


def test_every_device_in_it_answers_and_no_other():
    """Each register block in the tree is a device of the board, and each device of the board is in the tree."""
    data = tree()
    machine = Machine(memory=1 << 20, engine="python")
    listed = {0xC000000, 0x10000000, 0x100000, *(0x10001000 + n * 0x1000 for n in range(8))}
    assert {base for base, _, _ in machine.board.bus.ranges} == listed
    for base in (*listed, 0x2000000):
        assert struct.pack(">2I", 0, base) in data


@pytest.mark.parametrize("name", ["rv32ima", "rv32ima_xpopf", "rv32ima_xleak", "rv32imac_zicbom_zicond_zba_zbb_zbs"])
def test_the_isa_string_is_one_that_we_read(name):
    assert parse_isa(isa_string(parse_isa(name))) == parse_isa(name)


def test_the_isa_string_is_spelled_as_by_qemu(tool, tmp_path):
    """Of a hart with the same extensions, whatever order they were asked for in."""
    blob = tmp_path / "qemu.dtb"
    extensions = "Zihintpause=true,zba=true,zbb=true,zbs=true,c=false,f=false,d=false,h=false,sstc=false,zbc=false"
    options = ["-M", f"virt,dumpdtb={blob}", "-cpu", f"rv32,{extensions}", "-bios", "none", "-nographic"]
    run_tool(tool("qemu-system-riscv32"), *options)
    ours = tree(isa=parse_isa("rv32ima_zbs_zbb_zba_zihintpause"))
    assert b"rv32ima_zicsr_zifencei_zihintpause_zba_zbb_zbs\0" in ours
    assert b"rv32ima_zicsr_zifencei_zihintpause_zba_zbb_zbs\0" in blob.read_bytes()


def test_a_tree_with_cache_blocks_gives_their_size():
    assert b"riscv,cbom-block-size\0" not in tree()
    assert b"riscv,cbom-block-size\0" in tree(isa=parse_isa("rv32ima_zicbom"))


def test_values():
    assert encode(None) == b""
    assert encode(1) == b"\0\0\0\1"
    assert encode((1, 0xFFFFFFFF)) == b"\0\0\0\1\xff\xff\xff\xff"
    assert encode("a") == b"a\0"
    assert encode(("a", "bc")) == b"a\0bc\0"
    assert encode(b"raw") == b"raw"


NAMES = st.text("abcdefghijklmnop", min_size=1, max_size=8)
VALUES = st.one_of(st.none(), st.integers(0, 2**32 - 1), st.text("xyz ", max_size=9), st.binary(max_size=9))


PROPERTIES = st.dictionaries(NAMES, VALUES, max_size=4)
SHAPES = st.recursive(
    st.tuples(NAMES, PROPERTIES, st.just([])),
    lambda inner: st.tuples(NAMES, PROPERTIES, st.lists(inner, max_size=3)),
    max_leaves=8,
)


@given(SHAPES)
def test_flattened_trees_are_read_back(shape):
    assert unflatten(flatten(built(shape))) == flat(shape)


def built(shape) -> Node:
    name, properties, children = shape
    node = Node(name)
    node.properties |= properties
    for child in children:
        node.add(built(child))
    return node


def flat(shape):
    name, properties, children = shape
    return name, {key: encode(value) for key, value in properties.items()}, [flat(child) for child in children]


def unflatten(data: bytes):
    """A reader written from the Devicetree Specification 0.4, chapter 5, by itself."""
    header = struct.unpack_from(">10I", data)
    magic, total, structure, strings, reserved, version, oldest, _boot, strings_size, size = header
    assert (magic, total, version, oldest) == (0xD00DFEED, len(data), 17, 16)
    assert structure % 4 == 0 and reserved % 8 == 0 and data[reserved : reserved + 16] == bytes(16)
    assert structure + size <= strings and strings + strings_size == total
    position = structure

    def token() -> int:
        nonlocal position
        position += 4
        return int.from_bytes(data[position - 4 : position], "big")

    def string(at: int) -> str:
        return data[at : data.index(b"\0", at)].decode()

    def node():
        nonlocal position
        name, properties, children = string(position), {}, []
        position += (len(name) + 4) // 4 * 4
        while (kind := token()) != 2:
            if kind == 1:
                children.append(node())
            else:
                assert kind == 3
                length, key = token(), token()
                properties[string(strings + key)] = data[position : position + length]
                position += (length + 3) // 4 * 4
        return name, properties, children

    assert token() == 1
    root = node()
    assert token() == 9 and position == structure + size
    return root
