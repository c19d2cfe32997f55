"""A hook of MkDocs: pages that lie outside docs/, and links that lead out of it.

README and the other pages of the root stay where people look for them, and are pages of the site,
too. A link to another file of the repository becomes its text, since the site has no such file; one
that leads nowhere is an error of the build.
"""

import posixpath
import re
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).resolve().parents[1]
OUTSIDE: Final = {
    "README.md": "start.md",
    "ARCHITECTURE.md": "architecture.md",
    "GLOSSARY.md": "glossary.md",
    "CHANGELOG.md": "changelog.md",
}
"""File of the repository's root -> page of the site."""
_PLACES: Final = {page: name for name, page in OUTSIDE.items()}
_LINK: Final = re.compile(r"\[([^\[\]]+)\]\(([^()\s#:]*)(#[^()\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside."""
    for name, page in OUTSIDE.items():
        content = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make each link one of the site."""
    del config
    here = page.file.src_uri
    source = _PLACES.get(here, f"docs/{here}")

    def rewritten(found: re.Match[str]) -> str:
        text, target, anchor = found[1], found[2], found[3] or ""
        if not target:
            return found[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if not (ROOT / path).exists() and files.get_file_from_path(path[5:]) is None:
            raise PluginError(f"{source}: the link to {target} leads nowhere")
        inside = OUTSIDE.get(path) or path.removeprefix("docs/")
        if files.get_file_from_path(inside) is None:
            inside = posixpath.join(inside, "README.md")
            if files.get_file_from_path(inside) is None:
                return text
        return f"[{text}]({posixpath.relpath(inside, posixpath.dirname(here) or '.')}{anchor})"

    return _LINK.sub(rewritten, markdown)
