"""Changes of the engine's text that no guest can notice, each with the reason: they cost or save work."""

from support.mutants.engine import Change, in_function

EQUIVALENT: dict[str, tuple[Change, str]] = {
    "the store TLBs keep what becomes a table": (
        in_function("watch_table", "m.code_epoch = m.code_epoch + 1\n", "pass\n"),
        "A page becomes a table when satp or the root changes, and both drop all translations of the virtual hart.",
    ),
    "what was a table stays watched": (
        in_function("trace_tables", "page[U64(number)] = page[U64(number)] & DECODED", "pass"),
        "Stores there only take the slow path.",
    ),
    "what was code stays watched": (
        in_function("make_data", "unwatch(m, page, number)", "pass"),
        "Stores there only take the slow path.",
    ),
    "the real hart keeps its root when frames run out": (
        in_function("lower_table", "follow_virtual(v, h, m, r, ram32, page)", "pass"),
        "It follows before it executes again.",
    ),
    "shadow tables stay until the fill is done": (
        in_function("fill_shadow", "follow_virtual(v, h, m, r, ram32, page)", "pass"),
        "They are dropped before the real hart executes again, and the entry is filled once more.",
    ),
    "MXR drops the shadow tables of a real S mode": (
        in_function("shadowed_mxr", "0 if has_real_supervisor(m) else v.mstatus & MXR", "v.mstatus & MXR"),
        "What is dropped is filled again.",
    ),
    "a block is asked for at every illegal word": (
        in_function("translate_on_exit", "r.exit_tval & PARCEL == UNTRANSLATED and ", ""),
        "The word at pc has been translated, so nothing is, and the instruction is emulated.",
    ),
    "a block is translated to its end": (
        in_function("translate_words", " and parcel_at(ram32, copy * PAGE_PARCELS + index) == UNTRANSLATED", ""),
        "What has been translated becomes what it was: a store to the word would have undone it.",
    ),
    "PMP that divides a page is asked what it allows": (
        in_function("fill_shadow", "cfg == PARTIAL or ", ""),
        "That allows nothing.",
    ),
    "MPRV counts in all modes": (
        in_function("refresh", "if mode == M and h.mstatus & MPRV", "if h.mstatus & MPRV"),
        "A return to a lower mode clears it, and only M mode can set it.",
    ),
    "a load takes the place of the copy that is executed": (
        in_function("translate_restrict", "if present & PTE_V and present & PTE_X:", "if False:"),
        "The fetch TLB still has the copy, and where it has not, the entry is made again.",
    ),
    "the patcher looks with the mode before an interrupt": (
        in_function("patch_interpret", "refresh(v)", "pass"),
        "The place of the TLB that it fills wrongly is filled anew before it is used.",
    ),
}
