"""Images for containers: recipes, layers that are stored once, one file that moves; damage and hostile archives."""

import io
import json
import struct
import subprocess
import sys
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from support.burrow.build import build_script
from support.burrow.containers import leftovers, machine_of, streams
from support.paths import BURROW, DOCS
from trapline import ExitReason
from trapline.asm import AsmError

pytestmark = pytest.mark.once

RECIPE = """name = "web"
base = "burrow"
command = "cat motd.txt"
programs = ["extra.s"]
remove = ["wild", "readme.txt"]
forbid = ["kill"]
[files]
"motd.txt" = "greeting"
[limits]
pages = 20
"""
SECOND = 'name = "shop"\nbase = "web"\ncommand = "extra"\n[files]\n"readme.txt" = "greeting"\n[limits]\nshare = 3\n'
EXTRA = '.include "user.inc"\n.text\n.globl main\nmain: enter\nsay "extra\\n"\nli a0, 3\nleave\n'


@cache
def images() -> Any:
    return build_script().sibling("images")


def layers() -> Any:
    return images().layers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two recipes, and a store with their images."""
    (tmp_path / "web.toml").write_text(RECIPE)
    (tmp_path / "shop.toml").write_text(SECOND)
    (tmp_path / "extra.s").write_text(EXTRA)
    (tmp_path / "greeting").write_text("welcome\n")
    for name in ("web", "shop"):
        images().build_image(tmp_path / f"{name}.toml", images().Store(tmp_path / "store"))
    return tmp_path


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def command(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`python images.py WORDS`"""
    script = [sys.executable, str(BURROW / "images.py"), *words]
    return subprocess.run(script, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def booted(store: Path, typed: str) -> dict[str, list[str]]:
    """Lines of the console of a Burrow with all images of a store."""
    elf = build_script().build(images=images().images_of(store))
    made = machine_of(elf, typed=typed + "exit\n")
    assert made.run(max_instructions=20_000_000).reason is ExitReason.HALT
    assert leftovers(made) == ""
    return streams(made.console.output)


def test_layers_are_stored_once(folder: Path) -> None:
    """Three layers for two images, and the lowest is the host's, which the kernel has anyway."""
    store = images().Store(folder / "store")
    web, shop = (store.manifest(name)["layers"] for name in ("web", "shop"))
    assert store.names() == ["shop", "web"] and shop[:2] == web and len(set(shop)) == 3
    files = tree(folder / "store/layers")
    assert set(files) == set(shop) and all(layers().digest(data) == name for name, data in files.items())
    base = build_script().base()
    made = images().images_of(folder / "store")
    alone = layers().file_system([layers().Image("", (base,))])
    both = layers().file_system([layers().Image("", (base,)), *made])
    assert len(both) - len(alone) < 2 * 248 + sum(len(data) for name, data in files.items() if name != web[0]) + 32


def test_an_image_moves_and_runs_elsewhere(folder: Path) -> None:
    """Its file is the same each time; where it arrives, nothing else is needed."""
    out, there = folder / "shop.tar", folder / "elsewhere"
    archive = images().export_image("shop", images().Store(folder / "store"))
    assert archive == images().export_image("shop", images().Store(folder / "store"))
    out.write_bytes(archive)
    made = images().import_image(out, images().Store(there))
    assert made == images().Store(folder / "store").manifest("shop")
    assert tree(there).items() <= tree(folder / "store").items() and images().Store(there).names() == ["shop"]
    output = booted(there, "container run shop\ncontainer run shop cat motd.txt\ncontainer run shop cat readme.txt\n"
                    "container run shop wild\ncontainer run share=100 shop shell\nspin &\nkill 2\nexit\n")  # fmt: skip
    assert output["1.shop"] == ["extra"] and output["2.shop"] == output["3.shop"] == ["welcome"]
    assert output["5.shop"][1:] == ["$ spin &", "[2]", "$ kill 2", "kill: no such process", "$ exit"]
    assert "container: no such image, container or program" in output[""]


def test_the_commands(folder: Path) -> None:
    done = command("build", "web.toml", "--store", "mine", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("web: ")
    done = command("export", "web", "--store", "mine", "--out", "web.tar", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = command("import", "web.tar", "--store", "there", cwd=folder)
    assert done.returncode == 0 and tree(folder / "there") == tree(folder / "mine")
    assert command("list", "--store", "there", cwd=folder).stdout == done.stdout
    with tarfile.open(folder / "web.tar") as tar:
        assert tar.getnames()[0] == "image.json"


MISTAKES = {
    "name": ('name = "web"', "", "it has no name"),
    "bad name": ('name = "web"', 'name = "../web"', "no name of an image"),
    "long name": ('name = "web"', f'name = "{24 * "w"}"', "no name of an image"),
    "syntax": ('name = "web"', "name = web", "web.toml:"),
    "key": ('name = "web"', 'name = "web"\nbass = "x"', "there is no 'bass'; known: name, base"),
    "type": ('remove = ["wild", "readme.txt"]', 'remove = "wild"', "remove must be a list"),
    "item": ('remove = ["wild", "readme.txt"]', "remove = [3]", "remove must be a list of texts"),
    "base": ('base = "burrow"', 'base = "nix"', "no image 'nix' in"),
    "program": ("extra.s", "absent.s", "absent.s"),
    "file": ("greeting", "absent", "absent"),
    "no path": ('"greeting"', "3", "files.motd.txt must be the path of a file"),
    "twice": ('remove = ["wild",', 'remove = ["extra",', "extra is there twice"),
    "file name": ('"motd.txt" =', '"../motd" =', "'../motd' is no name of a file"),
    "long file name": ('"motd.txt" =', f'"{24 * "m"}" =', "has more than 23 bytes"),
    "command": ('"cat motd.txt"', f'"{128 * "c"}"', "command must be at most 127 printable characters"),
    "escape": ('"cat motd.txt"', '"cat \\u001b"', "command must be at most 127 printable characters"),
    "limit": ("pages = 20", "pages = 0", "limits.pages must be a number from 1 to"),
    "share": ("pages = 20", "share = 101", "limits.share must be a number from 1 to 100"),
    "text as limit": ("pages = 20", 'pages = "20"', "limits.pages must be a number"),
    "unknown limit": ("pages = 20", "seats = 20", "limits must be pages, processes"),
    "call": ('"kill"', '"kil"', "no system call 'kil'"),
    "both": ('forbid = ["kill"]', 'forbid = ["kill"]\ncalls = ["exit"]', "give calls or forbid, not both"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_in_recipes(name: str, folder: Path) -> None:
    """One message, and nothing is stored."""
    old, new, message = MISTAKES[name]
    assert RECIPE.count(old) == 1
    (folder / "web.toml").write_text(RECIPE.replace(old, new))
    with pytest.raises((ValueError, OSError, AsmError)) as refused:
        images().build_image(folder / "web.toml", images().Store(folder / "other"))
    assert message in str(refused.value) and not (folder / "other").exists()


def test_other_mistakes(folder: Path) -> None:
    (folder / "other.toml").write_text('name = "x"\nbass = "y"\n')
    for words, message in (
        (["build", "absent.toml"], "absent.toml"), (["build", "other.toml"], "there is no 'bass'"),
        (["export", "nix", "--out", "x"], "no image 'nix' in images"),
        (["import", "absent.tar"], "absent.tar"), (["import", "web.toml"], "no image"),
        (["export", "web", "--store", "store", "--out", "store/x"], "is in the store"),
        (["export", "../web", "--out", "x"], "no name of an image"),
    ):  # fmt: skip
        done = command(*words, cwd=folder)
        assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr, done.stderr
    build = [sys.executable, str(BURROW / "build.py"), "--store", "absent", "--out", "b.elf"]
    done = subprocess.run(build, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "absent: there are no images" in done.stderr


def test_a_damaged_store_is_noticed(folder: Path) -> None:
    store = images().Store(folder / "store")
    digest = store.manifest("shop")["layers"][-1]
    path = folder / "store/layers" / digest
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"!")
    with pytest.raises(ValueError, match=f"damaged: a layer has the digest .*, not {digest[:12]}"):
        store.image("shop")
    path.unlink()
    with pytest.raises(ValueError, match=f"layer {digest[:12]} is missing"):
        images().export_image("shop", store)


# Hostile archives


def archive_of(members: list[tuple[str, bytes] | tarfile.TarInfo]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                entry = tarfile.TarInfo(member[0])
                entry.size = len(member[1])
                tar.addfile(entry, io.BytesIO(member[1]))
    return stream.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


@cache
def good() -> tuple[bytes, str]:
    """A layer and its digest."""
    layer = build_script().layers.pack({"motd.txt": (0, b"welcome\n")})
    return layer, build_script().layers.digest(layer)


def manifest(**changes: Any) -> tuple[str, bytes]:
    made = {"name": "web", "layers": [good()[1]], "command": "x", "limits": layers().DEFAULT_LIMITS, "calls": ["exit"]}
    return "image.json", json.dumps({k: v for k, v in (made | changes).items() if v is not None}).encode()


def hostile() -> dict[str, tuple[list[Any], str]]:
    layer, digest = good()
    member = (f"layers/{digest}", layer)
    bad = layers().pack({"../../etc/passwd": (0, b"x")})
    long = [f"{number:064x}" for number in range(9)]
    return {
        "nothing": ([], "it is empty"),
        "up": ([manifest(), ("../evil", b"x")], "'../evil' has no business there"),
        "up in a layer": ([manifest(), (f"layers/../{digest}", layer)], "has no business there"),
        "absolute": ([manifest(), ("/tmp/evil", b"x")], "'/tmp/evil' has no business there"),
        "symbolic link": ([manifest(), link(f"layers/{digest}", "/etc/passwd")], "has no business there"),
        "hard link": ([manifest(), link(f"layers/{digest}", "image.json", tarfile.LNKTYPE)], "has no business there"),
        "device": ([manifest(), link(f"layers/{digest}", "", tarfile.CHRTYPE)], "has no business there"),
        "folder": ([manifest(), link("layers", "", tarfile.DIRTYPE)], "has no business there"),
        "link as manifest": ([link("image.json", "/etc/passwd"), member], "has no business there"),
        "escapes in a name": ([manifest(), ("\x1b[2Jx", b"")], "'\\x1b[2Jx' has no business there"),
        "layer first": ([member, manifest()], "has no business there"),
        "more than it says": ([manifest(), member, ("layers/" + 64 * "a", layer)], "has no business there"),
        "layer twice": ([manifest(), member, member], "has no business there"),
        "manifest twice": ([manifest(), manifest(), member], "has no business there"),
        "layer missing": ([manifest()], f"layer {digest[:12]} is missing"),
        "other content": ([manifest(), (member[0], layer + b"x")], "damaged: a layer has the digest"),
        "file name of a layer": (
            [manifest(layers=[layers().digest(bad)]), (f"layers/{layers().digest(bad)}", bad)], "is no name of a file",
        ),
        "name": ([manifest(name="../../evil"), member], "no name of an image"),
        "name as a list": ([manifest(name=["web"]), member], "name must be a text"),
        "no name": ([manifest(name=None), member], "name is missing"),
        "path as a digest": ([manifest(layers=["../../evil"]), member], "layers must be a list of SHA-256 digests"),
        "too many layers": ([manifest(layers=long), member], "1 to 8 different layers"),
        "no layers": ([manifest(layers=[]), member], "1 to 8 different layers"),
        "same layer twice": ([manifest(layers=[digest, digest]), member], "1 to 8 different layers"),
        "huge limit": ([manifest(limits={**layers().DEFAULT_LIMITS, "pages": 1 << 40}), member], "limits.pages must"),
        "negative limit": ([manifest(limits={**layers().DEFAULT_LIMITS, "share": -1}), member], "limits.share must be"),
        "true as a limit": ([manifest(limits={**layers().DEFAULT_LIMITS, "share": True}), member], "limits.share must"),
        "call": ([manifest(calls=["root"]), member], "no system call 'root'"),
        "key": ([manifest(hooks=["x"]), member], "there is no 'hooks'"),
        "list": ([("image.json", b"[]"), member], "not a manifest"),
        "no JSON": ([("image.json", b"{"), member], "not a manifest"),
        "deep JSON": ([("image.json", b"[" * 60_000), member], "not a manifest"),
        "large manifest": ([("image.json", b" " * 70_000), member], "too large"),
    }  # fmt: skip


def test_the_page_on_tests_has_their_number() -> None:
    assert f"{len(hostile())} hostile archives" in (DOCS / "testing.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", hostile())
def test_a_hostile_archive_is_refused(name: str, tmp_path: Path) -> None:
    """One message, and nothing is written: neither into the store nor anywhere else."""
    members, message = hostile()[name]
    (tmp_path / "evil.tar").write_bytes(archive_of(members))
    before = tree(tmp_path)
    with pytest.raises(ValueError) as refused:
        images().import_image(tmp_path / "evil.tar", images().Store(tmp_path / "deep/store"))
    assert message in str(refused.value) and "\n" not in str(refused.value) and "\x1b" not in str(refused.value)
    assert tree(tmp_path) == before and not (tmp_path / "deep").exists()


def test_a_size_that_is_a_lie(tmp_path: Path) -> None:
    """A header that promises gigabytes is refused before anything is read; a cut archive is no image."""
    entry = tarfile.TarInfo(f"layers/{good()[1]}")
    entry.size = 1 << 33
    whole = archive_of([manifest()])[:1024]
    (tmp_path / "evil.tar").write_bytes(whole + entry.tobuf())
    with pytest.raises(ValueError, match="is too large"):
        images().import_image(tmp_path / "evil.tar", images().Store(tmp_path / "store"))
    layer, digest = good()
    archive = archive_of([manifest(), (f"layers/{digest}", layer)])
    for size in range(0, 1024 + 512 + len(layer), 100):
        (tmp_path / "cut.tar").write_bytes(archive[:size])
        with pytest.raises(ValueError, match=r"no image|missing|damaged|not a manifest"):
            images().import_image(tmp_path / "cut.tar", images().Store(tmp_path / "store"))
    assert not (tmp_path / "store").exists()


@examples(300)
@given(data=st.data())
def test_damage_is_refused_or_harmless(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """With some bytes changed it is refused, or the image is what it was."""
    layer, digest = good()
    archive = bytearray(archive_of([manifest(), (f"layers/{digest}", layer)]))
    for _ in range(data.draw(st.integers(1, 4))):
        archive[data.draw(st.integers(0, len(archive) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("damage")
    (folder / "image.tar").write_bytes(archive)
    store = images().Store(folder / "store")
    try:
        images().import_image(folder / "image.tar", store)
    except ValueError:
        assert not (folder / "store").exists()
    else:
        (name,) = store.names()
        assert store.image(name).layers == (layer,) and set(tree(folder)) == {
            "image.tar", f"store/images/{name}.json", f"store/layers/{digest}",
        }  # fmt: skip


# Hostile layers


@cache
def kernel() -> tuple[bytes, bytes, int]:
    """A kernel with an image `web` of one program and a text, its layer, and where that is in its file system."""
    script = build_script()
    base = script.base()
    program = next(data for name, kind, data in script.layers.entries(base) if name == "hello")
    layer = script.layers.pack({"hello": (1, program), "motd.txt": (0, b"welcome\n"), "gone": (2, b"")})
    image = script.layers.Image("web", (layer,), "hello", calls=script.layers.ALL_CALLS)
    return script.build(images=[image]), layer, script.image(images=[image]).index(layer)


@pytest.mark.slow
@examples(150)
@given(data=st.data())
def test_a_layer_that_is_accepted_harms_nobody(data: st.DataObject) -> None:
    """A changed layer is refused, or its programs end alone, and everything is given back."""
    elf, layer, place = kernel()
    changed = bytearray(layer)
    (entry_size,) = struct.unpack_from("<I", layer)
    head = 4 + 36 * entry_size
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(
            st.one_of(st.integers(0, head - 1), st.integers(head, head + 96), st.integers(0, len(layer) - 1))
        )
        changed[at] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 0x80, 0xFF, changed[at] ^ 1])))
    try:
        layers().check(bytes(changed))
    except ValueError:
        return
    typed = "container run pages=30 web\ncontainer run web cat motd.txt\nhello\nexit\n"
    made = machine_of(elf, typed=typed)
    made.write(made.symbols["image"] + place, bytes(changed))
    exit = made.run(max_instructions=3_000_000)
    assert b"the kernel has trapped" not in made.console.output
    if exit.reason is ExitReason.HALT:  # else its program loops, or waits
        assert exit.code == 0
        assert "hello, world" in streams(made.console.output)[""] and leftovers(made) == ""


def test_the_host_has_a_layer_as_any_other() -> None:
    layers().check(build_script().base())
