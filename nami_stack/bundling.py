"""What a function's asset holds: its own folder, nami_runtime beside it, and its pinned dependencies."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from platform import machine

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

from nami_stack import assets, names

RUNTIME = lambda_.Runtime.PYTHON_3_13
ARCHITECTURE = lambda_.Architecture.ARM_64
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile")
# The same in a tenth of the time, where it is installed.
_UV = ("uv", "pip", "install", "--quiet", f"--python={sys.executable}", "--link-mode=copy")
# Wheels for the function, not for the machine that synthesises. Amazon Linux 2023 has glibc 2.34, and pip takes
# only the tags that it is told.
_PIP_FOR_LAMBDA = (
    "--platform=manylinux_2_28_aarch64",
    "--platform=manylinux_2_17_aarch64",
    "--platform=manylinux2014_aarch64",
    "--implementation=cp",
    "--python-version=3.13",
    "--only-binary=:all:",
)
_UV_FOR_LAMBDA = ("--python-platform=aarch64-manylinux_2_28", "--python-version=3.13", "--only-binary=:all:")
# Of the runtime: what the function before the queue never loads.
AFTER_THE_QUEUE = (
    *("added_headers", "batch", "bodies", "clients", "contents", "direct", "documents", "entries", "events"),
    *("expression", "fitting", "inflate", "lines", "login", "outcome", "pace", "piped", "queue", "reaching", "reading"),
    *("results", "rows", "same_id", "transform", "tries"),
)
# What reads keys and certificates, for the schemes that install these packages.
WITH_KEYS = [
    "asymmetric",
    "certificates",
    "fetched",
    "jwt_check",
    "jwt_keys",
    "jwts",
    "keys",
    "paypal",
    "public_keys",
    "sns",
]
_KEY_PACKAGES = {"cryptography", "pyjwt"}
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", "requirements*")


def code(source: Path, extra_requirements: Sequence[Path]) -> lambda_.Code:
    """The code of the function whose handler lies in a folder, with these packages beside what it names itself."""
    runtime = assets.RUNTIME
    own = source / "requirements.txt"
    # What your own file names is installed as that says, and nothing else in its place.
    extra = [path for path in extra_requirements if not _named(path) <= _named(own)]
    # Most functions need nothing, and then pip need not start.
    requirements = [path for path in (own, *extra) if path.is_file() and _names_any(path)]
    return lambda_.Code.from_asset(
        str(source),
        # Of everything that makes the asset; the default hash sees the source folder alone.
        asset_hash=_digest(source, runtime, requirements),
        asset_hash_type=cdk.AssetHashType.CUSTOM,
        bundling=cdk.BundlingOptions(image=RUNTIME.bundling_image, local=_LocalBundling(source, runtime, requirements)),
    )


def _digest(source: Path, runtime: Path, requirements: Sequence[Path]) -> str:
    used = [path.read_text() for path in requirements]
    runs_on = (sys.version, machine()) if _run_here() else (RUNTIME.name, ARCHITECTURE.name)
    digest = hashlib.sha256(repr((*runs_on, used)).encode())
    for folder in (source, runtime):
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
            digest.update(f"{path.relative_to(folder.parent)}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


@jsii.implements(cdk.ILocalBundling)
class _LocalBundling:
    """Makes the asset with uv or pip, so that nobody needs Docker."""

    def __init__(self, source: Path, runtime: Path, requirements: Sequence[Path]) -> None:
        self._source, self._runtime, self._requirements = source, runtime, requirements

    def try_bundle(self, output_dir: str, *_options: object, **_more: object) -> bool:
        target = Path(output_dir)
        shutil.copytree(self._source, target, ignore=_IGNORED, dirs_exist_ok=True)
        shutil.copytree(self._runtime, target / self._runtime.name, ignore=_IGNORED)
        if self._source.name == "pre_queue":
            self._leave_out(target / self._runtime.name)
        if self._requirements:
            self._install(target)
        _compile(target)
        return True

    def _leave_out(self, runtime: Path) -> None:
        shutil.rmtree(runtime / "destinations", ignore_errors=True)
        unused = [runtime / f"{name}.py" for name in AFTER_THE_QUEUE]
        if _KEY_PACKAGES.isdisjoint(set().union(*map(_named, self._requirements))):
            unused += [runtime / "signatures" / f"{name}.py" for name in WITH_KEYS]
        for path in unused:
            path.unlink(missing_ok=True)

    def _install(self, target: Path) -> None:
        tool, for_lambda = (_UV, _UV_FOR_LAMBDA) if shutil.which("uv") else (_PIP, _PIP_FOR_LAMBDA)
        options = () if _run_here() else for_lambda
        # Each by itself: one file's hashes would be asked of all that is installed with it, and yours may have none.
        for path in self._requirements:
            if _run_here() and _is_installed(path):
                continue
            hashes = ["--require-hashes"] if "--hash=" in path.read_text() else []
            result = subprocess.run(
                (*tool, *options, *hashes, f"--requirement={path}", f"--target={target}"),
                capture_output=True,
                text=True,
                check=False,
            )
            if result.returncode:
                # Returning False would make the CDK try Docker and hide the cause.
                raise RuntimeError(f"could not install {path}:\n{result.stderr.strip()}")
        (target / ".lock").unlink(missing_ok=True)  # uv's own


def _run_here() -> bool:
    return bool(os.environ.get(names.RUN_HERE))


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _is_installed(path: Path) -> bool:
    """Whether all that a file of requirements pins is installed beside this very package."""
    for line in path.read_text().splitlines():
        if line.startswith(("#", " ")) or ";" in line or not line:  # a marker: needed by another one that counts
            continue
        pin = re.fullmatch(r"([\w.-]+)==([^\s\\]+)( \\)?", line)
        if not pin or _version(pin[1]) != pin[2]:
            return False
    return True


def _compile(target: Path) -> None:
    """Lays compiled modules beside the others, where the functions' Python is at hand.

    Lambda's folder of code can't be written to, so without them each cold start compiles all that it loads. They hold
    by a hash of their source, since an archive keeps no times: what somebody edits in Lambda's console is compiled.
    """
    is_theirs = _run_here() or f"python{sys.version_info.major}.{sys.version_info.minor}" == RUNTIME.name
    if python := sys.executable if is_theirs else shutil.which(RUNTIME.name):
        command = [python, "-I", "-m", "compileall", "-q", "-j0", "--invalidation-mode=checked-hash"]
        command += ["-s", str(target), "-p", "/var/task", str(target)]
        subprocess.run(command, capture_output=True, check=False)


def _names_any(path: Path) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in path.read_text().splitlines())


def _named(path: Path) -> set[str]:
    """The packages that a file asks for; of one that is locked, what it was locked for."""
    source = path.with_suffix(".in") if path.with_suffix(".in").is_file() else path
    text = source.read_text() if source.is_file() else ""
    return {found.lower().replace("_", "-") for found in re.findall(r"^\s*([A-Za-z0-9][\w.-]*)", text, re.MULTILINE)}
