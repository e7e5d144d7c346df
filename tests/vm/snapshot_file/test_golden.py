"""Files that were written by this version of the format and by earlier ones: they go on, or are refused with a message.

A test that fails here says that the format has changed. Then VERSION has to change too, and `python -m
support.golden_files`, in tests/, keeps files of the new one.
"""

import json
from pathlib import Path

import pytest

from support.golden_files import DISK, EXPECTED, FOLDER, MAKERS, disk_contents, end_of
from trapline.vm.snapshot_file import chunks, container
from trapline.vm.snapshot_file.container import SnapshotFileError

VERSIONS = [int(path.name[1:]) for path in sorted(FOLDER.iterdir())]


def test_every_version_has_its_files() -> None:
    assert container.VERSION == chunks.VERSION, "recordings carry snapshots: the two change together"
    assert sorted(VERSIONS) == list(range(1, container.VERSION + 1))
    for version in VERSIONS:
        assert {path.name for path in (FOLDER / f"v{version}").iterdir()} == {*MAKERS, EXPECTED}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_it_goes_on_as_then(version: int, name: str, tmp_path: Path) -> None:
    folder = FOLDER / f"v{version}"
    disk = tmp_path / DISK
    disk.write_bytes(disk_contents())
    expected = json.loads((folder / EXPECTED).read_text())[name]
    try:
        found = end_of(folder / name, disk)
    except SnapshotFileError as error:
        assert version < container.VERSION, f"{error}; has the format changed, and VERSION not?"
        assert f"an older trapline wrote it: version {version} of the format" in str(error)
    else:
        assert found == expected


@pytest.mark.parametrize("name", MAKERS)
def test_a_file_of_another_version_says_so(name: str, tmp_path: Path) -> None:
    data = (FOLDER / f"v{container.VERSION}" / name).read_bytes()
    for version, which in ((0, "an older"), (container.VERSION + 1, "a newer")):
        path = tmp_path / name
        path.write_bytes(data[:8] + version.to_bytes(2, "little") + data[10:])
        with pytest.raises(SnapshotFileError, match=f"{which} trapline wrote it: version {version} of the format"):
            end_of(path, tmp_path / DISK)
