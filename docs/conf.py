"""The documentation site: `sphinx-build -W --keep-going -b html docs OUT`, with the extra `docs`."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

_package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "Trapline"
author = "the Trapline maintainers"
copyright = f"2026, {author}"
version = release = _package["version"]
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "site_docstrings", "site_links"]
exclude_patterns: list[str] = []
suppress_warnings = ["misc.highlighting_failure"]
"""`ld` and dialects of assembly have no lexer that takes every file."""

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
default_role = "code"

html_theme = "furo"
html_title = f"Trapline {release}"
html_show_sphinx = False
html_copy_source = False

shown_pages = {
    "project/specification": "SPECIFICATION.md",
    "project/contributing": "CONTRIBUTING.md",
    "project/security": "SECURITY.md",
    "project/changelog": "CHANGELOG.md",
    "project/programs": "programs/README.md",
    "project/burrow": "programs/kernels/burrow/README.md",
    "project/warren": "programs/hypervisors/warren/README.md",
}
"""Pages of the site that show a document from elsewhere in the repository (`site_links`)."""
