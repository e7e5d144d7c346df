"""What the translator works with: words at one address, which the engine finds behind the decoded instructions.

`Translator` (`vm.translator.host`) makes them, `vm.translator.pages` uses them in the engine. The first ones are what
translated code itself needs (`vm.translator.layout`).
"""

from trapline.isa.sv32 import PAGE_PARCELS
from trapline.vm.core.records import MAX_HARTS
from trapline.vm.translator.layout import (
    CONTEXT_CODE,
    CONTEXT_HART,
    CONTEXT_MAPS,
    CONTEXT_RAM,
    CONTEXT_TOHOST,
    CONTEXT_WORDS,
)

HART_AT = CONTEXT_HART
RAM_AT = CONTEXT_RAM
CODE_AT = CONTEXT_CODE
MAPS_AT = CONTEXT_MAPS
"""tables of entries, one for each page that is or was translated, PAGE_PARCELS words each"""
TOHOST_AT = CONTEXT_TOHOST
DOOR_AT = CONTEXT_WORDS
"""Word of the context: the address of DOOR. The words that follow:"""
OUT_AT = DOOR_AT + 1
"""that of OUT"""
ARENA_AT = DOOR_AT + 2
"""where the arena can be written"""
CHAIN_AT = DOOR_AT + 3
"""the address of CHAIN"""
ARENA_SIZE = DOOR_AT + 4
ARENA_FIRST = DOOR_AT + 5
"""bytes at its beginning that stay when all translations are dropped"""
ARENA_USED = DOOR_AT + 6
BLOB_AT = DOOR_AT + 7
"""the stencils, and how many bytes they have"""
BLOB_SIZE = DOOR_AT + 8
PLAN_AT = DOOR_AT + 9
PLAN_SIZE = DOOR_AT + 10
ARENA_BASE = DOOR_AT + 11
"""where the arena is executed"""
MAPS_SIZE = DOOR_AT + 12
"""how many tables of entries there may be, and how many are in use"""
MAPS_USED = DOOR_AT + 13
PAGES_AT = DOOR_AT + 14
"""for each table, the number of its page"""
HEAT_AT = DOOR_AT + 15
"""for each page of RAM, see `vm.translator.pages`"""
PAGES = DOOR_AT + 16
"""how many pages of RAM there are"""
LEADERS_AT = DOOR_AT + 17
SCRATCH_AT = DOOR_AT + 18
GAIN_AT = DOOR_AT + 19
"""for each entry, by the lowest bits of its index, what it has brought lately"""
INTERVAL = DOOR_AT + 20
"""steps between two samples"""
ENTERED = DOOR_AT + 21
"""times that machine code was entered, and the steps that it did"""
STEPS = DOOR_AT + 22
STOPPED = DOOR_AT + 23
"""times that it could not do a step"""
EMITTED = DOOR_AT + 24
"""times that a page was translated, and that all were dropped"""
FLUSHES = DOOR_AT + 25
KEPT_AT = DOOR_AT + 26
"""for each table of entries, the decoded instructions of its page, PAGE_PARCELS words, as they were translated"""
REGION_STEPS = DOOR_AT + 27
"""steps that the second tier has done, and how often it was entered; those are counted above, too"""
REGION_ENTERED = DOOR_AT + 28
SAMPLE_AT = DOOR_AT + 29
"""for each hart, by its number, the cycle of the next sample"""
WORDS = SAMPLE_AT + MAX_HARTS

WORD_BYTES = 8
GAINS = 4096
"""A power of two."""
LEADERS = PAGE_PARCELS + 1
