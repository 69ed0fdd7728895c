"""Runs nx-27017 for subscriptions with a hyphen in their name. `python -m nami_cli.local.stand_in OPTIONS…`.

MongoDB takes any collection name. nx-27017's SQLite layer refuses a hyphen, because it writes names without quotes;
with quotes SQLite takes them. This is its internals, so its version is pinned exactly, and a test uses such a name.
"""

import re
import runpy

from neosqlite import sql_utils

_strict = sql_utils.quote_identifier


def _quoted(name: str) -> str:
    return f'"{name}"' if "-" in name and re.fullmatch(r"[A-Za-z_][\w-]*", name, re.ASCII) else _strict(name)


if __name__ == "__main__":
    sql_utils.quote_identifier = sql_utils.quote_table_name = _quoted
    runpy.run_module("nx_27017.nx_27017", run_name="__main__")
