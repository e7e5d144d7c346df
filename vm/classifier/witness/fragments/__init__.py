"""Fragments of a witness program, one assembly file each: how it prints, enters a state and observes what is left.

A fragment has placeholders in capitals between `@`s, which `vm.classifier.witness.program` fills in. A placeholder
alone on its line stands for any number of lines.
"""

from pathlib import Path


def fragment(name: str, **values: object) -> str:
    """The text of NAME.s with its placeholders replaced."""
    text = (Path(__file__).parent / f"{name}.s").read_text(encoding="utf-8")
    for placeholder, value in values.items():
        text = text.replace(f"\n@{placeholder}@\n", f"\n{value}").replace(f"@{placeholder}@", str(value))
    return text
