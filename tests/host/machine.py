"""A machine for the host's script: this one's files (copied on write), with processes, mounts and a network of its own.

Ending its first process ends it as pulling the plug would: containers, daemons, mounts, bridge and firewall rules go
with the namespaces that they live in. Only loop devices and control groups are the real machine's.
"""

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from nami_stack.destinations.mongo_host import host_script
from nami_stack.destinations.mongo_release import MONGO_IMAGE

HERE = Path(__file__).parent
IMAGE = MONGO_IMAGE.partition("@")[0]  # what is imported has another digest
VOLUME = "vol-0123"
ADDRESS = "10.20.30.40"  # of every machine in its network, by which the functions come
LOOPBACK = "127.0.0.1"  # by which Session Manager's agent comes
START = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount --rbind /dev dev
mount --rbind /sys sys
mount -t proc proc proc
mount -t tmpfs tmpfs run
mkdir -p dev/disk var/lib/docker
mount -t tmpfs tmpfs dev/disk
mount --bind "$2" var/lib/docker
mount --bind "$3" ".$3"
ip link set lo up
ip address add "$4/32" dev lo
# Not just chroot: a process that enters the machine, or a container, starts at the root of its mounts.
pivot_root . mnt
# A shell, because the first process has to reap what others leave behind.
exec chroot . /bin/bash -c 'umount --lazy /mnt; touch /run/ready; while :; do sleep 1; done'
"""


def run(*command: str | Path, **more: Any) -> subprocess.CompletedProcess[Any]:
    """Run a command of the real machine; fail with what it said."""
    done = subprocess.run(command, check=False, **{"capture_output": True, "text": True, **more})
    assert done.returncode == 0, f"{command}: {done.stderr or done.stdout}"
    return done


class Account:
    """What outlives a machine: the volume (a sparse file on a loop device), the secret, and what AWS was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "account"
        self.folder.mkdir()
        self.disk = folder / "disk"
        with self.disk.open("wb") as disk:
            disk.truncate(320 << 20)  # about the least that XFS takes
        self.device = run("losetup", "--find", "--show", self.disk).stdout.strip()
        self.set("device", self.device)
        self.set("device_delay", "0")
        self.set("volume", "available None")
        self.set("secret", json.dumps({"username": "nami", "password": uuid.uuid4().hex}))
        self.set("calls", "")
        self.set("signal", "")

    def set(self, key: str, value: str) -> None:
        (self.folder / key).write_text(value)

    def get(self, key: str) -> str:
        return (self.folder / key).read_text()

    def calls(self, beginning: str) -> list[str]:
        return [line for line in self.get("calls").splitlines() if line.startswith(beginning)]

    def grow(self, size: int) -> None:
        os.truncate(self.disk, size)
        run("losetup", "--set-capacity", self.device)

    def close(self) -> None:
        for _ in range(50):
            subprocess.run(["losetup", "--detach", self.device], capture_output=True, check=False)
            # A detached device that is still mounted somewhere goes away later.
            if not subprocess.run(["losetup", self.device], capture_output=True, check=False).stdout:
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.device} is still in use")


