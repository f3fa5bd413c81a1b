"""A hook of mkdocs: links from pages to files outside ``docs/`` work on the site as they do in the repository.

Pages are written for both: ``../CONTRIBUTING.md`` is right where the repository is browsed, and would lead out of the
site. So every file that a page links to is taken along under ``repository/``, a Markdown file as a page whose own links
are followed likewise, and the links are turned there. A folder stands for its README.md. A link to nothing is left as
it is, for mkdocs to complain about.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

# [text](target) or [text](target#anchor); not addresses, and not anchors of the same page.
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)(?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?(?=\))")
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
AWAY = "repository/"


def root_of(config: Any) -> Path:
    """The repository: where mkdocs.yml lies."""
    return Path(config["config_file_path"]).parent


def origin(site_path: str) -> str:
    """Where a page of the site lies in the repository."""
    return site_path.removeprefix(AWAY) if site_path.startswith(AWAY) else f"docs/{site_path}"


def place(path: str) -> str:
    """Where a file of the repository lies on the site; the reverse of :func:`origin`."""
    return path.removeprefix("docs/") if path.startswith("docs/") else AWAY + path


def resolved(root: Path, page: str, target: str) -> str | None:
    """The file of the repository that ``target`` on ``page`` means, None if there is none."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
    if (root / path).is_dir():
        path = f"{path}/README.md"
    return path if not path.startswith("..") and (root / path).is_file() else None


def linked(root: Path, pages: list[str]) -> Iterator[str]:
    """The files outside ``docs/`` that ``pages`` link to, and what these link to, each once."""
    waiting, seen = list(pages), set(pages)
    while waiting:
        page = waiting.pop()
        text = FENCED.sub("", (root / page).read_text(encoding="utf-8"))
        for match in LINK.finditer(text):
            path = resolved(root, page, match["target"])
            if path is None or path.startswith("docs/") or path in seen:
                continue
            seen.add(path)
            yield path
            if path.endswith(".md"):
                waiting.append(path)


def on_files(files: Files, config: Any) -> Files:
    """Take along what is linked to, and CONTRIBUTING.md and CHANGELOG.md, which the navigation names."""
    root = root_of(config)
    pages = [origin(file.src_uri) for file in files.documentation_pages()]
    named = [name for name in ("CONTRIBUTING.md", "CHANGELOG.md") if (root / name).exists()]
    for path in dict.fromkeys([*named, *linked(root, pages + named)]):
        files.append(File.generated(config, place(path), abs_src_path=str(root / path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn the page's links to where the files lie on the site."""
    root, here = root_of(config), page.file.src_uri

    def turned(match: re.Match[str]) -> str:
        path = resolved(root, origin(here), match["target"])
        if path is None or files.get_file_from_path(place(path)) is None:
            return match[0]
        return posixpath.relpath(place(path), posixpath.dirname(here) or ".") + (match["anchor"] or "")

    parts = re.split(rf"({FENCED.pattern})", markdown, flags=FENCED.flags)
    return "".join(part if index % 2 else LINK.sub(turned, part) for index, part in enumerate(parts))
