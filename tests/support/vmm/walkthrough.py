"""The tutorial on Warren: its page, and what brings the outputs on it up to date.

`PYTHONPATH=tests python -m support.vmm.walkthrough` rewrites what the page's commands print.
"""

from support.burrow.walkthrough import with_outputs
from support.paths import DOCS

PAGE = DOCS / "tutorials/hypervisor.md"

if __name__ == "__main__":
    PAGE.write_text(with_outputs(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
