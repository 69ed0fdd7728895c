"""What is uploaded for each function, as the app builds it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nami_stack import bundling
from nami_stack.assets import CDK_JSON, LAMBDAS
from tests import synthesis


def built(out: Path, **settings: str) -> list[Path]:
    """The assets of both functions, as the app builds them."""
    flags = json.loads(CDK_JSON.read_text())["context"]
    assert synthesis.here(str(out.parent), str(out), {**flags, "name": "shopify", **settings}) == ""
    return [path.parent for path in out.glob("asset.*/handler.py")]


@pytest.fixture(scope="session")
def assets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The built asset of each function: pre_queue, post_queue."""
    folders = built(tmp_path_factory.mktemp("cdk.out"))
    with_pymongo = {folder: (folder / "pymongo").is_dir() for folder in folders}
    assert sorted(with_pymongo.values()) == [False, True]
    return {"post_queue" if has else "pre_queue": folder for folder, has in with_pymongo.items()}


@pytest.fixture(scope="session")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with boto3 and nothing else, as the Lambda runtime has it."""
    folder = tmp_path_factory.mktemp("boto3")
    subprocess.run(["uv", "pip", "install", "--quiet", "--target", str(folder), "boto3"], check=True)
    return folder


def imports(asset: Path, beside: Path, then: str = "", **environment: str) -> None:
    # -B: it leaves the asset as it was built. -I and -S: no site-packages, no user site, no environment, no current
    # directory.
    program = (
        f"import os, sys; sys.path[:0] = {[str(asset), str(beside)]!r}; os.environ.update({environment!r}); "
        f"import handler; handler.handler; {then}"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("function", ["pre_queue", "post_queue"])
def test_asset_imports_with_nothing_but_boto3_beside_it(assets: dict[str, Path], beside: Path, function: str) -> None:
    imports(assets[function], beside)


def test_asset_for_a_table_imports_without_pymongo(tmp_path: Path, beside: Path) -> None:
    for asset in built(tmp_path / "cdk.out", destination="dynamodb"):
        assert not (asset / "pymongo").exists()
        imports(asset, beside, DESTINATION="dynamodb", DYNAMO_TABLE="webhooks", DYNAMO_LARGE_ITEMS="bodies")


def test_sentrys_sdk_is_there_and_loaded_where_a_dsn_is_given(tmp_path: Path, beside: Path) -> None:
    dsn = "https://public@o1.ingest.sentry.io/2"
    table = {"DESTINATION": "dynamodb", "DYNAMO_TABLE": "webhooks", "DYNAMO_LARGE_ITEMS": "bodies"}
    folders = built(tmp_path / "cdk.out", destination="dynamodb", sentry_dsn=dsn)
    assert len(folders) == 2
    for asset in folders:
        imports(asset, beside, "from nami_runtime import sentry; assert sentry._sdk", SENTRY_DSN=dsn, **table)


def test_transform_is_evaluated_by_what_the_asset_has(tmp_path: Path, beside: Path) -> None:
    bus = {"DESTINATION": "eventbridge", "EVENT_BUS": "x", "EVENTS_TABLE": "x", "CLAIM_CHECK_BUCKET": "x"}
    (asset,) = [
        each
        for each in built(tmp_path / "cdk.out", destination="eventbridge", transform="id")
        if (each / "jsonata").is_dir()
    ]
    asked = """assert handler.destination._transform.of({'_id': 'a'}) == '"a"'"""
    imports(asset, beside, asked, TRANSFORM="id", **bus)


def test_sentrys_sdk_is_not_there_without_one(assets: dict[str, Path]) -> None:
    assert [asset for asset in assets.values() if (asset / "sentry_sdk").exists()] == []


def test_compiled_modules_are_for_the_functions_processor_and_python(assets: dict[str, Path]) -> None:
    compiled = [path.name for path in assets["post_queue"].rglob("*.so")]
    assert compiled
    assert all("cpython-313-aarch64" in name for name in compiled)


def test_pre_queue_asset_is_small(assets: dict[str, Path]) -> None:
    # Lambda loads it on every cold start; 200 kB of source is already far too much for what it does.
    files = [path for path in assets["pre_queue"].rglob("*") if path.is_file() and path.suffix != ".pyc"]
    size = sum(path.stat().st_size for path in files)
    assert size < 200_000


@pytest.mark.parametrize(
    ("signature", "needs"), [("github", False), ("discord", True), ("plaid", True), ("vonage", True)]
)
def test_what_reads_keys_is_there_for_the_schemes_that_need_it(
    tmp_path: Path, beside: Path, signature: str, needs: bool
) -> None:
    table = {"DESTINATION": "dynamodb", "DYNAMO_TABLE": "webhooks", "DYNAMO_LARGE_ITEMS": "bodies"}
    for asset in built(tmp_path / "cdk.out", destination="dynamodb", signature=signature):
        if not (asset / "nami_runtime" / "destinations").exists():  # the function before the queue
            there = {name for name in bundling.WITH_KEYS if (asset / f"nami_runtime/signatures/{name}.py").exists()}
            assert there == (set(bundling.WITH_KEYS) if needs else set())
            setting = {"scheme": signature}
            program = f"from nami_runtime import signatures; assert signatures.configured({setting!r})"
            imports(asset, beside, program, SIGNATURE=json.dumps(setting), **table)


def test_post_queue_asset_parses_multipart_forms_by_itself(assets: dict[str, Path], beside: Path) -> None:
    program = (
        "from nami_runtime import bodies, contents; "
        "body = b'--b\\r\\nContent-Disposition: form-data; name=a\\r\\n\\r\\n1\\r\\n--b--'; "
        "content = contents.opened(body, {'content-type': 'multipart/form-data; boundary=b'}); "
        "assert bodies.parse(content) == ('multipart', {'a': '1'})"
    )
    imports(assets["post_queue"], beside, program, MONGO_HOST="x")


def test_only_what_writes_to_a_destination_has_their_code(assets: dict[str, Path]) -> None:
    there = {name: (path / "nami_runtime" / "destinations").is_dir() for name, path in assets.items()}
    assert there == {"pre_queue": False, "post_queue": True}


@pytest.fixture(params=["uv", "pip"])
def installed(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Bundle a function with these requirements; returns its asset."""
    monkeypatch.setattr(bundling.shutil, "which", lambda name: name if request.param == "uv" else None)
    for folder in ("source", "runtime", "asset"):
        (tmp_path / folder).mkdir()

    def bundle(*requirements: Path | str) -> Path:
        files = [tmp_path / f"{number}.txt" for number in range(len(requirements))]
        for file, content in zip(files, requirements, strict=True):
            file.write_text(content if isinstance(content, str) else content.read_text())
        bundling._LocalBundling(tmp_path / "source", tmp_path / "runtime", files).try_bundle(str(tmp_path / "asset"))
        return tmp_path / "asset"

    return bundle


