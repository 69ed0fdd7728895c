"""Pages of the docs with blocks that are written from the code."""

import re
import tempfile
from pathlib import Path


def rewritten(page: Path, marker: str, content: str) -> bool:
    """Put what the code says between the page's markers; tell whether it was not there yet."""
    written = page.read_text()
    block = re.compile(rf"(<!-- {marker}: .*? -->\n).*?(<!-- /{marker} -->)", re.DOTALL)
    current, places = block.subn(lambda match: f"{match[1]}\n{content}\n{match[2]}", written)
    assert places == 1, f"{page.name} has {places} places for {marker}"
    return replaced(page, current)


def replaced(page: Path, content: str) -> bool:
    """Make this the page's content; tell whether it was another one.

    Another process of the tests may read the page meanwhile, and never sees a half of it.
    """
    if page.exists() and page.read_text() == content:
        return False
    with tempfile.NamedTemporaryFile("w", dir=page.parent, prefix=f".{page.name}-", delete=False) as beside:
        beside.write(content)
    new = Path(beside.name)
    new.chmod(0o644)
    new.replace(page)
    return True
