#!/usr/bin/env python3
"""images.py - images for containers: made from recipes, kept in a store, moved as one file.

    python programs/kernels/burrow/images.py build web.toml --store images
    python programs/kernels/burrow/images.py list --store images
    python programs/kernels/burrow/images.py export web --store images --out web.tar
    python programs/kernels/burrow/images.py import web.tar --store elsewhere
    python programs/kernels/burrow/build.py --store elsewhere --out burrow.elf

A store is a folder: `layers/DIGEST` has each layer once, `images/NAME.json` says what an image is made of.
Nothing in it is trusted: each layer that is read must have its digest and make sense.
"""

import argparse
import io
import json
import re
import sys
import tarfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from trapline.asm import AsmError
from trapline.vm.host.output_file import OutputFile

HERE = Path(__file__).resolve().parent
DIGEST = re.compile(r"[0-9a-f]{64}")
MANIFEST = "image.json"
MOST_TEXT = 1 << 16
"""Bytes of a manifest or a recipe."""
KEYS = {"name": str, "layers": list, "command": str, "limits": dict, "calls": list}
"""Of a manifest."""
RECIPE = {
    "name": str, "base": str, "command": str, "programs": list, "files": dict, "remove": list, "limits": dict,
    "calls": list, "forbid": list,
}  # fmt: skip


def _build_script() -> Any:
    """build.py as a module, as its own `sibling` would load it."""
    path = HERE / "build.py"
    module = ModuleType("burrow_build")
    module.__file__ = str(path)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module


burrow = _build_script()
layers = burrow.layers
BASE = "burrow"
"""The base that has everything that the host has."""
_TEXT = (HERE / "calls.inc").read_text(encoding="utf-8")
NUMBERS = {name.lower(): int(number) for name, number in re.findall(r"\.equ\s+CALL_(\w+), (\d+)", _TEXT)}
"""Number of each system call by its name."""
HOST_CALLS = {"stats", "poweroff", "container_create", "container_enter", "container_info", "image_info"}
"""Those that no container gets."""


class Store:
    """A folder of layers and images. Its methods raise ValueError and OSError."""

    def __init__(self, folder: Path) -> None:
        """folder: it is made when something is put there."""
        self.folder = folder

    def names(self) -> list[str]:
        """The images in it."""
        return sorted(path.stem for path in (self.folder / "images").glob("*.json"))

    def manifest(self, name: str) -> dict[str, Any]:
        """What an image is made of: see KEYS."""
        path = self.folder / "images" / f"{_image_name(name)}.json"
        if not path.is_file():
            known = ", ".join(self.names()) or "none"
            raise ValueError(f"no image '{name}' in {self.folder}; there are: {known}")
        return _manifest(path.read_bytes(), str(path))

    def layer(self, digest: str) -> bytes:
        """A layer, checked."""
        path = self.folder / "layers" / digest
        if not path.is_file():
            raise ValueError(f"layer {digest[:12]} is missing in {self.folder}")
        return _checked(path.read_bytes(), digest, str(path))

    def image(self, name: str) -> Any:
        """An image with its layers, as `layers.Image`."""
        made = self.manifest(name)
        calls = sum(1 << NUMBERS[call] for call in made["calls"])
        content = tuple(self.layer(digest) for digest in made["layers"])
        return layers.Image(made["name"], content, made["command"], made["limits"], calls)

    def put(self, manifest: Mapping[str, Any], content: Mapping[str, bytes]) -> None:
        """Store the layers that are not there yet, then the image."""
        for digest, data in content.items():
            if not (self.folder / "layers" / digest).exists():
                _write(self.folder / "layers" / digest, data)
        _write(self.folder / "images" / f"{manifest['name']}.json", _json(manifest))


def images_of(folder: Path) -> list[Any]:
    """All images of a store, for build.py. Raises ValueError and OSError."""
    store = Store(folder)
    if not store.names():
        raise ValueError(f"{folder}: there are no images")
    return [store.image(name) for name in store.names()]


