"""Plays mongosh for one script: logs in, or makes the first user, by the rules of `mongod --auth`."""

import json
import pathlib
import re
import socket
import sys

socket.create_connection(("127.0.0.1", 27017)).close()
found = re.search(r"const secret = (\{.*?\});", sys.stdin.read())
if found is None:
    sys.exit("SyntaxError: no secret")
given = json.loads(found[1])
users = pathlib.Path("/data/db/users.json")
if not users.exists():
    users.write_text(json.dumps(given))
if json.loads(users.read_text()) != given:
    sys.exit("MongoServerError[Unauthorized]: Command createUser requires authentication")
print("nami-answers")
