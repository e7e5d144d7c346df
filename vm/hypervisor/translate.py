"""Binary translation: the guest's code runs from translated copies of its pages, made block by block as it gets there.

A translated word lies where the guest's own does within its page, and the shadow table maps the copy, to be executed
only, at the guest's own address. So what is relative to pc stays as it is, one instruction is one step, a jump to a
block that has been translated goes straight there, and no address of the guest is taken. Loads and stores of a page
that is executed find no permission and are emulated on the guest's own page, which has never been changed.
There are copies for each virtual mode: what a word is translated to depends on it
(`vm.codegen.translated_words`).

Where there are compressed instructions a copy has at each parcel the guest's own, UNTRANSLATED or CALL. An instruction
of 32 bits may be entered in the midst of another one, so its second parcel, which may begin one too, is translated with
it, and so on: behind a parcel that ends in the bits 11 and is the guest's own there is always an own one. Those that
call are the ones that `vm.hypervisor.patch` would replace.
Compiled and plain Python run the same text (`vm.codegen.engine_text`); names are those of `vm.hypervisor.shadow`.
"""

from trapline.isa.cause import ILLEGAL
from trapline.isa.compression import LONG, PARCEL_BITS
from trapline.isa.mode import M
from trapline.isa.sv32 import (
    PAGE_OFFSET,
    PAGE_PARCELS,
    PAGE_SHIFT,
    PTE_A,
    PTE_D,
    PTE_PPN_SHIFT,
    PTE_R,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
)
from trapline.vm.core.access_type import FETCH
from trapline.vm.core.code_pages import change_at
from trapline.vm.core.generated import expand_parcel
from trapline.vm.core.ints import I64, U32, U64
from trapline.vm.core.mmu import fetch_offset, refresh
from trapline.vm.core.overlays import PARCEL, parcel_at, put_parcel
from trapline.vm.core.parcels import COMPRESSED, LAST_PARCEL
from trapline.vm.core.status import FOR_THE_HOST, LIMIT
from trapline.vm.core.stops import COPIES, note_copy
from trapline.vm.core.work import COPY, TRANSLATION, WALK, charge
from trapline.vm.hypervisor import trap
from trapline.vm.hypervisor.events import TRANSLATED
from trapline.vm.hypervisor.generated import ends_block, translate_word
from trapline.vm.hypervisor.patch import (
    CODE,
    STATE_WORDS,
    STORE,
    begin_code,
    drop_everywhere,
    state_index,
    state_of_data,
    stored_often,
    unwatch,
)

UNTRANSLATED = 0x2000
"""A parcel of a copy that nothing has reached yet. Like CALL it is no instruction, nor does one begin with it."""
CALL = 0x6000
"""A parcel of a copy that calls the hypervisor, which executes the guest's own instruction there."""


def set_copy(ram32, code, copy, index, parcel):
    """Set a parcel of the copy with this page number."""
    put_parcel(ram32, copy * PAGE_PARCELS + index, parcel)
    change_at(code, copy * PAGE_PARCELS + index)


def copy_word(mode):
    """Which word of a page's state is the page number of its copy for a mode: those of U, S and M follow each other."""
    return 1 + (mode if mode < M else 2)


def copy_of(m, ram32, number, mode):
    """Page number of the copy of a page of RAM for a mode, 0 if there is none."""
    return I64(ram32[U64(state_index(m, number) + copy_word(mode))])


def forget_copies(m, ram32, page, number):
    """Let a page be data again; its copies are not found any more."""
    state_of_data(m, ram32, number, 0)
    for i in range(1, STATE_WORDS):
        ram32[U64(state_index(m, number) + i)] = U32(0)
    unwatch(m, page, number)


def make_copy(m, ram32, code, page, number, mode):
    """The copy of a page for a mode, empty at first; when there is no more room, all of them go."""
    if m.copies >= COPIES:
        m.copies = 0
        m.cache_flushes = m.cache_flushes + 1
        for other in range(m.ram_size >> PAGE_SHIFT):
            if I64(ram32[U64(state_index(m, other))]) & CODE:
                forget_copies(m, ram32, page, other)
        charge(m, m.ram_size >> PAGE_SHIFT)
        drop_everywhere(m)
    charge(m, COPY)
    copy = m.first_copy + m.copies
    m.copies = m.copies + 1
    note_copy(m, code, copy, number)
    for i in range(PAGE_PARCELS):
        set_copy(ram32, code, copy, i, UNTRANSLATED)
    index = state_index(m, number)
    if I64(ram32[U64(index)]) & CODE == 0:
        begin_code(m, ram32, page, number)
    ram32[U64(index + copy_word(mode))] = U32(copy)
    return copy


def entry_for(v, m, ram32, code, page, number, access, paddr, allowed):
    """For executing a page: its copy, X and U."""
    if access != FETCH:
        return trap.entry_for(v, m, ram32, code, page, number, access, paddr, allowed)
    copy = copy_of(m, ram32, number, v.mode)
    if copy == 0:
        copy = make_copy(m, ram32, code, page, number, v.mode)
    return (((m.ram_base >> PAGE_SHIFT) + copy) << PTE_PPN_SHIFT) | PTE_D | PTE_A | PTE_U | PTE_X | PTE_V


def restrict(v, m, ram32, code, page, number, access, allowed, present):
    """What of R, W and U a shadow entry for loads and stores may have. 0: emulate."""
    if access == FETCH:
        return allowed
    state = I64(ram32[U64(state_index(m, number))])
    if present & PTE_V and present & PTE_X:
        return 0
    if state & CODE:
        return allowed & (PTE_U | PTE_R)
    if allowed & PTE_W:
        state_of_data(m, ram32, number, 1)
    return allowed & (PTE_U | PTE_W | PTE_R)