def build_image(recipe: Path, store: Store) -> dict[str, Any]:
    """Make the image of a recipe and put it into the store; its manifest."""
    text = _bounded(recipe)
    try:
        wanted = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as mistake:
        raise ValueError(f"{recipe}: {mistake}") from None
    _require_types(wanted, RECIPE, str(recipe))
    if "name" not in wanted:
        raise ValueError(f"{recipe}: it has no name")
    below, content = _base(wanted.get("base"), store)
    own = layers.pack(dict(sorted(_own_files(wanted, recipe).items())))
    _checked(own, layers.digest(own), str(recipe))
    content[layers.digest(own)] = own
    if "calls" in wanted and "forbid" in wanted:
        raise ValueError(f"{recipe}: give calls or forbid, not both")
    calls = wanted.get("calls") or below.get("calls") or [name for name in NUMBERS if name not in HOST_CALLS]
    unknown = sorted({*calls, *wanted.get("forbid", [])} - set(NUMBERS), key=str)
    if unknown:
        raise ValueError(f"{recipe}: no system call '{unknown[0]}'")
    manifest = {
        "name": wanted["name"],
        "layers": [*below.get("layers", []), layers.digest(own)],
        "command": wanted.get("command", below.get("command", "")),
        "limits": {**layers.DEFAULT_LIMITS, **below.get("limits", {}), **wanted.get("limits", {})},
        "calls": [name for name in calls if name not in wanted.get("forbid", [])],
    }
    manifest = _manifest(_json(manifest), str(recipe))
    store.put(manifest, content)
    return manifest


def _base(name: str | None, store: Store) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest of the base, and its layers by digest."""
    if name is None:
        return {}, {}
    if name == BASE:
        layer = burrow.base()
        return {"layers": [layers.digest(layer)], "command": "shell"}, {layers.digest(layer): layer}
    manifest = store.manifest(name)
    return manifest, {digest: store.layer(digest) for digest in manifest["layers"]}


def _own_files(wanted: Mapping[str, Any], recipe: Path) -> dict[str, tuple[int, bytes]]:
    """Kind and bytes by name of what the recipe adds and removes."""
    found: dict[str, tuple[int, bytes]] = {}

    def add(name: str, kind: int, data: bytes) -> None:
        if name in found:
            raise ValueError(f"{recipe}: {name} is there twice")
        found[name] = (kind, data)

    for name in wanted.get("programs", []):
        path = recipe.parent / name
        add(path.stem, layers.PROGRAM, burrow.program(path.resolve()))
    for name, source in wanted.get("files", {}).items():
        if not isinstance(source, str):
            raise ValueError(f"{recipe}: files.{name} must be the path of a file")
        add(name, layers.TEXT, (recipe.parent / source).read_bytes())
    for name in wanted.get("remove", []):
        add(name, layers.DELETED, b"")
    return found


def export_image(name: str, store: Store) -> bytes:
    """An image as one file: a tar archive of its manifest and its layers, the same each time."""
    manifest = store.manifest(name)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        members = {f"layers/{digest}": store.layer(digest) for digest in manifest["layers"]}
        for member, data in {MANIFEST: _json(manifest), **members}.items():
            entry = tarfile.TarInfo(member)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return archive.getvalue()


def import_image(archive: Path, store: Store) -> dict[str, Any]:
    """Put the image of such a file into the store; its manifest. Nothing is written unless all of it is right."""
    content: dict[str, bytes] = {}
    manifest: dict[str, Any] | None = None
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                digest = member.name.removeprefix("layers/")
                wanted = [MANIFEST] if manifest is None else [f"layers/{name}" for name in manifest["layers"]]
                if not member.isreg() or member.name not in wanted or digest in content:
                    raise ValueError(f"{archive}: {member.name!a} has no business there")
                if member.size > (MOST_TEXT if manifest is None else layers.MOST_BYTES):
                    raise ValueError(f"{archive}: {member.name!a} is too large")
                stream = tar.extractfile(member)
                data = stream.read() if stream is not None else b""
                if manifest is None:
                    manifest = _manifest(data, f"{archive}: {MANIFEST}")
                else:
                    content[digest] = _checked(data, digest, str(archive))
    except tarfile.TarError as mistake:
        raise ValueError(f"{archive}: no image: {mistake}") from None
    if manifest is None:
        raise ValueError(f"{archive}: no image: it is empty")
    if missing := [digest for digest in manifest["layers"] if digest not in content]:
        raise ValueError(f"{archive}: layer {missing[0][:12]} is missing")
    store.put(manifest, content)
    return manifest


def _checked(data: bytes, digest: str, where: str) -> bytes:
    """The bytes of a layer, which must have this digest and make sense."""
    found = layers.digest(data)
    if found != digest:
        raise ValueError(f"{where}: damaged: a layer has the digest {found[:12]}, not {digest[:12]}")
    try:
        layers.check(data)
    except ValueError as mistake:
        raise ValueError(f"{where}: layer {digest[:12]}: {mistake}") from None
    return data


def _manifest(data: bytes, where: str) -> dict[str, Any]:
    """A manifest whose every value is possible."""
    try:
        made = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError(f"{where}: not a manifest") from None
    if not isinstance(made, dict):
        raise ValueError(f"{where}: not a manifest")
    _require_types(made, KEYS, where)
    if missing := [key for key in KEYS if key not in made]:
        raise ValueError(f"{where}: {missing[0]} is missing")
    _image_name(made["name"], where)
    if not all(isinstance(name, str) and DIGEST.fullmatch(name) for name in made["layers"]):
        raise ValueError(f"{where}: layers must be a list of SHA-256 digests")
    if not 0 < len(made["layers"]) <= layers.MOST_LAYERS or len(set(made["layers"])) < len(made["layers"]):
        raise ValueError(f"{where}: it needs 1 to {layers.MOST_LAYERS} different layers")
    command = made["command"]
    if not (command.isascii() and command.isprintable() and len(command) < layers.COMMAND_LENGTH):
        raise ValueError(f"{where}: command must be at most {layers.COMMAND_LENGTH - 1} printable characters")
    if sorted(made["limits"]) != sorted(layers.DEFAULT_LIMITS):
        raise ValueError(f"{where}: limits must be {', '.join(layers.DEFAULT_LIMITS)}")
    for name, value in made["limits"].items():
        most = layers.MOST_SHARE if name == "share" else layers.MOST_LIMIT
        least = 0 if name in layers.OPTIONAL else 1
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"{where}: limits.{name} must be a number from {least} to {most}")
    if unknown := [name for name in made["calls"] if not isinstance(name, str) or name not in NUMBERS]:
        raise ValueError(f"{where}: no system call {unknown[0]!a}")
    return made


def _require_types(values: Mapping[str, Any], types: Mapping[str, type], where: str) -> None:
    words = {str: "a text", list: "a list", dict: "a table"}
    for key, value in values.items():
        if key not in types:
            raise ValueError(f"{where}: there is no {key!a}; known: {', '.join(types)}")
        if not isinstance(value, types[key]):
            raise ValueError(f"{where}: {key} must be {words[types[key]]}")
        if types[key] is list and not all(isinstance(one, str) for one in value):
            raise ValueError(f"{where}: {key} must be a list of texts")


def _image_name(name: str, where: str = "") -> str:
    if not layers.NAME.fullmatch(name) or len(name) >= layers.NAME_LENGTH:
        before = f"{where}: " if where else ""
        raise ValueError(f"{before}{name!a} is no name of an image: letters, digits, dots, dashes, at most 23")
    return name


def _bounded(path: Path) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(MOST_TEXT + 1)
    if len(data) > MOST_TEXT:
        raise ValueError(f"{path}: more than {MOST_TEXT} bytes")
    return data


def _json(manifest: Mapping[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()


def _write(path: Path, data: bytes) -> None:
    """Write a file when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    output = OutputFile(str(path))
    output.stream.write(data)
    output.commit()


