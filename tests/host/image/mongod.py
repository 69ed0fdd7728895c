"""Plays the entry point of the mongo image: takes what mongod takes, and serves its protocol from /data/db."""

import argparse
import os
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--auth", action="store_true", required=True)
parser.add_argument("--bind_ip_all", action="store_true", required=True)
parser.add_argument("--wiredTigerCacheSizeGB", type=float, required=True)
cache = parser.parse_args().wiredTigerCacheSizeGB
if not 0.25 <= cache <= 10_000:
    sys.exit(f"storage.wiredTiger.engineConfig.cacheSizeGB: {cache} is out of range")
# In memory, because a pid file that a kill leaves behind would block the next start.
server = ["-m", "nx_27017.nx_27017", "--data-dir", "/data/db", "--host", "0.0.0.0", "--pid-file", "/dev/shm/pid"]
os.execv(sys.executable, [sys.executable, *server])
