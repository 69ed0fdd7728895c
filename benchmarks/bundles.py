"""The functions as one deploys them: the handler with what it imports beside it.

What Lambda's runtimes have by themselves, boto3 and what it needs, lies apart and compiled; a bundle's own modules are
source here, and compiled in a second copy: others upload the first, and nami the second where it can. What is not
nami's own comes from the locks beside the functions and is kept in .venv.
"""

import compileall
import io
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchmarks.parts import ROOT
from nami_stack.bundling import AFTER_THE_QUEUE, WITH_KEYS

FUNCTIONS = ROOT / "benchmarks" / "functions"
_BOTO3 = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "urllib3", "six.py")
_MONGO = ("pymongo", "bson", "gridfs", "dns")
_POSTGRES = ("psycopg", "psycopg_binary", "psycopg_binary.libs", "typing_extensions.py")
_PACKAGES = {"store_nami_mongo": _MONGO, "store_nami_postgres": _POSTGRES, "store_one": _MONGO}
_PACKAGES |= {"store_powertools": _MONGO, "store_postgres": _POSTGRES}
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", "package*.json", "requirements*")


@dataclass(frozen=True)
class Bundle:
    """A function's folder, one with its modules compiled (of Node: the same), and the bytes that one uploads."""

    name: str
    folder: Path
    compiled: Path
    libraries: Path
    zipped: int

    @property
    def in_node(self) -> bool:
        """Whether Node runs it."""
        return "_node" in self.name


def lay_out(place: Path, names: list[str]) -> dict[str, Bundle]:
    """Make these functions' bundles below a folder."""
    libraries = _libraries()
    return {name: _bundle(place, name, libraries) for name in names}


def _bundle(place: Path, name: str, libraries: Path) -> Bundle:
    folder, compiled = place / "sources" / name, place / "compiled" / name
    if "nami" in name:
        _nami(folder, name.split("_", maxsplit=1)[0])
    else:
        shutil.copytree(FUNCTIONS / name, folder, ignore=_IGNORED)
    for package in _PACKAGES.get(name, ()):
        _copy(_site_packages() / package, folder / package)
    if "powertools" in name:
        shutil.copytree(installed(FUNCTIONS / "powertools.txt"), folder, dirs_exist_ok=True, ignore=_IGNORED)
    zipped = _zipped(folder)
    if "_node" in name:
        modules = installed(FUNCTIONS / name / "package-lock.json") / "node_modules"
        # Lambda's Node has v3 of the SDK, and people leave it out of what they upload.
        zipped += 0 if name.endswith("sdk3") else _zipped(modules)
        (folder / "node_modules").symlink_to(modules)
        return Bundle(name, folder, folder, libraries, zipped)
    shutil.copytree(folder, compiled)
    compileall.compile_dir(compiled, quiet=2)
    return Bundle(name, folder, compiled, libraries, zipped)


def _nami(folder: Path, step: str) -> None:
    """As nami_stack.functions bundles it."""
    before = step == "send"
    shutil.copytree(ROOT / "lambdas" / "nami_runtime", folder / "nami_runtime", ignore=_IGNORED)
    shutil.copy(ROOT / "lambdas" / ("pre_queue" if before else "post_queue") / "handler.py", folder)
    if before:
        shutil.rmtree(folder / "nami_runtime" / "destinations")
        unused = [*AFTER_THE_QUEUE, *(f"signatures/{module}" for module in WITH_KEYS)]
        for module in unused:
            (folder / "nami_runtime" / f"{module}.py").unlink(missing_ok=True)


def _site_packages() -> Path:
    found = find_spec("boto3")
    assert found
    return Path(str(found.origin)).parents[1]


def _libraries() -> Path:
    """boto3 of this environment, compiled; made once for each of its versions."""
    folder = ROOT / ".venv" / f"bench-boto3-{version('boto3')}"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        for name in _BOTO3:
            _copy(_site_packages() / name, folder / name)
        compileall.compile_dir(folder, quiet=2)
        (folder / "whole").touch()
    return folder


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyi"))
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def installed(lock: Path) -> Path:
    """The packages of a lock beside the functions, installed once for each state of it."""
    folder = ROOT / ".venv" / f"bench-{sha256(lock.read_bytes()).hexdigest()[:12]}"
    if (folder / "whole").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if lock.name == "package-lock.json":
        for name in ("package.json", lock.name):
            shutil.copy(lock.parent / name, folder)
        subprocess.run(["npm", "ci", "--silent", "--no-fund", "--no-audit", "--prefix", folder], check=True)
    else:
        command = ["uv", "pip", "install", "--quiet", "--python", sys.executable, "--require-hashes"]
        subprocess.run([*command, "--requirement", lock, "--target", folder], check=True)
        shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / "whole").touch()
    return folder


def _zipped(folder: Path) -> int:
    """Bytes of the archive."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return len(written.getvalue())
