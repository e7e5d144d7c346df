"""The second tier: LLVM makes one function of what has run millions of times."""
