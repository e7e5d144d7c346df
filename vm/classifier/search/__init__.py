"""Finds witnesses by trying instructions in pseudo-random states on the engine itself."""
