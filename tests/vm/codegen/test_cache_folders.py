"""Folders of compiled code: which are read and written, and whose files are loaded.

Permissions are simulated, because the tests may run as root, who may do everything.
"""

import os
import stat
from pathlib import Path

import pytest

from trapline.vm.codegen import cache, cache_folders
from trapline.vm.codegen.cache import find, store
from trapline.vm.codegen.cache_folders import folder_of_sources, folder_to_write, read_trusted, search_path

pytestmark = pytest.mark.once

KIND, KEY = "engine", "0123456789abcdef0123"
OBJECT = (b"object", ["symbol"])
OTHER, ANOTHER = 12345, 23456
"""Users that this process is not."""


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Three folders in the search path, and a home. `locked` holds those that this user may not write."""
    locked: set[Path] = set()
    access = os.access

    def simulated(path, how, **options):
        return access(path, how, **options) and not (how & os.W_OK and Path(path) in locked)

    monkeypatch.setattr(cache_folders.os, "access", simulated)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(cache_folders.sys, "prefix", str(tmp_path / "prefix"))
    names = [tmp_path / name for name in ("first", "second", "third")]
    for name in names:
        name.mkdir()
    monkeypatch.setenv("TRAPLINE_CACHE_DIR", os.pathsep.join(map(str, names)))
    return names, locked


@pytest.fixture
def owners(monkeypatch):
    """Who owns which file or folder, and what others may do with it: (user, permissions) by path, simulated."""
    given: dict[Path, tuple[int, int]] = {}
    whole, of_path, of_descriptor = os.stat_result, os.stat, os.fstat

    def changed(found, path):
        if path not in given:
            return found
        fields = list(found)
        fields[stat.ST_MODE] = stat.S_IFMT(found.st_mode) | given[path][1]
        fields[stat.ST_UID] = given[path][0]
        return whole(fields)

    monkeypatch.setattr(
        cache_folders.os,
        "fstat",
        lambda number: changed(of_descriptor(number), Path(os.readlink(f"/proc/self/fd/{number}"))),
    )
    monkeypatch.setattr(Path, "stat", lambda self, **options: changed(of_path(self, **options), self))
    return given


def kept(folder: Path) -> Path:
    return folder / cache.file_name(KIND, KEY)


def test_all_folders_are_read_and_the_first_writable_one_is_written(folders):
    (first, second, third), locked = folders
    locked.add(first)
    assert search_path() == [first, second, third] and folder_to_write() == second
    assert store(KIND, KEY, *OBJECT) == kept(second)
    locked.update((second, third))
    assert find(KIND, KEY) == (kept(second), OBJECT)


def test_a_folder_that_cannot_be_written_is_used(folders, monkeypatch):
    """What it lacks is kept in the user's own folder, and found there the next time."""
    (first, *_), locked = folders
    monkeypatch.setenv("TRAPLINE_CACHE_DIR", str(first))
    store(KIND, KEY, *OBJECT)
    locked.add(first)
    own = Path.home() / ".cache" / "trapline"
    assert find(KIND, KEY) == (kept(first), OBJECT)
    assert search_path() == [first, own] and folder_to_write() == own
    assert store(KIND, "other", *OBJECT) == own / cache.file_name(KIND, "other")
    assert find(KIND, "other") is not None


def test_the_default_folders(folders, monkeypatch):
    """The user's own, then that of the installation, which an administrator fills."""
    monkeypatch.delenv("TRAPLINE_CACHE_DIR")
    own, shared = Path.home() / ".cache" / "trapline", cache_folders.of_installation()
    assert search_path() == [own, shared] and folder_to_write() == own
    monkeypatch.setenv("TRAPLINE_CACHE_DIR", str(shared))
    store(KIND, KEY, *OBJECT)
    monkeypatch.delenv("TRAPLINE_CACHE_DIR")
    assert find(KIND, KEY) == (kept(shared), OBJECT)
    folders[1].update((own, shared))
    assert folder_to_write().name.startswith("trapline-")  # a temporary one


