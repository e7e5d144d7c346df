"""The records that the engine works on: what a hart and the machine around it are made of.

A record's class is its declaration; `vm.core.hart` lays it out. Compiled code sees a row of a structured array, plain
Python an object with these attributes.
"""

from typing import Protocol

from trapline.isa.hart import HartState, Words

MAX_HARTS = 8
"""Harts of a machine at most: the length of `msip` and `mtimecmp`; a power of two."""


UART_REGISTERS = 8
OUTPUT_BYTES = 1024
"""Bytes that the engine prints before the host must take them: the length of `output`; a power of two."""
DEVICE_RANGES = 32
"""Ranges of addresses in which the engine knows that there is a device."""


class HartRecord(HartState, Protocol):
    """A hart: the state of `isa.hart`, and what the engine keeps beside it."""

    waiting: int  # 1: executed wfi, and no interrupt that mie enables is pending yet; 2: the same through the SBI
    stopped: int  # 1: executes nothing until someone starts it
    idled: int  # steps that passed while it was waiting or stopped and others ran
    code_epoch: int  # `code_epoch` of the machine that the store TLB is good for
    unretired: int  # instructions that trapped instead of retiring: instret = cycle - unretired
    generation: int  # number of times that all translations were dropped; `vm.core.tlb` has what tags know of it
    fetch_context: int  # high half of the tags that are valid now, per access type
    data_context: int
    pmp_entries: int  # 1 + the highest PMP entry that is not off
    data_mode: int  # mode of loads and stores: MPP under MPRV
    fetch_tlb: Words
    load_tlb: Words
    store_tlb: Words
    timer_line: int  # mip bit that its timer raises when due: MTIP, or STIP where firmware passes it on
    trap_counts: Words  # taken traps by cause; interrupts from INTERRUPT_COUNTS on