def main() -> int:
    """The command line: see the module's text."""
    parser = argparse.ArgumentParser(description="Make, keep and move images for Burrow's containers.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what, summary in (
        ("build", "RECIPE", "make the image of a recipe"), ("list", None, "the images in the store"),
        ("export", "NAME", "an image as one file"), ("import", "FILE", "put the image of such a file into the store"),
    ):  # fmt: skip
        command = commands.add_parser(name, help=summary)
        if what is not None:
            command.add_argument("what", metavar=what)
        command.add_argument("--store", type=Path, default=Path("images"), metavar="FOLDER", help="default: images")
        if name == "export":
            command.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file to write")
    given = parser.parse_args()
    store = Store(given.store)
    try:
        if given.command == "export":
            if given.store.resolve() in given.out.resolve().parents:
                raise ValueError(f"--out {given.out}: is in the store; choose another folder")
            _write(given.out, export_image(given.what, store))
        elif given.command == "list":
            for name in store.names():
                print(f"{name}: {' '.join(digest[:12] for digest in store.manifest(name)['layers'])}")
        else:
            action = build_image if given.command == "build" else import_image
            made = action(Path(given.what), store)
            print(f"{made['name']}: {' '.join(digest[:12] for digest in made['layers'])}")
    except (AsmError, ValueError, OSError) as mistake:
        print(f"images.py: {mistake}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