def test_pinned_packages_install_beside_a_users_own(installed: Callable[..., Path]) -> None:
    asset = installed(LAMBDAS / "pre_queue" / "requirements-asymmetric.txt", "six==1.17.0\n")
    assert {"cryptography", "cffi", "six.py"} <= {path.name for path in asset.iterdir()}


def test_package_with_another_content_than_was_pinned_is_refused(installed: Callable[..., Path]) -> None:
    with pytest.raises(RuntimeError, match=r"(?i)hash"):
        installed(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")


def test_package_without_a_hash_among_those_that_have_one_is_refused(installed: Callable[..., Path]) -> None:
    with pytest.raises(RuntimeError, match="six"):
        installed((LAMBDAS / "post_queue" / "requirements-mongo.txt").read_text() + "six==1.17.0\n")


def test_what_json_web_tokens_and_their_keys_need_install_together(installed: Callable[..., Path]) -> None:
    asset = installed(*(LAMBDAS / "pre_queue" / f"requirements-{name}.txt" for name in ("asymmetric", "jwt")))
    assert {"cryptography", "jwt"} <= {path.name for path in asset.iterdir()}


@pytest.fixture
def at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the functions' Python is looked for; this one stands for it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / bundling.RUNTIME.name).symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.mark.usefixtures("at_hand")
def test_modules_are_compiled_where_the_functions_python_is_at_hand(tmp_path: Path, beside: Path) -> None:
    program = (
        "import importlib.util as util; from nami_runtime import intake; "
        "own = [m for m in list(sys.modules.values()) if str(getattr(m, '__file__', '')).startswith(sys.path[0])]; "
        "codes = [open(util.cache_from_source(m.__file__), 'rb').read(8) for m in own]; "
        "assert len(codes) > 5 and {code[4:] for code in codes} == {b'\\3\\0\\0\\0'}, codes; "
        "assert intake.answer.__code__.co_filename.startswith(sys.path[0])"
    )
    for asset in built(tmp_path / "cdk.out", destination="dynamodb"):
        if not (asset / "nami_runtime" / "destinations").exists():
            imports(asset, beside, program)


def test_no_module_is_compiled_where_the_functions_python_does_not_start(tmp_path: Path, at_hand: Path) -> None:
    if f"python{sys.version_info[0]}.{sys.version_info[1]}" == bundling.RUNTIME.name:
        pytest.skip("it is the one that runs this")
    python = at_hand / bundling.RUNTIME.name
    python.unlink()
    python.write_text("#!/bin/sh\nexit 127\n")
    python.chmod(0o755)
    assets = built(tmp_path / "cdk.out", destination="dynamodb")
    assert [path for asset in assets for path in asset.rglob("*.pyc")] == []
