"""The engine as LLVM IR: its text, and the two functions that the host calls."""

from trapline.isa.sv32 import PAGE
from trapline.vm.codegen.engine_text import MEMORY, plain_text
from trapline.vm.codegen.ir_module import EngineModule
from trapline.vm.core.access import amo_offset, atomic_offset, load_slow, store_slow
from trapline.vm.core.code_pages import CODE_ENTRIES, follow_code
from trapline.vm.core.event_log import RING_WORDS
from trapline.vm.core.execute import execute
from trapline.vm.core.generated import sample, value_apart
from trapline.vm.core.mmu import fetch_offset, fetch_rest
from trapline.vm.core.parcels import encoding_at
from trapline.vm.core.stops import TABLE_WORDS, decode_at, look_at_place

SELDOM = (
    load_slow, store_slow, amo_offset, atomic_offset, fetch_offset, fetch_rest, decode_at, encoding_at, look_at_place,
    follow_code, sample, value_apart,
)  # fmt: skip
"""What `execute` calls seldom from where it is most of the time. Without a word about it, each of these calls takes
registers from the instructions around it: fib, sieve, matmul and sha256 took 1.1 to 1.7 times as long."""

_NAMES = "\n    ".join(f"{name} = memory[{i}]" for i, name in enumerate(MEMORY))
_ENTRIES = f"""
def run_entry(address, budget):
    memory = words_at(address, {len(MEMORY)})
    {_NAMES}
    return run(
        harts_at(harts, harts_there), machines_at(machine, machines), bytes_at(ram, pages * {PAGE}),
        halfwords_at(ram, pages * {PAGE // 2}), words32_at(ram, pages * {PAGE // 4}),
        words_at(code, pages * {CODE_ENTRIES} + BEHIND_CODE), bytes_at(page, pages), count, budget,
    )

def drop_code_entry(address, first, number):
    memory = words_at(address, {len(MEMORY)})
    {_NAMES}
    drop_code(words_at(code, pages * {CODE_ENTRIES}), bytes_at(page, pages), first, number)
"""


def _module(stops: bool) -> str:
    behind = RING_WORDS + TABLE_WORDS if stops else TABLE_WORDS
    text = plain_text(stops) + _ENTRIES.replace("BEHIND_CODE", str(behind))
    module = EngineModule(text, {execute.__name__: {function.__name__ for function in SELDOM}})
    return module.text({"run_entry": 2, "drop_code_entry": 3})


def unstopped_ir() -> str:
    """The engine for machines without stops and without a log of events. Raises UnknownConstructError."""
    return _module(stops=False)


def stopping_ir() -> str:
    """The one with them. Raises UnknownConstructError."""
    return _module(stops=True)
