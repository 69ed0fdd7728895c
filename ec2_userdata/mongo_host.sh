#!/bin/bash
# Turns an Amazon Linux 2023 instance into the MongoDB host. The construct puts the NAMI_… variables above this line.
#
# As user data it only installs itself as the service nami-host, which runs it now, after each boot, and again a
# minute after a failure. Every step looks before it acts, so running it again is safe:
#   journalctl -u nami-host            what it did
#   journalctl -u nami-disk            how it told CloudWatch, each five minutes, how full the disks are
#   systemctl restart nami-host        do it again, for example after growing the volume
set -Eeuo pipefail

: "${NAMI_REGION:?}" "${NAMI_STACK:?}" "${NAMI_LOGICAL_ID:?}" "${NAMI_VOLUME_ID:?}" "${NAMI_SECRET_ARN:?}"
: "${NAMI_ZONE_ID:?}" "${NAMI_DNS_NAME:?}" "${NAMI_MONGO_IMAGE:?}"
export AWS_REGION=$NAMI_REGION AWS_DEFAULT_REGION=$NAMI_REGION AWS_PAGER=''

readonly program=/usr/local/sbin/nami-host
readonly signalled=/var/lib/nami-host.signalled
readonly mount_point=/var/lib/nami
readonly device=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${NAMI_VOLUME_ID/-/}
readonly container=nami-mongo
readonly swap=/var/lib/nami-swap

say() { echo "nami-host: $*" >&2; }

# Once per instance: a broken host that keeps trying must not fail the deployment that brings its successor. Once means
# that CloudFormation has it, or wants none: a lost signal is a rollback. Fails otherwise, for the next run to try again.
# AWS gives a signal no room for a reason but its id (64 characters), so a failure is told there first.
signal() {
  local status=$1 id
  [[ ! -e $signalled ]] || return 0
  for id in "${@:2}"; do
    retry signal_once "$status" "${id:0:64}" || return 1
  done
  touch "$signalled"
}

signal_once() { # STATUS ID
  local said
  said=$(aws cloudformation signal-resource --stack-name "$NAMI_STACK" --logical-resource-id "$NAMI_LOGICAL_ID" \
    --unique-id "$2" --status "$1" 2>&1) && return 0
  say "$said"
  # "Stack … is in CREATE_COMPLETE state and can not be signaled": no deployment waits for this host.
  [[ $said == *'(ValidationError)'*'signaled'* ]]
}

die() {
  trap - ERR
  say "FAILED: $*"
  signal FAILURE "${instance_id:-host}: $*" "${instance_id:-host}" || say "CloudFormation does not know of it yet"
  exit 1
}

retry() { # returns with a number: without one it would be, under a trap, that of what sprang the trap
  local pause
  for pause in 2 4 8 16; do
    "$@" && return 0
    say "trying again in $pause s: $1 $2"
    sleep "$pause"
  done
  "$@"
}

write() { # FILE: put standard input there, whole or not at all
  local text
  text=$(cat)
  mkdir -p "${1%/*}"
  printf '%s\n' "$text" >"$1.new"
  mv "$1.new" "$1"
}

install_service() {
  install -m 0700 "$0" "$program"
  write /etc/systemd/system/nami-host.service <<EOF_UNIT
[Unit]
Description=MongoDB host of nami
Wants=network-online.target
After=network-online.target docker.service
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=$program
Restart=on-failure
RestartSec=60
StandardOutput=journal+console
StandardError=journal+console

[Install]
WantedBy=multi-user.target
EOF_UNIT
  systemctl daemon-reload
  systemctl enable --now --no-block nami-host.service
}

# 1 GiB is mongod (0.25 for its cache at least), dockerd, Session Manager's agent, dnf at first and each five minutes an
# aws. Where that is too much the kernel would end the largest, which is mongod; with swap what idles makes room, and
# with this swappiness under need alone: https://www.mongodb.com/docs/manual/administration/production-notes/
add_swap() {
  awk '/^MemTotal:/ { exit $2 < 2 * 1048576 ? 0 : 1 }' /proc/meminfo || return 0
  if { [[ -e $swap ]] || make_swap; } && { [[ $(swapon --noheadings --show=NAME) == *"$swap"* ]] || swapon "$swap"; }; then
    sysctl --quiet --write vm.swappiness=1
  else
    say "goes on without swap"
  fi
}

