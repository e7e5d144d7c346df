"""`trapline warm`: compiles ahead what first runs would compile."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from trapline.vm.cli.assembling import CachedTables
from trapline.vm.cli.option_groups import Command
from trapline.vm.cli.progress import announce_compilation
from trapline.vm.cli.user_errors import fail, reported


@click.command("warm", cls=Command, topics=("engine",))
@click.option("--into", metavar="FOLDER", help="Write to this folder instead of the first writable one that is read.")
@click.option("--system", is_flag=True, help="Write to the folder of this installation, which all its users read.")
@click.option(
    "--portable", is_flag=True,
    help="Compile for every processor of this architecture: for images that run on other computers.",
)  # fmt: skip
def warm_command(into: str | None, system: bool, portable: bool) -> None:
    """Compile ahead what first runs would compile.

    That is the engine, which runs everything under every technique, with breakpoints and without, some 5 seconds each,
    and the search of `trapline classify`, some 10, once for a version of Trapline, Python, numba and a processor. The
    engine as plain Python, which answers for CSRs, and the stencils of translated code take half a second, and the
    tables of the assembler's grammar an instant. What is there already stays.

    Compiled code is looked for in the folders of $TRAPLINE_CACHE_DIR, with colons between them, by default in the
    user's cache folder and in that of the installation. They may be read-only; the first writable one is written.

    \b
    trapline warm
    sudo trapline warm --system                    # a lab: for everybody
    RUN trapline warm --system --portable          # a container image
    trapline warm --into /opt/compiled             # then: export TRAPLINE_CACHE_DIR=/opt/compiled
    trapline --plugin my_isa.py warm               # with the plugin's instructions
    """
    from trapline.isa.table import added
    from trapline.vm.classifier.search import batch
    from trapline.vm.codegen import cache_folders, native, plain
    from trapline.vm.translator.host import kept

    if into is not None and system:
        raise click.UsageError("--into and --system exclude each other")
    if system:
        into = str(cache_folders.of_installation())
    with reported(), _written(into, cache_folders.VARIABLE):
        _refuse_unwritable(into, cache_folders)
        for what, source in (("engine", native.ENGINE), ("engine for breakpoints", native.STOPPING_ENGINE)):
            _show(what, partial(native.warm, source, native.engine_key(), portable, announce_compilation))
        if kept.has_stencils():
            _show("stencils", partial(kept.warm, portable))
        if not added():  # of plugins no other run would find it
            _show("engine as plain Python", plain.warm)
            _show("tables of the assembler", CachedTables().warm)
        _show("search", partial(batch.warm, portable, announce_compilation))


@contextmanager
def _written(folder: str | None, variable: str) -> Iterator[None]:
    """While active, this folder is the only one."""
    before = os.environ.get(variable)
    if folder is not None:
        os.environ[variable] = os.path.abspath(folder)
    try:
        yield
    finally:
        os.environ.pop(variable, None)
        if before is not None:
            os.environ[variable] = before


def _refuse_unwritable(into: str | None, folders: Any) -> None:
    """Refuse where nothing could be kept."""
    folder = folders.folder_to_write()
    if into is not None and folder != Path(os.path.abspath(into)):
        fail(f"{into}: cannot be written")
    if folder not in folders.search_path():
        fail(f"no folder can be written: {', '.join(map(str, folders.search_path()))}; --into names another")


def _show(what: str, warm: Callable[[], tuple[Path | None, bool]]) -> None:
    started = time.perf_counter()
    path, made = warm()
    if path is None:
        fail(f"the {what} was compiled, but cannot be written")
    how = f"compiled in {time.perf_counter() - started:.0f} s" if made else "already compiled"
    click.echo(f"{what}: {how}: {path}")
