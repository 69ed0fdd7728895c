"""Machines for the host's tests; whatever they leave on the real one is taken away again."""

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.host.machine import IMAGE, Account, Machine, image_archive

PACKAGES = {"dockerd": "docker.io", "iptables": "iptables", "mkfs.xfs": "xfsprogs", "ip": "iproute2"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "host" in (config.getoption("markexpr") or ""):
        return
    for item in items:
        if "host" in item.keywords and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="changes this machine as root; make host-test runs it"))


@pytest.fixture(scope="session")
def engine() -> None:
    """Install what is missing of a Docker engine and XFS; only where the host's tests were asked for."""
    if platform.system() != "Linux" or os.geteuid() != 0:
        pytest.skip("needs root on Linux: namespaces, loop devices and a Docker engine of its own")
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if missing:
        if not shutil.which("apt-get"):
            pytest.skip(f"needs {', '.join(missing)}, and installs them only where there is apt-get")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-q"], check=True, env=environment, stdout=sys.stderr)
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
        subprocess.run(install, check=True, env=environment, stdout=sys.stderr)


@pytest.fixture(scope="session")
def scene(engine: None) -> Iterator[None]:
    """Restore what namespaces don't hide: the mount point under /dev and control groups."""
    made = [Path(path) for path in ("/dev/disk",) if not Path(path).exists()]
    groups = {*Path("/sys/fs/cgroup").glob("**/docker")}
    for path in made:
        path.mkdir()
    yield
    for path in [*made, *({*Path("/sys/fs/cgroup").glob("**/docker")} - groups)]:
        path.rmdir()


@pytest.fixture(scope="session")
def docker_with_image(scene: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Docker's directory on a machine that has pulled the image."""
    folder = tmp_path_factory.mktemp("image")
    image_archive(folder / "image.tar")
    with closing(Account(folder)) as account, closing(Machine(folder, account)) as machine:
        (account.folder / "image.tar").hardlink_to(folder / "image.tar")
        entry = f'ENTRYPOINT ["{Path(sys.executable).resolve()}", "/image/mongod.py"]'
        variables = f"ENV PATH=/usr/bin PYTHONPYCACHEPREFIX=/pycache PYTHONPATH={sysconfig.get_path('purelib')}"
        changes = ["--change", entry, "--change", variables]
        machine.run("systemctl", "enable", "--now", "docker.service")
        machine.run("docker", "import", *changes, str(account.folder / "image.tar"), IMAGE)
        machine.run("bash", "-c", "kill $(pidof dockerd); while pidof dockerd; do sleep 0.1; done")
    return machine.docker


@pytest.fixture
def account(scene: None, tmp_path: Path) -> Iterator[Account]:
    with closing(Account(tmp_path)) as account:
        yield account


@pytest.fixture
def bare_machine(account: Account, tmp_path: Path) -> Iterator[Machine]:
    """One that has not pulled the image, and should not get as far."""
    with closing(Machine(tmp_path, account)) as machine:
        yield machine


@pytest.fixture
def machine(account: Account, docker_with_image: Path, tmp_path: Path) -> Iterator[Machine]:
    with closing(Machine(tmp_path, account, docker_with_image)) as machine:
        yield machine


@pytest.fixture(scope="module")
def host(docker_with_image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine that has become a host, with ten rows; a test may break it as far as it repairs itself."""
    folder = tmp_path_factory.mktemp("host")
    with closing(Account(folder)) as account, closing(Machine(folder, account, docker_with_image)) as machine:
        machine.user_data()
        machine.write(range(10))
        yield machine
