"""Finds witnesses by trying instructions on the engine in pseudo-random states, and shrinks them."""
