"""ELF32 files: their format, and a reader that checks every offset against the file."""
