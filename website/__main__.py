"""`make docs`: the site in website/html, from the README, docs/, the table of providers and the docstrings."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from website.pages import write
from website.versions import add

FOLDER = Path(__file__).parent


def main() -> None:
    """Build the site, and put it beside its other versions where asked."""
    parser = argparse.ArgumentParser(prog="python -m website", description=__doc__)
    parser.add_argument("--into", type=Path, help="a folder of all versions, as GitHub Pages serves it")
    parser.add_argument("--version", help="this one's name there, as 0.2")
    options = parser.parse_args()
    if bool(options.into) != bool(options.version):
        parser.error("--into and --version go together")
    shutil.rmtree(FOLDER / "html", ignore_errors=True)
    write(FOLDER / "pages")
    zensical = Path(sys.executable).with_name("zensical")
    subprocess.run([zensical, "build", "--strict", "--clean", "--config-file", FOLDER / "zensical.toml"], check=True)
    for page in (FOLDER / "pages").rglob("*.md"):  # who reads Markdown gets it: /aws/ is also /aws.md
        shutil.copy(page, FOLDER / "html" / page.relative_to(FOLDER / "pages"))
    if options.into:
        add(FOLDER / "html", options.into, options.version)


main()
