"""Rules about imports and files, checked over a tree of sources: each gives the list of what breaks it."""

import ast
from collections.abc import Collection, Mapping
from pathlib import Path

from support.import_graph import circles, graph, imports, modules

Rooms = Mapping[str, str]
"""What each room may import: a room is a folder or a file, the rooms are separated by blanks, lowest room first."""


BY_STRING = frozenset({"import_module", "__import__"})
"""Functions that import the module that a string names."""


def room_of(path: str, rooms: Rooms) -> str:
    """The room that a file lies in, which is the longest that begins its path; "" for none."""
    return max((room for room in rooms if path == room or path.startswith(room + "/")), key=len, default="")


def arrows_up(rooms: Rooms) -> list[str]:
    """Lines of the table that name a room which is not above them: without any, rooms form no circle."""
    lines = list(rooms)
    return [
        f"{room} names {other}"
        for number, room in enumerate(lines)
        for other in rooms[room].split()
        if other not in lines[:number]
    ]


def folder_circles(root: Path) -> list[list[str]]:
    """Folders, and files right below a package, that lead to one another."""
    where = {}
    for name, path in modules(root).items():
        here = path.relative_to(root)
        where[name] = here.as_posix() if len(here.parts) == 2 else here.parent.as_posix()
    arrows: dict[str, set[str]] = {room: set() for room in where.values()}
    for name, targets in graph(root).items():
        arrows[where[name]] |= {where[target] for target in targets} - {where[name]}
    return circles(arrows)


def homeless(root: Path, rooms: Rooms) -> list[str]:
    """Files that lie in no room."""
    paths = [path.relative_to(root).as_posix() for path in modules(root).values()]
    return [path for path in paths if not room_of(path, rooms)]


def wrong_arrows(root: Path, rooms: Rooms) -> list[str]:
    """Imports of a room that the table does not give to the importing one."""
    where = {name: path.relative_to(root).as_posix() for name, path in modules(root).items()}
    found = []
    for name, targets in graph(root).items():
        here = room_of(where[name], rooms)
        allowed = {here, *rooms.get(here, "").split()}
        found += [f"{where[name]} imports {t}" for t in sorted(targets) if room_of(where[t], rooms) not in allowed]
    return found


def unused_arrows(root: Path, rooms: Rooms) -> list[str]:
    """Rooms that the table gives to another one, which imports nothing of them."""
    where = {name: room_of(path.relative_to(root).as_posix(), rooms) for name, path in modules(root).items()}
    used = {(where[name], where[target]) for name, targets in graph(root).items() for target in targets}
    return [f"{room} does not import {o}" for room in rooms for o in rooms[room].split() if (room, o) not in used]


def strangers(root: Path, libraries: Mapping[str, str], standard: Collection[str], rooms: Rooms) -> list[str]:
    """Imports of anything that is neither ours, nor Python's, nor a library which the importing room may use."""
    found = []
    for path in modules(root).values():
        here = path.relative_to(root).as_posix()
        for one in imports(path):
            package = one.module.partition(".")[0]
            if package == "trapline" or package in standard:
                continue
            if room_of(here, rooms) not in libraries.get(package, "").split():
                found.append(f"{here}:{one.line} imports {one.module}")
    return found


def eager(root: Path, package: str, but: Collection[str]) -> list[str]:
    """Files that import a package whenever they are imported themselves. but: paths that may begin theirs."""
    found = []
    for path in modules(root).values():
        here = path.relative_to(root).as_posix()
        for one in imports(path):
            ours = one.module == package or one.module.startswith(package + ".")
            if ours and not one.in_function and not here.startswith(tuple(but)):
                found.append(f"{here}:{one.line} imports {one.module}")
    return found


def long_files(root: Path, limit: int, *folders: str) -> list[str]:
    """Files of Python with more lines than the limit."""
    paths = [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]
    lengths = {path.relative_to(root).as_posix(): len(path.read_text("utf-8").splitlines()) for path in paths}
    return [f"{name} has {length} lines" for name, length in lengths.items() if length > limit]


def imports_by_string(root: Path, but: Collection[str]) -> list[str]:
    """Files that import what a string names, where the other rules do not see it. but: the files that may."""
    found = []
    for path in modules(root).values():
        here = path.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Name):
                names = [node.id]
            elif isinstance(node, ast.Attribute):
                names = [node.attr]
            elif isinstance(node, ast.ImportFrom):
                names = [alias.name for alias in node.names]
            if here not in but and not BY_STRING.isdisjoint(names):
                found.append(f"{here}:{getattr(node, 'lineno', 0)} imports what a string names")
    return found


def untested(root: Path, packages: Collection[str]) -> list[str]:
    """Folders with code of a package that have no tests in the folder of the same name."""
    code = {path.parent for package in packages for path in (root / package).rglob("*.py") if path.stem != "__init__"}
    here = (folder.relative_to(root).as_posix() for folder in sorted(code))
    return [
        f"{folder} has no tests/{folder}" for folder in here if not any((root / "tests" / folder).glob("test_*.py"))
    ]


def unmirrored(root: Path, packages: Collection[str]) -> list[str]:
    """Folders with tests of a package that has no such folder."""
    folders = {path.parent for package in packages for path in (root / "tests" / package).rglob("test_*.py")}
    here = (folder.relative_to(root / "tests").as_posix() for folder in sorted(folders))
    return [f"tests/{folder} has no {folder}" for folder in here if not (root / folder).is_dir()]
