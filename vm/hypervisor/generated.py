"""Functions that the hypervisor calls and that are generated from the declarations (`vm.codegen.engine_text`)."""


def copy_supervisor(source, target):
    """The S-level CSRs of one hart become those of another (`vm.codegen.csr_file`)."""
    raise NotImplementedError


def save_csrs(v, ram32, at):
    """The CSRs of a hart into CSR_WORDS words from word `at` on (`vm.codegen.csr_file`)."""
    raise NotImplementedError


def is_sensitive(word, extensions):
    """1 if U mode executes a word and it is sensitive, on a hart with these extensions.

    See `vm.codegen.sensitive_instructions`.
    """
    raise NotImplementedError


def begins_sensitive(parcel, extensions):
    """1 if a parcel is the first one of a word that `is_sensitive`."""
    raise NotImplementedError


def translate_word(word, extensions, mode):
    """What a translated copy for a virtual mode has for a word (`vm.codegen.translated_words`)."""
    raise NotImplementedError


def ends_block(word):
    """1 for an instruction after which control may be elsewhere (`vm.codegen.translated_words`)."""
    raise NotImplementedError
