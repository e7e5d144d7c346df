"""From a mnemonic and its operands to machine words."""