def test_without_a_home(folders, monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("TRAPLINE_CACHE_DIR")
    monkeypatch.setattr(Path, "home", no_home)
    assert search_path() == [cache_folders.of_installation()]


@pytest.mark.parametrize("damage", [
    lambda body: body[: len(body) // 2], lambda body: b"", lambda body: body[:-1] + bytes([body[-1] ^ 1]),
    lambda body: bytes(100), lambda body: bytes(32) + body[32:],
])  # fmt: skip
def test_a_damaged_file_is_passed_over(folders, damage):
    (first, second, _), _ = folders
    store(KIND, KEY, *OBJECT)
    kept(second).write_bytes(kept(first).read_bytes())
    kept(second).chmod(0o644)
    kept(first).write_bytes(damage(kept(first).read_bytes()))
    assert find(KIND, KEY) == (kept(second), OBJECT)


def test_an_object_under_the_name_of_another(folders):
    """It was made for another version, processor or plugin: whoever may rename files must not mix them up."""
    (first, *_), _ = folders
    store(KIND, "other", *OBJECT)
    (first / cache.file_name(KIND, "other")).rename(kept(first))
    assert find(KIND, KEY) is None


@pytest.mark.parametrize("kind", ["pipe", "folder", "link", "missing"])
def test_only_regular_files_are_read(folders, kind):
    """At once: a pipe without a writer must not hold the command up, and a link may lead anywhere."""
    (first, second, _), _ = folders
    store(KIND, KEY, *OBJECT)
    kept(first).rename(second / "object")
    if kind == "pipe":
        os.mkfifo(kept(first))
    elif kind == "folder":
        kept(first).mkdir()
    elif kind == "link":
        kept(first).symlink_to(second / "object")
    assert find(KIND, KEY) is None


ME = os.geteuid()
INSTALLER = os.stat(cache_folders.__file__).st_uid


@pytest.mark.parametrize(
    "file, folder, named, trusted",
    [
        ((ME, 0o644), (ME, 0o755), True, True),
        ((ME, 0o600), (ME, 0o700), True, True),
        ((0, 0o644), (0, 0o755), False, True),  # an image that root has filled
        ((INSTALLER, 0o644), (OTHER, 0o755), False, True),  # who can change the program itself
        ((OTHER, 0o644), (OTHER, 0o755), True, True),  # another user's folder, which this user has named
        ((OTHER, 0o644), (OTHER, 0o755), False, False),  # and has not named
        ((OTHER, 0o644), (OTHER, 0o777), True, False),  # anybody may have put it there
        ((OTHER, 0o644), (OTHER, 0o1777), True, False),
        ((OTHER, 0o644), (ANOTHER, 0o755), True, False),
        ((OTHER, 0o644), (ME, 0o775), True, False),  # of a group's member
        ((ME, 0o644), (OTHER, 0o1777), True, True),  # /tmp
        ((ME, 0o664), (ME, 0o755), True, False),  # others may have changed it
        ((ME, 0o646), (ME, 0o755), True, False),
        ((0, 0o666), (0, 0o755), True, False),
    ],
)
def test_whose_files_are_loaded(folders, owners, monkeypatch, file, folder, named, trusted):
    (first, *_), _ = folders
    store(KIND, KEY, *OBJECT)
    if not named:
        monkeypatch.delenv("TRAPLINE_CACHE_DIR")
    owners[kept(first)], owners[first] = file, folder
    if trusted:
        assert cache.unsealed(read_trusted(kept(first)), kept(first).name) == OBJECT
    else:
        with pytest.raises(PermissionError, match="others may have written it"):
            read_trusted(kept(first))


def test_files_are_for_everybody_to_read_and_for_nobody_else_to_write(folders):
    for mask in (0o000, 0o077):
        before = os.umask(mask)
        try:
            path = store(KIND, KEY, *OBJECT)
        finally:
            os.umask(before)
        assert path is not None and stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("mode, same", [(0o755, True), (0o775, False), (0o777, False)])
def test_generated_python_is_imported_from_a_folder_of_ones_own(folders, mode, same):
    (first, *_), _ = folders
    first.chmod(mode)
    assert (folder_of_sources() == first) is same


def test_a_disk_that_is_full(folders, monkeypatch):
    """Nothing is kept, nothing is left."""
    (first, *_), _ = folders

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert store(KIND, KEY, *OBJECT) is None and list(first.iterdir()) == []


def test_portable_code_comes_second(folders):
    """Code for this processor is faster; code for all of them is what an image brings along."""
    store(KIND, KEY, b"portable", ["symbol"], portable=True)
    found = find(KIND, KEY)
    assert found is not None and found[1][0] == b"portable"
    store(KIND, KEY, *OBJECT)
    found = find(KIND, KEY)
    assert found is not None and found[1] == OBJECT
    assert find(KIND, KEY, (True,)) != find(KIND, KEY, (False,))
