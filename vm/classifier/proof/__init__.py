"""Decides the questions for all states with z3, over the engine's own text."""
