"""Snippets about debug triggers, for machines that have Sdtrig, QEMU's `debug`.

QEMU 7.2 has two, which match an address and nothing else, so only these two are used, with match 0. It compares the
address with each byte of an access, and with those of the word behind tdata2, so accesses here are aligned words. It
keeps the bits of other settings or drops them and goes on, where ours disable the trigger, so none is asked for. Its
maskmax is 0, so of tdata1 the low bits are compared. Where two are about instructions, each fires at the address of the
other, too, so only one is. docs/decisions/0001-differences-from-qemu-7.2.md names these.
"""

from random import Random

from support.qemu.systems import PROBED, Snippet, probe

TRIGGERS = 2
MODES = {0: 1 << 3, 1: 1 << 4, 3: 1 << 6}


def _disarm() -> list[str]:
    return [line for i in range(TRIGGERS) for line in (f"csrwi tselect, {i}", "csrw tdata1, zero", "csrw tdata2, zero")]


def _set(number: int, address: str, control: int) -> list[str]:
    return [
        f"csrwi tselect, {number}", address, "csrw tdata2, t4", f"li t4, {2 << 28 | control:#x}", "csrw tdata1, t4",
    ]  # fmt: skip


def triggers(rng: Random) -> Snippet:
    """One or two of them, on a word or on a stub's first instruction, in some modes; then accesses in each mode."""
    lines = [*_disarm(), "la s11, 1f"]
    words = [PROBED + 4 * n for n in (0, 1, 2, 1023, 1024)]
    for number in range(rng.choice((1, 2, 2))):
        modes = sum(bit for bit in MODES.values() if rng.random() < 0.6)
        if number == 0 and rng.random() < 0.4:
            lines += _set(number, f"la t4, stub_{rng.choice(('lw', 'sw', 'lr'))}", modes | 4)
        else:
            lines += _set(number, f"li t4, {rng.choice(words[:3]):#x}", modes | rng.choice((1, 2, 3)))
        lines += [f"csrr a{number}, tdata1", f"andi a{number}, a{number}, 0x7df", f"csrr a{number + 2}, tdata2"]
    lines += ["csrr t0, tselect", "ecall", "1:"]
    delegated = rng.choice((0, 0, 8))
    lines += [f"li t4, {delegated}", "csrw medeleg, t4"]
    for mode in rng.sample(sorted(MODES), 3):
        for access in rng.sample(("lw", "sw", "lr"), 2):
            lines += probe(access, rng.choice(words), mode << 11)
    return Snippet("triggers", "\n".join([*lines, *_disarm()]))


def numbers(rng: Random) -> Snippet:
    """Which triggers there are, of which type, and registers that are not there."""
    lines = ["la s11, 1f", f"li t4, {rng.choice((0, 1)):#x}", "csrw tselect, t4", "csrr a0, tselect"]
    lines += ["csrr a1, tdata1", "srli a1, a1, 28", f"li t4, {rng.getrandbits(32):#x}", "csrw tdata2, t4"]
    lines += ["csrr a2, tdata2", "csrw tdata2, zero", "ecall", "1:"]
    return Snippet("numbers of triggers", "\n".join(lines))
