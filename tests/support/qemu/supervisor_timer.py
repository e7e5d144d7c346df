"""Snippets about Sstc, for machines that have it.

QEMU follows the wall clock, so a deadline is in the past or far ahead. It looks at one only when it is written, so
stimecmp is written after each change of menvcfgh. A write changes STIP there even where STCE is clear, which the
specification does not let it, so STCE is set. Of several interrupts that are pending it takes the one with the lowest
number, so only that of the timer is enabled.
"""

from random import Random

from support.qemu.systems import Snippet

PAST, AHEAD = 0, 0xFFFFFFFF
STCE = 1 << 31


def _write_deadline(rng: Random) -> list[str]:
    when = rng.choice((PAST, PAST, AHEAD))
    lines = [f"li t4, {when:#x}", "csrw stimecmph, t4", "csrw stimecmp, t4"]
    if rng.random() < 0.3:
        lines.append("csrr a3, stimecmp")
    return lines


def stimecmp(rng: Random) -> Snippet:
    """Accesses from M and S mode, mip and sip, and the interrupt, taken in M or S mode or not."""
    delegated = rng.choice((0, 0x20, 0x222))
    lines = [
        "la s11, 1f", f"li t4, {STCE:#x}", "csrw menvcfgh, t4", "csrr a0, menvcfgh",
        *_write_deadline(rng), f"li t4, {rng.choice((0, 2, 2, 5, 7)):#x}", "csrw mcounteren, t4",
        f"li t4, {delegated:#x}", "csrw mideleg, t4",
    ]  # fmt: skip
    for _ in range(rng.randrange(3)):
        lines += [f"li t4, {rng.choice((0, 0x20, 0x222)):#x}", f"{rng.choice(('csrw', 'csrs', 'csrc'))} mip, t4"]
        lines += [f"csrr {rng.choice(('a1', 'a2'))}, {rng.choice(('mip', 'sip'))}"]
    if rng.random() < 0.5:
        lines += [f"li t4, {rng.choice((0x20, 0x20, 0)):#x}", "csrw mie, t4"]
        lines += [f"csrsi mstatus, {rng.choice((0, 8, 2))}"]
    lines += ["la t4, 2f", "csrw mepc, t4", "li t4, 0x1800", "csrc mstatus, t4", "li t4, 0x800", "csrs mstatus, t4"]
    access = rng.choice(
        ("csrr a1, stimecmp", "csrr a1, stimecmph", "csrw stimecmp, a2", "csrrs a1, stimecmp, a2", "nop")
    )
    lines += [f"li a2, {rng.choice((PAST, AHEAD)):#x}", "mret", f"2: {access}", "csrr a2, sip", "ecall", "1:"]
    # Back to where there is no such timer: the bits of mip must not stay.
    lines += ["la s11, 1f", "csrw mip, zero"]
    lines += ["li t4, -1", "csrw stimecmph, t4", "csrw stimecmp, t4", "csrw menvcfgh, zero"]
    return Snippet("stimecmp", "\n".join([*lines, "csrr a0, mip", "ecall", "1:"]))
