"""Functions that compiled code calls and that others provide: bodies are spliced in by `vm.codegen.engine_text`.

The decoder and the CSR file are generated from the declarations; `dispatch` is of a layer above.
"""


def decode_word(word, extensions):
    """The packed form of an instruction for a hart with these extensions (`vm.codegen.decoder`)."""
    raise NotImplementedError


def csr_read(h, address):
    """The value of a CSR, -1 if there is none or its guard refuses (`vm.codegen.csr_file`)."""
    raise NotImplementedError


def csr_write(h, address, value):
    """Obey a write that `csr_access` has allowed (`vm.codegen.csr_file`): NEXT, or RESLICE where it may retime."""
    raise NotImplementedError


def csr_held(h, address, old):
    """The bits that CSRRS and CSRRC change, of a CSR that reads as `old` (`vm.codegen.csr_file`)."""
    raise NotImplementedError


def dispatch(v, h, m, r, ram8, ram16, ram32, code, page, limit):
    """Let a virtual hart do `limit` steps (`vm.hypervisor.dispatcher`); the answers are those of `execute`."""
    raise NotImplementedError
