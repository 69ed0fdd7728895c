"""What one has to know of each provider beside its scheme: from here come docs/signatures.md and `nami signatures`.

The functions never load it. What is signed, the delivery's id and the handshake stand in the scheme itself, see
`scheme_words`.
"""

import tomllib
from pathlib import Path
from typing import NamedTuple


class Facts(NamedTuple):
    """One provider: `secret` is what the secret holds, `found` where it is found, `source` what to hold it against.

    `console` says where the provider is given the URL: the steps, by its document, or that document's https address.
    """

    title: str
    secret: str
    found: str
    source: str
    note: str = ""
    console: str = ""


_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
READ = {name: str(table.pop("read")) for name, table in _TABLES.items() if "read" in table}
"""The date at which `source` was last read for the entry."""
FACTS = {name: Facts(**table) for name, table in _TABLES.items()}
