"""A guest kernel as an image: words by address, where harts start, how long it runs; kept as JSON in the corpus."""

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

from trapline.asm.disassembler.instruction import disassemble

RAM = 0x80000000
WORDS_ONLY, MIXED = "rv32ima_xleak", "rv32imac_xleak"
"""ISAs of kernels: with words only, and with compressed instructions among them."""
EXTENSIONS = "_sstc_svade_svadu_sdtrig"
"""What follows either for a kernel that has a timer of S mode's and triggers, and chooses whether walks set A and D."""
ARENA = 0x10000
"""Bytes of RAM that belong to one hart."""

HOLES = {"interpret": 2, "hybrid": 1, "assist": 2, "patch": 2, "translate": 2}
"""Techniques that are exact with holes in the instruction set: 1, with those that see the same in real U mode (popf,
rdmode and jrst); 2, with all of them. All others are exact without any."""
REFUSED = 3
"""Holes that virtual U mode executes while mleak refuses them: every technique is exact."""


@dataclass
class Kernel:
    """An image for a machine of `harts` arenas of RAM, whose harts are `isa`.

    words: by address, runs of 32-bit words; starts: pc of each hart; holes: see `HOLES`; slices: steps after which
    the states are compared, one run after the other.
    """

    words: dict[int, list[int]]
    starts: list[int]
    holes: int = 0
    slices: list[int] = field(default_factory=lambda: [100, 500])
    isa: str = WORDS_ONLY

    @property
    def harts(self) -> int:
        """How many harts the machine has."""
        return len(self.starts)

    @property
    def ram(self) -> bytes:
        """The content of RAM."""
        ram = bytearray(self.harts * ARENA)
        for address, words in self.words.items():
            struct.pack_into(f"<{len(words)}I", ram, address - RAM, *words)
        return bytes(ram)

    def under(self, technique: str) -> bool:
        """Whether the technique is exact for this kernel."""
        return self.holes == REFUSED or HOLES.get(technique, 0) >= self.holes

    def save(self, path: Path, title: str, mutant: str = "") -> None:
        """Write it, with its scripts disassembled for people, as a file of the corpus.

        mutant: that of `support.mutants.hypervisor` with which it was found.
        """
        listing = [
            f"{start + 4 * i:x} {disassemble(w, start + 4 * i)}"
            for start in self.starts
            for i, w in enumerate(self.words.get(start, ()))
        ]
        data = {
            "title": title, "mutant": mutant, "holes": self.holes, "slices": self.slices, "isa": self.isa,
            "starts": [hex(s) for s in self.starts],
            "words": {hex(a): " ".join(f"{w:08x}" for w in words) for a, words in self.words.items()},
            "listing": listing,
        }  # fmt: skip
        path.write_text(json.dumps(data, indent=1) + "\n")


def load(path: Path) -> tuple[Kernel, str]:
    """Read a file of the corpus: the kernel, and the name of the mutant that it was found with."""
    data = json.loads(path.read_text())
    words = {int(a, 16): [int(w, 16) for w in ws.split()] for a, ws in data["words"].items()}
    return Kernel(
        words, [int(s, 16) for s in data["starts"]], data["holes"], data["slices"], data.get("isa", WORDS_ONLY)
    ), data["mutant"]