class Machine:
    """An EC2 instance, more or less, whose Docker already has the image."""

    def __init__(self, folder: Path, account: Account, docker: Path | None = None) -> None:
        self.account = account
        self.instance_id = f"i-{uuid.uuid4().hex[:17]}"
        root, self.docker = folder / self.instance_id, folder / f"{self.instance_id}-docker"
        root.mkdir()
        if docker is None:
            self.docker.mkdir()
        else:
            run("cp", "--archive", docker, self.docker)
        unshare = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
        script = ["bash", "-c", START, "bash", str(root), str(self.docker), str(account.folder), ADDRESS]
        self.process = subprocess.Popen([*unshare, *script], stderr=subprocess.PIPE, text=True)
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        while not (self.process.poll() is None and (pids := children.read_text().split())):
            assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()
            time.sleep(0.01)
        self.pid = pids[0]
        while not Path(f"/proc/{self.pid}/root/run/ready").exists():
            assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()
            time.sleep(0.01)
        self.variables = {
            "NAMI_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:Mongo-abcdef",
            "NAMI_VOLUME_ID": VOLUME,
            "NAMI_REGION": "eu-west-1",
            "NAMI_ZONE_ID": "Z0123",
            "NAMI_DNS_NAME": "mongo.test.nami.internal",
            "NAMI_MONGO_IMAGE": IMAGE,
            "NAMI_STACK": "arn:aws:cloudformation:eu-west-1:123456789012:stack/nami-test/1",
            "NAMI_LOGICAL_ID": "Group",
        }

    def run(self, *command: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        enter = ["nsenter", "--target", self.pid, "--mount", "--net", "--pid"]
        environment = {
            "PATH": f"{HERE / 'bin'}:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "ACCOUNT": str(self.account.folder),
            "INSTANCE_ID": self.instance_id,
            "ADDRESS": ADDRESS,
        }
        done = subprocess.run(
            [*enter, *command], env=environment, input=stdin, capture_output=True, text=True, check=False, timeout=30
        )
        assert not check or done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
        return done

    def user_data(self, *, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        """Run it as cloud-init does on the first boot, with more variables where given."""
        self.run("tee", "/run/user-data", stdin="#!/bin/bash\n" + host_script(self.variables | more))
        return self.run("bash", "/run/user-data", check=check)

    def boot(self) -> None:
        """Do what systemd does on each later boot."""
        self.run("systemctl", "enable", "--now", "docker.service")
        self.run("systemctl", "enable", "--now", "nami-host.service")

    def container(self, field: str) -> str:
        return self.run("docker", "inspect", "--format", f"{{{{{field}}}}}", "nami-mongo").stdout.strip()

    def python(self, code: str, *, by: str = ADDRESS) -> str:
        """Run Python against the published port of an address; `rows` is a collection."""
        prelude = (
            "import time, pymongo\n"
            "for _ in range(100):\n"
            "    try:\n"
            f"        client = pymongo.MongoClient('{by}', serverSelectionTimeoutMS=200)\n"
            "        client.admin.command('ping'); break\n"
            "    except pymongo.errors.PyMongoError: time.sleep(0.05)\n"
            "rows = client.nami.rows\n"
        )
        return self.run(sys.executable, "-c", prelude + code).stdout.strip()

    def write(self, rows: Iterable[int]) -> None:
        self.python(f"rows.insert_many([{{'_id': i}} for i in {list(rows)!r}])")

    def rows(self, *, by: str = ADDRESS) -> int:
        return int(self.python("print(rows.count_documents({}))", by=by))

    def kill_daemon(self) -> None:
        self.run("bash", "-c", "kill -9 $(pidof dockerd)")

    def power_off(self) -> None:
        """End what runs and is mounted, in no good order; the disk stays for `boot`."""
        pid = self.container(".State.Pid")
        self.kill_daemon()
        self.run("bash", "-c", "kill -9 $(pidof containerd-shim-runc-v2)")
        self.run("bash", "-c", f"kill -9 {pid}; while [[ -e /proc/{pid} ]]; do sleep 0.05; done")
        self.run("umount", "--recursive", "/var/lib/nami")

    def close(self) -> None:
        """Pull the plug, after taking the containers away, whose control groups would stay."""
        if self.process.poll() is not None:
            return
        listed = self.run("docker", "ps", "--all", "--quiet", check=False).stdout.split()
        if listed:
            self.run("docker", "rm", "--force", *listed, check=False)
        os.kill(int(self.pid), signal.SIGKILL)
        self.process.wait(10)


def image_archive(path: Path) -> None:
    """Write a file system with this Python, the shared libraries that it needs, and what `image/` needs."""
    prefix, version = Path(sys.base_prefix).resolve(), f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = prefix / "lib" / version
    python = Path(sys.executable).resolve()
    binaries = [python, *library.glob("lib-dynload/*.so")]
    listed = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False).stdout
    shared = {word for line in listed.splitlines() for word in line.split() if word.startswith("/") and ":" not in word}
    with tarfile.open(path, "w") as tar:
        for name in [python, *sorted(shared)]:
            tar.add(Path(name).resolve(), str(name))
        tar.add(library, str(library), filter=_stdlib)
        for package in ("nx-27017", "neosqlite", "pymongo", "dnspython"):
            for file in metadata.files(package) or []:
                if file.parts[0] != "..":
                    tar.add(str(file.locate()), str(file.locate()))
        # Compiled once, and not in each new container.
        environment = {"PYTHONPYCACHEPREFIX": str(path.with_name("pycache"))}
        run(sys.executable, "-m", "nx_27017.nx_27017", "--help", env=environment)
        run(sys.executable, "-c", "import json, pathlib, re, socket, runpy, asyncio, sqlite3", env=environment)
        tar.add(path.with_name("pycache"), "/pycache")
        for name in ("mongod", "mongosh"):
            tar.add(HERE / "image" / f"{name}.py", f"/image/{name}.py")
        launcher = path.with_name("mongosh")
        launcher.write_text(f'#!{python}\nimport runpy\nrunpy.run_path("/image/mongosh.py")\n')
        launcher.chmod(0o755)
        tar.add(launcher, "/usr/bin/mongosh")
        temporary = tarfile.TarInfo("/tmp")
        temporary.type, temporary.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(temporary)


def _stdlib(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    unused = {"site-packages", "test", "tests", "idlelib", "tkinter", "ensurepip", "lib2to3", "turtledemo"}
    parts = set(Path(member.name).parts)
    return None if parts & unused or any(part.startswith("config-") for part in parts) else member
