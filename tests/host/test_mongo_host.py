"""The host's user data, on a real Docker engine and a real block device; AWS alone is played."""

import json
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.host.machine import ADDRESS, LOOPBACK, Account, Machine, run

pytestmark = pytest.mark.host


@pytest.mark.parametrize("address", [ADDRESS, LOOPBACK])
def test_first_boot_makes_a_database_that_answers_functions_and_session_managers_agent(
    host: Machine, address: str
) -> None:
    assert host.rows(by=address) == 10


def test_database_listens_at_no_other_address(host: Machine) -> None:
    listening = host.run("ss", "--no-header", "--listening", "--numeric", "--tcp", "sport = 27017").stdout.splitlines()
    assert {line.split()[3] for line in listening} == {f"{ADDRESS}:27017", f"{LOOPBACK}:27017"}


def test_data_is_on_the_volume(host: Machine) -> None:
    assert host.run("findmnt", "--noheadings", "--output", "FSTYPE,SOURCE", "/var/lib/nami").stdout.split() == [
        "xfs",
        host.account.device,
    ]
    assert host.run("ls", "/var/lib/nami/db").stdout


def test_it_signals_success_once_it_answers(host: Machine) -> None:
    assert host.account.calls("cloudformation") == [
        "cloudformation signal-resource --stack-name arn:aws:cloudformation:eu-west-1:123456789012:stack/nami-test/1 "
        f"--logical-resource-id Group --unique-id {host.instance_id} --status SUCCESS"
    ]


def signals(account: Account) -> int:
    return len(account.calls("cloudformation signal-resource"))


def test_signal_that_gets_lost_is_sent_again(machine: Machine, account: Account) -> None:
    account.set("signal", "(Throttling) when calling the SignalResource operation: Rate exceeded\n")
    machine.user_data()
    assert signals(account) == 2
    machine.user_data()
    assert signals(account) == 2


def test_signal_that_can_not_be_sent_is_left_to_the_next_run(machine: Machine, account: Account) -> None:
    lost = "(AccessDenied) when calling the SignalResource operation: is not authorized\n"
    account.set("signal", 5 * lost)
    assert machine.user_data(check=False).returncode == 1
    assert account.calls("cloudformation")[-1].endswith("--status SUCCESS")
    machine.user_data()
    assert signals(account) == 6


@pytest.mark.parametrize("can_not", ["cannot", "can not"])
def test_signal_that_no_deployment_waits_for_is_not_sent_again(
    machine: Machine, account: Account, can_not: str
) -> None:
    nobody = (
        f"(ValidationError) when calling …: Stack nami-test is in CREATE_COMPLETE state and {can_not} be signaled\n"
    )
    account.set("signal", nobody)
    machine.user_data()
    machine.user_data()
    assert signals(account) == 1


def test_failure_of_a_command_is_signalled_once_with_its_reason(machine: Machine, account: Account) -> None:
    (account.folder / "secret").unlink()
    assert machine.user_data(check=False).returncode == 1
    reason, bare = account.calls("cloudformation signal-resource")
    assert "line " in reason
    assert bare.endswith(f"--unique-id {machine.instance_id} --status FAILURE")


def with_memory(machine: Machine, gib: float) -> None:
    machine.run("tee", "/run/meminfo", stdin=f"MemTotal: {int(gib * 1024**2)} kB\n")
    machine.run("mount", "--bind", "/run/meminfo", "/proc/meminfo")


def swaps(machine: Machine) -> str:
    return machine.run("swapon", "--noheadings", "--show=NAME").stdout


def test_small_host_has_swap_for_need_alone(machine: Machine) -> None:
    with_memory(machine, 0.9)
    machine.user_data()
    assert swaps(machine) == "/var/lib/nami-swap\n"
    assert machine.run("stat", "-c", "%s", "/var/lib/nami-swap").stdout.strip() == str(1 << 30)
    assert machine.run("cat", "/run/sysctl").stdout == "vm.swappiness=1\n"


