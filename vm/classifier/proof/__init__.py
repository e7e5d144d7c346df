"""Decides the questions for all states with z3, on the engine's own text."""
