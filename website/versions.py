"""Several versions of the site in one folder, as the theme's chooser of versions reads them."""

import json
import shutil
from pathlib import Path

_REDIRECT = (
    '<!doctype html><meta charset="utf-8"><title>nami</title><meta http-equiv="refresh" content="0; url=latest/">'
)


def add(site: Path, into: Path, version: str) -> None:
    """Put a built site there under its version and as the latest; an earlier build of that version gives way.

    `versions.json` has mike's form: a list of `{"version", "title", "aliases"}`, newest first.
    """
    into.mkdir(parents=True, exist_ok=True)
    index = into / "versions.json"
    others = [each for each in json.loads(index.read_text()) if each["version"] != version] if index.exists() else []
    entries = [{"version": version, "title": version, "aliases": ["latest"]}]
    entries += [{**each, "aliases": []} for each in others]
    for name in (version, "latest"):
        shutil.rmtree(into / name, ignore_errors=True)
        shutil.copytree(site, into / name)
    index.write_text(json.dumps(entries, indent=2) + "\n")
    (into / "index.html").write_text(_REDIRECT)