make_swap() { # of XFS the kernel takes what fallocate made: swapon(8)
  fallocate --length 1G "$swap.new" && chmod 600 "$swap.new" && mkswap "$swap.new" >/dev/null && mv "$swap.new" "$swap"
}

# A timer, and not CloudWatch's agent, which would stay in the smallest instance's memory.
report_disks() {
  write /etc/systemd/system/nami-disk.service <<EOF_UNIT
[Unit]
Description=Tells CloudWatch how full the disks of the MongoDB host are

[Service]
Type=oneshot
ExecStart=$program disk
Nice=10
TimeoutStartSec=120
EOF_UNIT
  write /etc/systemd/system/nami-disk.timer <<EOF_UNIT
[Unit]
Description=Runs nami-disk.service

[Timer]
OnActiveSec=0
OnCalendar=*:0/5

[Install]
WantedBy=timers.target
EOF_UNIT
  systemctl daemon-reload
  systemctl enable --now nami-disk.timer
}

# The fuller of the two: a full root disk ends Docker as a full volume ends MongoDB.
report_disk() {
  local used
  used=$(df --output=pcent / "$mount_point" | tr -dc '0-9\n' | sort -n | tail -n 1)
  aws cloudwatch put-metric-data --namespace nami --metric-name DiskUsed --unit Percent --value "$used" \
    --dimensions "host=$NAMI_DNS_NAME"
}

metadata() { # PATH: of the instance metadata, version 2
  local token url=http://169.254.169.254/latest
  token=$(curl -sSf --retry 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$url/api/token")
  curl -sSf --retry 5 -H "X-aws-ec2-metadata-token: $token" "$url/meta-data/$1"
}

# Before anything slow: a client that asks for a missing name would remember the "no" for up to 15 minutes.
register_name() {
  retry aws route53 change-resource-record-sets --hosted-zone-id "$NAMI_ZONE_ID" --change-batch "{\"Changes\": [{
    \"Action\": \"UPSERT\", \"ResourceRecordSet\": {\"Name\": \"$NAMI_DNS_NAME\", \"Type\": \"A\", \"TTL\": 10,
    \"ResourceRecords\": [{\"Value\": \"$address\"}]}}]}" >/dev/null
}

# A terminated predecessor lets go of the volume in its own time, and the device comes a while after the attachment.
attach_volume() {
  local state='' holder='' deadline=$((SECONDS + 600))
  until [[ -b $device ]]; do
    ((SECONDS < deadline)) || die "data volume is held by $holder"
    read -r state holder < <(aws ec2 describe-volumes --volume-ids "$NAMI_VOLUME_ID" \
      --query 'Volumes[0].[State, Attachments[0].InstanceId]' --output text) || state=${state:-unknown}
    if [[ $state == available ]]; then
      aws ec2 attach-volume --volume-id "$NAMI_VOLUME_ID" --instance-id "$instance_id" --device /dev/sdf >/dev/null ||
        say "$NAMI_VOLUME_ID is not attached yet"
    else
      say "waiting for $NAMI_VOLUME_ID: $state, held by $holder"
    fi
    sleep 1
  done
}

# A volume that this stack did not make lacks the tag by which it is backed up.
tag_volume() {
  [[ -z ${NAMI_VOLUME_TAG:-} ]] ||
    retry aws ec2 create-tags --resources "$NAMI_VOLUME_ID" --tags "$NAMI_VOLUME_TAG"
}

mount_volume() {
  local found uuid status=0
  found=$(blkid -p -o value -s TYPE "$device") || status=$?
  case $status in
    0) ;;
    2)
      # blkid says the same of a device that it can't read, or whose first blocks are damaged: only blank is blank.
      [[ $(head -c 1M "$device" | sha256sum) == $(head -c 1M /dev/zero | sha256sum) ]] ||
        die "data volume has no xfs and is not blank"
      mkfs.xfs -q "$device"
      found=xfs
      ;;
    8) die "data volume is ambivalent to blkid" ;;
    *) die "data volume makes blkid fail: $status" ;;
  esac
  [[ $found == xfs ]] || die "data volume holds ${found:-partitions}, not xfs"

  uuid=$(blkid -p -o value -s UUID "$device")
  mkdir -p "$mount_point"
  {
    awk -v at="$mount_point" '$2 != at' /etc/fstab
    # nofail: without the volume the instance must still boot, to be reached and to attach it.
    echo "UUID=$uuid $mount_point xfs defaults,noatime,nofail,x-systemd.device-timeout=30s 0 2"
  } | write /etc/fstab
  # A daemon that came up before the mount would give up on the container.
  write /etc/systemd/system/docker.service.d/nami.conf <<EOF_DROP_IN
