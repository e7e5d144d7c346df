"""The plain engine is kept: a later process makes no text for it, and never takes another's or a damaged one."""

import marshal
from pathlib import Path
from types import CodeType

import pytest

from support.isa.plugins import plugin, value
from trapline.isa import CSR_BY_NAME
from trapline.isa.plugin.load import loaded
from trapline.vm.codegen import plain
from trapline.vm.codegen.cache import file_name
from trapline.vm.core.hart import HartView, new_harts

pytestmark = pytest.mark.once


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[CodeType]:
    """What was compiled, for a cache folder of its own, `tmp_path / "cache"`."""
    found: list[CodeType] = []
    compiled = plain._compiled

    def noting() -> CodeType:
        found.append(compiled())
        return found[-1]

    monkeypatch.setattr(plain, "_compiled", noting)
    monkeypatch.setenv("TRAPLINE_CACHE_DIR", str(tmp_path / "cache"))
    return found


def test_made_once(made: list[CodeType], tmp_path: Path) -> None:
    assert plain._code() is made[0]
    again = plain._code()
    assert len(made) == 1 and again is not made[0] and marshal.dumps(again) == marshal.dumps(made[0])
    (kept,) = (tmp_path / "cache").iterdir()
    assert plain.warm() == (kept, False)
    kept.unlink()
    assert plain.warm() == (kept, True) and len(made) == 2
    names: dict = {}
    exec(plain._code(), names)
    hart = HartView(new_harts(1, 0, 0))
    names["csr_write"](hart, CSR_BY_NAME["mscratch"].address, 7)
    assert names["csr_read"](hart, CSR_BY_NAME["mscratch"].address) == 7


@pytest.mark.parametrize("damage", ["cut", "flipped", "of another version"])
def test_a_damaged_file_is_made_again(
    made: list[CodeType], tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain._code()
    (kept,) = (tmp_path / "cache").iterdir()
    content = bytearray(kept.read_bytes())
    if damage == "cut":
        del content[-1]
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
    else:
        monkeypatch.setattr(plain, "source_key", lambda: "another")
    (tmp_path / "cache" / file_name(plain.KIND, plain.source_key(), portable=True)).write_bytes(content)
    assert plain._code() is made[-1] and len(made) == 2
    plain._code()
    assert len(made) == 2, "what was damaged is replaced"


def test_with_a_plugin_it_is_made_each_time(made: list[CodeType], tmp_path: Path) -> None:
    with loaded(plugin(tmp_path, value("return u32(rs1 + 0x1234567)"))):
        assert "run" in plain.python_module()
        assert any(b"\x67\x45\x23\x01" in marshal.dumps(code) for code in made)
    assert not (tmp_path / "cache").exists()
