"""The host's side of the translator: the memory that it works with, and where stencils are kept."""