def long_run(ram32, number, index):
    """Where in the page the first parcel from this one on is that does not end in the bits 11; PAGE_PARCELS if none."""
    while index < PAGE_PARCELS and parcel_at(ram32, number * PAGE_PARCELS + index) & LONG == LONG:
        index = index + 1
    return index


def translate_run(v, ram32, code, number, copy, index):
    """Translate parcels from this one on, up to the first that does not end in the bits 11, of a page that may have
    compressed instructions. The answer is how many."""
    end = long_run(ram32, number, index)
    following = I64(0)
    calls = 1
    if end < PAGE_PARCELS:
        following = parcel_at(ram32, number * PAGE_PARCELS + end)
        set_copy(ram32, code, copy, end, following)
        calls = 0
    for i in range(end - index):
        own = parcel_at(ram32, number * PAGE_PARCELS + end - 1 - i)
        word = own | (following << PARCEL_BITS)
        if calls or translate_word(word, v.extensions, v.mode) != word:
            calls = 1
        set_copy(ram32, code, copy, end - 1 - i, CALL if calls else own)
        following = own
    return end - index + 1


def translate_parcels(v, r, ram32, code, number, copy, index):
    """Translate from this parcel of a page to the next jump or the end of the page, and count the instructions.

    The answer is the number of parcels looked at.
    """
    done = 0
    r.block_words = 0
    while index < PAGE_PARCELS:
        own = parcel_at(ram32, number * PAGE_PARCELS + index)
        if parcel_at(ram32, copy * PAGE_PARCELS + index) == UNTRANSLATED:
            done = done + translate_run(v, ram32, code, number, copy, index)
        done = done + 1
        r.block_words = r.block_words + 1
        if own & LONG == LONG:
            if index == LAST_PARCEL:
                break
            word = own | (parcel_at(ram32, number * PAGE_PARCELS + index + 1) << PARCEL_BITS)
            index = index + 2
        else:
            word = expand_parcel(own, v.extensions)
            index = index + 1
        if word == 0 or ends_block(word):
            break
    return done


def translate_words(v, ram32, code, number, copy, index):
    """Translate from this parcel of a page, whose instructions are words, to the next jump, the end of the page or what
    has been translated already; the number of words."""
    done = 0
    while index < PAGE_PARCELS and parcel_at(ram32, copy * PAGE_PARCELS + index) == UNTRANSLATED:
        own = I64(ram32[U64((number * PAGE_PARCELS + index) >> 1)])
        word = translate_word(own, v.extensions, v.mode)
        set_copy(ram32, code, copy, index, word & PARCEL)
        set_copy(ram32, code, copy, index + 1, word >> PARCEL_BITS)
        done = done + 1
        index = index + 2
        if ends_block(own):
            break
    return done


def translate_block(v, m, r, ram32, code, page):
    """Translate from pc to the next jump, the end of the page or what has been translated already.

    0 when there is nothing to do at pc: the guest has changed its tables and not flushed, so its own walk and the
    shadow table lead to different pages. The instruction is emulated then.
    """
    refresh(v)
    offset = fetch_offset(v, m, ram32, code, page, v.pc)
    if offset < 0:
        return 0
    number = offset >> PAGE_SHIFT
    copy = copy_of(m, ram32, number, v.mode)
    if copy == 0:
        return 0
    index = (offset & PAGE_OFFSET) >> 1
    if parcel_at(ram32, offset >> 1) == UNTRANSLATED and v.extensions & COMPRESSED:
        # The guest's own, illegal in itself.
        return 0
    if v.extensions & COMPRESSED:
        done = translate_parcels(v, r, ram32, code, number, copy, index)
    else:
        done = translate_words(v, ram32, code, number, copy, index)
        r.block_words = done
    if done == 0:
        return 0
    charge(m, WALK + TRANSLATION * done)
    r.translated = r.translated + r.block_words
    r.blocks = r.blocks + 1
    return 1


def on_exit(v, h, m, r, ram8, ram32, code, page):
    """Serve a call from a word of a copy that nothing had reached: translate its block."""
    if r.exit_cause == ILLEGAL and r.exit_tval & PARCEL == UNTRANSLATED and translate_block(v, m, r, ram32, code, page):
        r.routine = TRANSLATED
        return LIMIT
    return FOR_THE_HOST


def forget_word(v, m, ram32, code, page, offset):
    """An emulated store has hit this word of a page that is executed."""
    number = offset >> PAGE_SHIFT
    state = I64(ram32[U64(state_index(m, number))])
    if state & CODE == 0:
        return
    if stored_often(state):
        forget_copies(m, ram32, page, number)
        drop_everywhere(m)
        return
    ram32[U64(state_index(m, number))] = U32(state + STORE)
    first = ((offset & PAGE_OFFSET) >> 2) << 1
    start = first
    if v.extensions & COMPRESSED:
        # An instruction in front may have its second parcel there.
        while start > 0 and parcel_at(ram32, number * PAGE_PARCELS + start - 1) & LONG == LONG:
            start = start - 1
    for i in range(1, STATE_WORDS):
        copy = I64(ram32[U64(state_index(m, number) + i)])
        if copy:
            for index in range(start, first + 2):
                set_copy(ram32, code, copy, index, UNTRANSLATED)


def after_stores(v, m, ram32, code, page):
    """An interpreter routine, or a walk for it, has stored to words of watched pages: translate them again."""
    for i in range(m.stored_count):
        forget_word(v, m, ram32, code, page, m.stored[i])
