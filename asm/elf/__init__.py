"""ELF32 files: read, and written."""
