"""`OutputFile`: a file gets its name when it is whole, and until then the old one stays."""

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from trapline.vm.host.output_file import PARTIAL, OutputFile, descriptor_of, identity


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: Path, data: bytes, executable: bool = False) -> None:
    output = OutputFile(str(path), executable)
    output.stream.write(data)
    output.commit()


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    output = OutputFile(str(path))
    output.stream.write(b"new")
    output.stream.flush()
    assert path.read_bytes() == b"old"
    [partial] = tmp_path.glob("file.*.partial")
    assert partial.read_bytes() == b"new"
    output.commit()
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_what_is_discarded_leaves_nothing(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    output = OutputFile(str(path))
    output.stream.write(b"new")
    output.discard()
    output.discard()
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_permissions_and_links_are_kept(tmp_path):
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to("file")
    write(link, b"new")
    assert link.is_symlink() and path.read_bytes() == b"new" and mode(path) == 0o640
    write(path, b"program", executable=True)
    assert mode(path) == 0o751


def test_a_new_file_has_the_usual_permissions(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "text", b"")
        write(tmp_path / "program", b"", executable=True)
    finally:
        os.umask(before)
    assert (mode(tmp_path / "text"), mode(tmp_path / "program")) == (0o640, 0o750)


def test_without_users(tmp_path, monkeypatch):
    """As on Windows, where files have no numbers of owners."""
    (tmp_path / "file").write_bytes(b"old")
    for name in ("geteuid", "getegid"):
        monkeypatch.delattr(os, name)
    write(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_link_to_nothing_is_followed(tmp_path):
    (tmp_path / "link").symlink_to("target")
    write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "target").read_bytes() == b"new"


def test_a_long_name_and_one_that_is_taken(tmp_path):
    path = tmp_path / ("n" * 250)
    write(path, b"new")
    assert path.read_bytes() == b"new"
    taken = tmp_path / f"file.{os.getpid()}.partial"
    taken.write_bytes(b"somebody else's")
    write(tmp_path / "file", b"new")
    assert taken.read_bytes() == b"somebody else's" and (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("failing", ["open", "replace"])
@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EBUSY])
def test_a_file_that_cannot_be_replaced_is_written_in_place(tmp_path, monkeypatch, failing, number):
    """As a file that is mounted by itself, or one in a folder that only its owner may change."""

    whole = getattr(os, failing)

    def refuse(name: str, *arguments: Any, **options: Any) -> Any:
        if name.endswith(PARTIAL):
            raise OSError(number, os.strerror(number), name)
        return whole(name, *arguments, **options)

    path = tmp_path / "file"
    path.write_bytes(b"old and longer")
    inode = path.stat().st_ino
    monkeypatch.setattr(os, failing, refuse)
    output = OutputFile(str(path), executable=True)
    output.stream.write(b"new")
    assert path.read_bytes() == b"old and longer"
    output.commit()
    assert (path.read_bytes(), path.stat().st_ino) == (b"new", inode)
    assert mode(path) & 0o111 and list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_not_to_be_written(tmp_path, monkeypatch):
    """The permission counts, although the folder's would do for a new file. Root has every permission."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o444)
    monkeypatch.setattr(os, "access", lambda target, how: False)
    with pytest.raises(PermissionError) as caught:
        OutputFile(str(path))
    assert caught.value.filename == str(path) and path.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["", "missing/file", "new/"])
def test_errors_name_the_file(tmp_path, name):
    path = f"{tmp_path}/{name}"
    with pytest.raises(OSError) as caught:
        OutputFile(path)
    assert caught.value.filename == path and list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_file():
    """Devices are written directly; this one fails as a full disk does."""
    output = OutputFile("/dev/full")
    output.stream.write(b"x")
    with pytest.raises(OSError) as caught:
        output.commit()
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, "/dev/full")


def test_a_pipe_is_written_directly(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(path, b"text")
        assert os.read(reader, 10) == b"text"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_descriptor_is_written_where_it_stands(tmp_path):
    path = tmp_path / "file"
    with path.open("wb", buffering=0) as file:
        file.write(b"before ")
        write(Path(f"/dev/fd/{file.fileno()}"), b"behind")
    assert path.read_bytes() == b"before behind"
    assert [descriptor_of(p) for p in ("/dev/stdout", "/dev/fd/7", "/proc/self/fd/12", "file")] == [1, 7, 12, None]


def test_identity(tmp_path):
    """One for all names of a file, and of a file that does not exist yet; none for a pipe or device."""
    path = tmp_path / "file"
    (tmp_path / "link").symlink_to("file")
    assert identity(str(path)) == identity(str(tmp_path / "link")) == identity(f"{tmp_path}/../{tmp_path.name}/file")
    path.write_bytes(b"")
    os.link(path, tmp_path / "hard")
    assert len({identity(str(tmp_path / name)) for name in ("file", "link", "hard")}) == 1
    assert identity(str(path)) != identity(str(tmp_path / "other"))
    assert identity("/dev/null") is None
