"""Regions of everything at once: what the second tier does after millions of steps, it does after the first."""

from typing import Any

import pytest

from trapline.vm.engine import TRANSLATE
from trapline.vm.translator.host import regions
from trapline.vm.translator.host.region_worker import Job
from trapline.vm.translator.host.regions import Policy

NEVER = 1 << 60
FEW = 5
"""Steps between two looks at where a hart is; less than two would leave nothing to be done at once."""


def at_once(job: Job) -> bool:
    """Compile a region while the guest waits, and keep it nowhere."""
    job.compile()
    return True


AT_ONCE = Policy(NEVER, 1, NEVER, NEVER, True, at_once)
"""A region of all that a page has, after each slice."""
LATE = Policy(NEVER, NEVER)
"""No regions."""


def force(monkeypatch: pytest.MonkeyPatch, **policy: Any) -> None:
    """Translate each page that was found twice, looking at every few steps, and make a region of all that it has after
    each slice. policy: what is to be otherwise.
    """
    monkeypatch.setenv(TRANSLATE, str(FEW))
    monkeypatch.setattr(regions, "POLICY", AT_ONCE._replace(**policy))