class MachineRecord(Protocol):
    """The machine: RAM, board, exits to the host; and for a virtual or a real one what the hypervisor keeps."""

    ram_base: int
    ram_size: int
    harts: int
    board: int  # NO_DEVICES, FULL_BOARD or ONLY_DEVICES
    time_base: int  # mtime = time_base + (cycle + idled) // 100
    msip: Words  # software interrupts to M mode, by hart
    mtimecmp_low: Words
    mtimecmp_high: Words
    current: int  # the hart that runs, or ran last
    slice_left: int  # steps until the next hart's turn
    asleep: int  # harts that were found idle since one last ran
    idle_exits: int  # 1: idle time is for the host to pass, 0: it is skipped
    code_epoch: int  # number of times that a page of data became one of code
    technique: int  # BARE, or one of `vm.hypervisor.technique`
    tohost: int  # physical address whose writes stop the run loop, or -1
    host_traps: int  # exception causes that go to the host instead of the guest
    exit_cause: int
    exit_tval: int
    exit_address: int  # of a device access: physical address, bytes, value stored
    exit_width: int
    exit_value: int
    exit_store: int
    exit_decoded: int  # the instruction of the access, as `vm.core.packed` says
    uart: Words  # what a load of each register of the UART answers; negative where the host must serve it
    uart_looks: int  # loads for which it has answered that there is no input, since it last printed
    output: Words  # bytes that were stored to the UART, for the host to print, how many, and how many it may take
    printed: int
    printable: int
    stored_output: int  # 1: some of these bytes were stored to the UART; the others are of calls of the SBI
    console_calls: int  # 1: the engine serves calls of the SBI that print, up to so many bytes in `output`
    call_printable: int
    devices: int  # ranges of physical addresses where devices are, which the host serves, and their bounds
    device_start: Words
    device_end: Words
    fault_address: int  # vaddr of the access that faulted last or that goes to the host
    first_frame: int  # of a real machine under a virtual one: page number of its frames behind the guest's RAM
    next_frame: int  # the first of them that is free, counted from there
    shadow_epoch: int  # number of times that the shadow tables were dropped, as TLB tags know it
    shadow_generation: int  # `generation` of the virtual hart for which the shadow tables were made
    shadow_mxr: int  # its mstatus.MXR
    shadow_satp: int  # its satp when they last followed it
    space: int  # the last of `vm.hypervisor.spaces` in force, and how often one has been taken for a new satp
    next_space: int
    shadow_drops: int
    drop_cycle: int  # `cycle` of the virtual hart when they were dropped last
    real_mleak: int  # of the virtual machine: mleak that its real harts have below the guest, but under `assist`
    traced: int  # 1: stores to the guest's page tables are followed at once (`vm.hypervisor.tracing`)
    notes_stores: int  # 1: stores to watched pages leave their place in the two fields that follow
    stored: Words  # RAM offsets of the words of watched pages that were stored to since that was looked at
    stored_count: int
    notes_walks: int  # 1: so does the page walk when it sets A or D
    trace_epoch: int  # number of times that a traced table changed; of a real machine: that it has followed
    traced_tables: int  # tables that are watched for a real hart
    traced_stores: int  # stores to a traced table that trapped
    fault_paddr: int  # of the page fault that is emulated: the guest's translation; negative: none, or no such fault
    device_fault: int  # 1: the access that DEVICE has the host serve was a page fault, which the host is to count
    last_fault: int  # what the last page fault was (`vm.hypervisor.faults`); NO_FAULT when an event begins
    routine: int  # what has served the last exit (`vm.hypervisor.events`), where no interpreter routine had to
    block_words: int  # instructions of the last block that was translated
    unretired_before: int  # `unretired` of the virtual hart when the event began
    hidden_faults: int  # page faults of the real hart by what they were (`vm.hypervisor.faults`)
    true_faults: int
    mmio_faults: int
    outside_faults: int
    emulated: int  # instructions that an interpreter routine executed
    direct_steps: int  # instructions that the real hart executed
    hypercalls: int
    overlay_table: (
        int  # of the virtual machine: RAM offset of the originals of replaced words (`vm.core.overlays`), or 0
    )
    overlays: int  # entries of it that were ever used
    free_overlay: int  # the first that is free
    page_states: int  # RAM offset of four words for each page of the guest (`vm.hypervisor.patch`), or 0
    first_copy: int  # page number of the first page for translated code, pages in use, times that all were dropped
    copies: int
    cache_flushes: int
    blocks: int  # blocks and words that were translated
    translated: int
    shadow_demand: int  # of the virtual machine: times that all shadow tables had to go; of a real one: as followed
    exits: Words  # traps out of the guest by cause
    calls: Words  # hypercalls by number; the last are those with another
    event_log: int  # of the virtual machine: RAM offset of the ring of `vm.hypervisor.events`, 0 while it is off
    event_count: int  # records in it, and of all times
    event_number: int
    event_stop: int  # number of the event before which the host wants to look, -1 for none; see `must_stop`
    event_cycle: int  # steps of the virtual hart there
    event_halt: int  # number of events after which it does
    event_open: int  # whether the last step of the dispatcher's is the last record: 1, or may become one: 2
    work_budget: int  # work that `run` may do beside steps (`vm.core.work`), what is left, and where accesses pause
    work: int
    work_floor: int
    stop_token: int  # which table of stops it is, for the host
    stops: int  # what the host wants to look at (`vm.core.stops`): a bit for each kind of which there is any
    pass_stops: int  # which kinds of them are passed: what is caught, the next exit alone
    virtual_satp: int  # of a real machine: satp of its virtual hart, 0 in virtual M mode
    watch_vaddr: int  # of the access that AT_WATCHPOINT is about: where, bytes, and whether it reads and writes
    watch_paddr: int
    watch_width: int
    watch_access: int
    catch_exceptions: int  # traps by cause at which the host looks, as bits, and 1: all changes of mode
    catch_interrupts: int
    catch_modes: int
    catch_exits: int  # traps out of a guest by cause, likewise
    caught_cause: int  # mcause of what CAUGHT is about, NO_INTERRUPT for a return, and the mode before
    caught_mode: int
    stop_at_user: int  # 1: `execute` comes back where U mode begins, because something else runs it