def test_swap_is_put_on_again_after_each_boot_and_once(machine: Machine) -> None:
    with_memory(machine, 0.9)
    machine.user_data()
    machine.user_data()
    machine.run("rm", "/run/swaps")  # as a boot does
    machine.boot()
    assert swaps(machine) == "/var/lib/nami-swap\n"


def test_host_that_can_have_no_swap_answers_all_the_same(machine: Machine) -> None:
    with_memory(machine, 0.9)
    machine.run("mkdir", "/run/swaps")
    assert "goes on without swap" in machine.user_data().stderr
    machine.write(range(10))
    assert machine.rows() == 10


def test_host_with_room_has_no_swap(machine: Machine) -> None:
    with_memory(machine, 4)
    machine.user_data()
    assert swaps(machine) == ""


def test_it_registers_its_address(host: Machine) -> None:
    call = host.account.get("calls").split("route53 change-resource-record-sets ")[1]
    batch = json.loads(call[call.index("{") : call.rindex("]}}]}") + 5])
    record = batch["Changes"][0]["ResourceRecordSet"]
    assert (record["Name"], record["ResourceRecords"]) == ("mongo.test.nami.internal", [{"Value": ADDRESS}])


def test_it_reports_the_fuller_of_its_disks(host: Machine) -> None:
    used = [line.strip(" %") for line in host.run("df", "--output=pcent", "/", "/var/lib/nami").stdout.splitlines()[1:]]
    call = host.account.calls("cloudwatch")[-1]
    before, _, after = call.partition(" --value ")
    value, _, dimensions = after.partition(" ")
    assert before == "cloudwatch put-metric-data --namespace nami --metric-name DiskUsed --unit Percent"
    assert dimensions == "--dimensions host=mongo.test.nami.internal"
    assert abs(int(value) - max(map(int, used))) <= 1


def test_volume_that_the_stack_made_is_tagged_by_it_alone(host: Machine) -> None:
    assert host.account.calls("ec2 create-tags") == []


def test_adopted_volume_gets_the_tag_that_it_is_backed_up_by(machine: Machine, account: Account) -> None:
    tag = "Key=nami:host,Value=mongo.test.nami.internal"
    machine.user_data(NAMI_VOLUME_TAG=tag)
    assert account.calls("ec2 create-tags") == [f"ec2 create-tags --resources vol-0123 --tags {tag}"]


def test_password_is_in_no_command_line_environment_or_file_of_the_host(host: Machine) -> None:
    password = json.loads(host.account.get("secret"))["password"]
    assert password not in host.run("docker", "inspect", "nami-mongo").stdout
    places = ["/etc", "/run", "/usr/local/sbin", "/var/lib/nami-host.signalled"]
    assert host.run("grep", "-rls", password, *places, check=False).stdout == ""
    assert password not in host.account.get("calls")


def test_running_again_changes_nothing(host: Machine) -> None:
    started, fstab = host.container(".State.StartedAt"), host.run("cat", "/etc/fstab").stdout
    host.user_data()
    assert host.container(".State.StartedAt") == started
    assert host.run("cat", "/etc/fstab").stdout == fstab
    assert host.rows() == 10


def test_killed_container_comes_back_with_its_rows(host: Machine) -> None:
    pid = host.container(".State.Pid")
    host.run("kill", "-9", pid)
    assert host.rows() == 10
    assert host.container(".State.Pid") != pid


def test_killed_daemon_comes_back_with_its_rows(host: Machine) -> None:
    host.kill_daemon()
    host.run("systemctl", "enable", "--now", "docker.service")
    assert host.rows() == 10


def test_reboot_keeps_the_rows(host: Machine) -> None:
    host.power_off()
    host.boot()
    assert host.rows() == 10


