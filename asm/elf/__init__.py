"""ELF32 files: their format, and a reader that believes no offset before it has compared it with the file."""
