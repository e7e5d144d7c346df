"""The questions that are asked about each instruction, and the states and memory that they are about."""