def test_missing_mount_does_not_become_an_empty_database(host: Machine) -> None:
    host.power_off()
    host.run("mv", "/etc/systemd/system/docker.service.d/nami.conf", "/run")
    host.run("systemctl", "enable", "--now", "docker.service")
    assert host.container(".State.Running") == "false"
    assert host.run("ls", "/var/lib/nami").stdout == ""
    host.boot()
    assert host.rows() == 10


def test_replaced_host_takes_over_the_rows(
    machine: Machine, account: Account, docker_with_image: Path, tmp_path: Path
) -> None:
    machine.user_data()
    machine.write(range(10))
    machine.close()
    # The old instance still holds the volume when the new one starts.
    threading.Timer(1.5, account.set, ("volume", "available None")).start()
    with closing(Machine(tmp_path, account, docker_with_image)) as successor:
        done = successor.user_data()
        assert f"in-use, held by {machine.instance_id}" in done.stderr
        assert successor.rows() == 10


def test_late_device_is_waited_for(machine: Machine, account: Account) -> None:
    account.set("device_delay", "3")
    machine.user_data()
    machine.write(range(10))
    assert machine.rows() == 10


def test_grown_volume_is_used_after_the_next_run(host: Machine) -> None:
    host.account.grow(640 << 20)
    host.user_data()
    size = int(host.run("findmnt", "--noheadings", "--bytes", "--output", "SIZE", "/var/lib/nami").stdout)
    assert size > 500 << 20
    assert host.rows() == 10


def overwrite(device: str, offset: int, data: bytes) -> None:
    with Path(device).open("r+b") as file:
        file.seek(offset)
        file.write(data)


def refusal(machine: Machine) -> str:
    """Run the user data on what it must refuse; return what CloudFormation hears first."""
    disk = machine.account.disk
    before = (disk.stat().st_blocks, run("head", "--bytes=8M", disk, text=False).stdout)
    assert machine.user_data(check=False).returncode == 1
    assert (disk.stat().st_blocks, run("head", "--bytes=8M", disk, text=False).stdout) == before
    reason, bare = machine.account.calls("cloudformation")
    assert f"--unique-id {machine.instance_id} --status FAILURE" in bare
    return reason


def test_foreign_file_system_is_refused_untouched(bare_machine: Machine, account: Account) -> None:
    run("mkfs.ext4", "-q", account.device)
    assert f"{bare_machine.instance_id}: data volume holds ext4, not xfs --status FAILURE" in refusal(bare_machine)


def test_partitioned_volume_is_refused_untouched(bare_machine: Machine, account: Account) -> None:
    partition = bytes([0, 0, 2, 0, 0x83, 0, 0, 0]) + (2048).to_bytes(4, "little") * 2
    overwrite(account.device, 446, partition.ljust(64, b"\0") + b"\x55\xaa")
    assert "data volume holds partitions, not xfs" in refusal(bare_machine)


def test_ambivalent_volume_is_refused_untouched(bare_machine: Machine, account: Account) -> None:
    run("mkfs.xfs", "-q", account.device)
    xfs = run("head", "--bytes=512", account.device, text=False).stdout
    run("mkfs.ext4", "-q", "-F", account.device)  # whose own superblock begins at 1024
    overwrite(account.device, 0, xfs)
    assert "data volume is ambivalent" in refusal(bare_machine)


def test_volume_without_a_file_system_that_is_not_blank_is_refused_untouched(
    bare_machine: Machine, account: Account
) -> None:
    overwrite(account.device, 5000, b"something")
    assert "data volume has no xfs and is not blank" in refusal(bare_machine)


def test_volume_of_another_secret_is_refused(host: Machine) -> None:
    secret = host.account.get("secret")
    host.account.set("secret", json.dumps({"username": "nami", "password": "another"}))
    done = host.user_data(check=False)
    host.account.set("secret", secret)
    assert done.returncode == 1
    assert "data volume belongs to another secret" in done.stderr
