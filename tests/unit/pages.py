"""Pages of the docs with blocks that say what the code says: `make docs` writes them, tests hold them equal."""

import os
import re
import tempfile
from pathlib import Path

WRITES = "NAMI_WRITE_DOCS"


def block_is_behind(page: Path, marker: str, content: str) -> bool:
    """Whether something else stands between the page's markers; where the docs are being written, that is mended."""
    written = page.read_text()
    block = re.compile(rf"(<!-- {marker}: .*? -->\n).*?(<!-- /{marker} -->)", re.DOTALL)
    current, places = block.subn(lambda match: f"{match[1]}\n{content}\n{match[2]}", written)
    assert places == 1, f"{page.name} has {places} places for {marker}"
    return page_is_behind(page, current)


def page_is_behind(page: Path, content: str) -> bool:
    """Whether the page says something else; where the docs are being written, that is mended."""
    if page.exists() and page.read_text() == content:
        return False
    if not os.environ.get(WRITES):
        return True
    # Another process of the tests may read the page meanwhile, and never sees a half of it.
    with tempfile.NamedTemporaryFile("w", dir=page.parent, prefix=f".{page.name}-", delete=False) as beside:
        beside.write(content)
    new = Path(beside.name)
    new.chmod(0o644)
    new.replace(page)
    return False
