"""A stub for gdb: the remote protocol, over a machine that runs, stops, and goes back."""
