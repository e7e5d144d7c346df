"""Functions that compiled code calls and that others provide: bodies are spliced in by `vm.codegen.engine_text`.

The decoder and the CSR file are generated from the declarations; `dispatch` is of a layer above.
"""

from trapline.vm.core.counters import FOREVER


def decode_word(word, extensions):
    """The packed form of an instruction for a hart with these extensions (`vm.codegen.decoder`).

    word: with c among them, a compressed instruction may be in its lower half.
    """
    raise NotImplementedError


def decode_long(word, extensions):
    """The same of a word that is one instruction."""
    raise NotImplementedError


def expand_parcel(parcel, extensions):
    """The word that a compressed instruction stands for, 0 if there is none on a hart with these extensions."""
    raise NotImplementedError


def short_form(decoded):
    """What `decode_long` has answered, of a compressed instruction that stands for it."""
    raise NotImplementedError


def value_apart(d, rs1, rs2, pc):
    """What a decoded instruction without an arm writes to rd (`vm.core.op_numbers`, `vm.codegen.values_apart`)."""
    raise NotImplementedError


def steps_to_sample(h, code):
    """Steps after which `execute` is to say where the hart is (`vm.translator.pages`); without a translator, never."""
    return FOREVER


def sample(h, m, ram16, code, page, cycle):
    """Note, or translate, what the hart executes; answers the steps to the next time (`vm.translator.pages`)."""
    raise NotImplementedError


def enter_translated(h, code, ip, d, left):
    """Execute at most `left` steps of the machine code of entry `ip`, `d`; answers what is left. `h.pc` goes on."""
    raise NotImplementedError


def csr_read(h, address):
    """The value of a CSR, -1 if there is none or its guard refuses (`vm.codegen.csr_file`)."""
    raise NotImplementedError


def csr_write(h, address, value):
    """Obey a write that `csr_access` has allowed (`vm.codegen.csr_file`): NEXT, or RESLICE where it may retime."""
    raise NotImplementedError


def csr_is_inert(address):
    """1 for a CSR that nothing looks at but traps, returns and CSR instructions (`vm.codegen.csr_file`)."""
    raise NotImplementedError


def csr_held(h, address, old):
    """The bits that CSRRS and CSRRC change, of a CSR that reads as `old` (`vm.codegen.csr_file`)."""
    raise NotImplementedError


def dispatch(v, h, m, r, ram8, ram16, ram32, code, page, limit):
    """Let a virtual hart do `limit` steps (`vm.hypervisor.dispatcher`); the answers are those of `execute`."""
    raise NotImplementedError
