"""Observes a run: exit log, traces, explanations, reports."""
