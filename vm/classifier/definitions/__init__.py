"""The questions about each instruction, the rows they are asked of, and the states and memory they refer to."""
