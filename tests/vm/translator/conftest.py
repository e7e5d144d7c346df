"""Tests that are made of both tiers: `pytestmark = pytest.mark.usefixtures("tier")`."""

import pytest

from support.translator.translated import Translated


@pytest.fixture(params=[1, 2], ids=["stencils", "region"])
def tier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Which tier executes what `Translated.translate` has translated."""
    monkeypatch.setattr(Translated, "second_tier", request.param == 2)
    return int(request.param)
