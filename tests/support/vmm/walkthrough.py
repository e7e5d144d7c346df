"""The tutorial on Warren and its exercises: the pages, and what brings the outputs on them up to date.

`PYTHONPATH=tests python -m support.vmm.walkthrough` rewrites what their commands print.
"""

import shutil
from pathlib import Path

from support.burrow.walkthrough import with_outputs
from support.paths import DOCS, PROGRAMS, TESTS

PAGE = DOCS / "tutorials/hypervisor.md"
EXERCISES = DOCS / "tutorials/vmm-exercises.md"


def like_a_checkout(folder: Path) -> None:
    """Copy what the exercises change and use."""
    shutil.copytree(PROGRAMS, folder / "programs", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("solutions", "guests"):
        within = Path("programs/hypervisors") / name
        shutil.copytree(TESTS / within, folder / "tests" / within)


def main() -> None:
    """Bring both pages up to date."""
    PAGE.write_text(with_outputs(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    EXERCISES.write_text(with_outputs(EXERCISES.read_text(encoding="utf-8"), like_a_checkout), encoding="utf-8")


if __name__ == "__main__":
    main()