[Unit]
RequiresMountsFor=$mount_point
EOF_DROP_IN
  systemctl daemon-reload
  mountpoint -q "$mount_point" || mount "$mount_point"
  xfs_growfs "$mount_point" >/dev/null
  mkdir -p "$mount_point/db"
}

start_docker() {
  command -v docker >/dev/null || retry dnf install -y -q docker
  systemctl enable --now docker.service
}

# GiB for WiredTiger: half of what the system, the daemon and connections (0.5 GiB) leave; 0.25 is mongod's least.
cache_size() {
  awk '/^MemTotal:/ { half = ($2 / 1048576 - 0.5) / 2; printf "%.2f", half < 0.25 ? 0.25 : half }' /proc/meminfo
}

run_mongo() {
  if docker container inspect "$container" >/dev/null 2>&1; then
    docker start "$container" >/dev/null
    return
  fi
  docker image inspect "$NAMI_MONGO_IMAGE" >/dev/null 2>&1 || retry docker pull -q "$NAMI_MONGO_IMAGE"
  # --mount and not -v: -v would make a missing directory on the root disk, and the data would be lost with it.
  # The functions come by the private address. Session Manager's agent forwards to localhost alone:
  # https://github.com/aws/amazon-ssm-agent/blob/mainline/agent/session/plugins/port/port.go
  # No MONGO_INITDB_…: the root user is made below, so that no file, environment or command line has its password.
  docker run --detach --name "$container" --restart=always --stop-timeout 60 --security-opt no-new-privileges \
    --mount "type=bind,source=$mount_point/db,target=/data/db" --tmpfs /run/mongosh \
    --publish "$address:27017:27017" --publish 127.0.0.1:27017:27017 --log-driver local \
    "$NAMI_MONGO_IMAGE" --auth --bind_ip_all --wiredTigerCacheSizeGB "$(cache_size)" >/dev/null
}

# Log in; on a new volume, where there is no user yet, mongod lets a local client make the first one. The secret is
# JSON, so it is JavaScript as well. HOME: mongosh keeps a log, which belongs in memory and not on the data volume.
log_in() {
  docker exec --interactive --env HOME=/run/mongosh "$container" mongosh --quiet <<EOF_JS 2>&1
const secret = ${secret//$'\n'/ }; const admin = db.getSiblingDB("admin"); const { username, password } = secret;
try { admin.auth(username, password) } catch (e) { admin.createUser({ user: username, pwd: password, roles: ["root"] }) }
admin.auth(username, password); print("nami-" + (admin.runCommand({ ping: 1 }).ok ? "answers" : "fails"))
EOF_JS
}

wait_for_answer() {
  local secret answer='' deadline=$((SECONDS + 300))
  secret=$(retry aws secretsmanager get-secret-value --secret-id "$NAMI_SECRET_ARN" \
    --query SecretString --output text)
  until [[ $answer == *nami-answers* ]]; do
    ((SECONDS < deadline)) || die "the database does not answer"
    answer=$(log_in) || true
    [[ $answer != *'requires authentication'* ]] ||
      die "data volume belongs to another secret" # the remedy: database_secret_arn
    [[ $answer == *nami-answers* ]] || sleep 1
  done
}

if [[ $0 != "$program" ]]; then
  install_service
  exit
fi
if [[ ${1:-} == disk ]]; then
  report_disk
  exit
fi
trap 'die "line $LINENO: $BASH_COMMAND"' ERR
instance_id=$(metadata instance-id)
address=$(metadata local-ipv4)
register_name
add_swap
attach_volume
tag_volume
mount_volume
report_disks
start_docker
run_mongo
wait_for_answer
signal SUCCESS "$instance_id" || {
  trap - ERR # the host is well: no FAILURE
  exit 1
}
say "$NAMI_DNS_NAME answers at $address"
