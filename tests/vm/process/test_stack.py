"""What a new process finds on its stack."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.process.processes import TEXT, build, run, run_qemu, tiny_image
from trapline.vm.loader.image import LoadError
from trapline.vm.process import Process
from trapline.vm.process.stack import initial_stack

TOP = 0x8000000
words = st.lists(st.binary(max_size=40).filter(lambda data: b"\0" not in data), max_size=12)


def parse(sp: int, data: bytes):
    """(arguments, environment, auxiliary vector) as a C library reads them."""
    memory = lambda address: data[address - sp :]  # noqa: E731
    word = lambda address: struct.unpack_from("<I", memory(address))[0]  # noqa: E731
    string = lambda address: memory(address).split(b"\0")[0]  # noqa: E731
    count, at = word(sp), sp + 4
    arguments = [string(word(at + 4 * i)) for i in range(count)]
    at += 4 * count
    assert word(at) == 0
    at += 4
    environment = []
    while word(at):
        environment.append(string(word(at)))
        at += 4
    at += 4
    vector = {}
    while word(at):
        vector[word(at)] = word(at + 4)
        at += 8
    return arguments, environment, vector, string, memory


@given(words, words)
def test_layout(arguments, environment):
    random = bytes(range(1, 17))
    sp, data = initial_stack(tiny_image(), arguments, environment, random, TOP, 1 << 16)
    assert sp % 16 == 0
    assert sp + len(data) == TOP
    found_arguments, found_environment, vector, string, memory = parse(sp, data)
    assert found_arguments == arguments
    assert found_environment == environment
    assert vector[6] == 4096 and vector[9] == TEXT and vector[23] == 0
    assert memory(vector[25])[:16] == random
    assert string(vector[31]) == (arguments[0] if arguments else b"")
    assert 3 not in vector, "no program headers in this image"


def test_mapping_and_text():
    sp, data = initial_stack(tiny_image(), ["prog", "ä"], {"A": "1", "B": ""}, bytes(16), TOP, 1 << 16)
    assert parse(sp, data)[:2] == ([b"prog", "ä".encode()], [b"A=1", b"B="])


def test_too_much_and_nul():
    with pytest.raises(LoadError, match="bytes of stack; at most"):
        initial_stack(tiny_image(), [b"x" * 70000], [], bytes(16), TOP, 1 << 16)
    with pytest.raises(LoadError, match="NUL"):
        initial_stack(tiny_image(), ["a\0b"], [], bytes(16), TOP, 1 << 16)
    with pytest.raises(LoadError, match="bytes of stack; at most"):
        Process(tiny_image(), [b"x" * (4 << 20)])


PRINT_ALL = r"""
typedef unsigned u;
static u call(u n, u a, u b, u c) {
    register u a0 asm("a0") = a, a1 asm("a1") = b, a2 asm("a2") = c, a7 asm("a7") = n;
    asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}
static void put(const char *s) { u n = 0; while (s[n]) n++; call(64, 1, (u)s, n); call(64, 1, (u)"\n", 1); }
static u same(const char *a, const char *b) { while (*a && *a == *b) a++, b++; return *a == *b; }
void start(u *sp, u a0) {
    u argc = sp[0];
    put(a0 ? "a0 is not 0" : "a0 is 0");
    put((u)sp % 16 ? "misaligned" : "aligned");
    for (u i = 0; i < argc; i++) put((const char *)sp[1 + i]);
    u *p = sp + 2 + argc;
    for (; *p; p++) put((const char *)*p);
    for (p++; *p; p += 2) {
        if (p[0] == 6 && p[1] == 4096) put("page size");
        if (p[0] == 4 && p[1] == 32) put("phent");
        if (p[0] == 3) put(*(u *)(p[1] - 52) == 0x464c457f ? "phdr" : "no phdr");
        if (p[0] == 25) put("random");
        if (p[0] == 31) put(same((char *)p[1], (char *)sp[1]) ? "execfn" : "other execfn");
    }
    call(93, argc, 0, 0);
}
asm(".globl _start\n_start: mv a1, a0\n mv a0, sp\n j start");
"""


def test_a_program_sees_what_it_sees_under_qemu(tool, tmp_path):
    path = build(tool, tmp_path, PRINT_ALL)
    arguments, environment = [str(path), "one", "", "three words here"], {"HOME": "/nowhere", "EMPTY": ""}
    ours, theirs = run(path, arguments, environment), run_qemu(tool, path, arguments, environment)
    assert ours.status == theirs.status == 4
    lines, expected = ours.stdout.decode().splitlines(), theirs.stdout.decode().splitlines()
    assert lines[:6] == expected[:6]
    assert sorted(lines[6:8]) == sorted(expected[6:8])  # the environment, which QEMU keeps in reverse
    assert sorted(lines[8:]) == sorted(expected[8:])


def test_nothing_of_the_hosts_environment_leaks(tool, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "token")
    outcome = run(build(tool, tmp_path, PRINT_ALL))
    assert b"SECRET" not in outcome.stdout
