"""Stops of a machine: the records of a debugger, and their table in the engine."""
