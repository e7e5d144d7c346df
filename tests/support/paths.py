"""The folders of the checkout that tests read, each named once."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PROGRAMS = ROOT / "programs"
BURROW = PROGRAMS / "kernels/burrow"
WARREN = PROGRAMS / "hypervisors/warren"
TESTS = ROOT / "tests"
CORPUS = TESTS / "corpus"
"""Random tests' finds, each kept as a regression test."""
BOOT_KERNELS = TESTS / "vm/boot/kernels"
"""Kernels that only tests boot, in C and assembly."""
