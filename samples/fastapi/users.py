"""Who the users are: names and mail addresses, without their passwords' verifiers.

Owns asking `jotmill users`, which keeps them. A service with a table of its own has that in the
place of this file.
"""

import asyncio
import json
import os
import subprocess

from child import Unavailable


class NotAccepted(Exception):
    """jotmill did not take the user; why is on standard error."""


class Users:
    def __init__(self, program, ring):
        self.program, self.ring = program, ring
        self.seen, self.known = None, {}

    async def all(self) -> dict[str, dict]:
        """`username`, `email` and `disabled` of each, by name; asked for when they have changed."""
        try:
            status = os.stat(os.path.join(self.ring, "users.ndjson"))
        except FileNotFoundError:
            return {}
        mark = status.st_ino, status.st_size, status.st_mtime_ns
        if mark != self.seen:
            code, listed = await self._run("list", "--json")
            if code != 0:
                raise Unavailable("the users can't be listed")
            self.known = {user["username"]: user for user in json.loads(listed)["users"]}
            self.seen = mark
        return self.known

    async def add(self, username: str, email: str, password: str):
        options = ("--email", email, "-q", "--", username)
        # From standard input: arguments are for all to see.
        code, _ = await self._run("add", *options, stdin=password.encode() + b"\n")
        if code != 0:
            raise NotAccepted

    async def _run(self, command, *arguments, stdin=b""):
        process = await asyncio.create_subprocess_exec(
            self.program, "users", command, "--keyring", self.ring, *arguments,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        output, _ = await process.communicate(stdin)
        return process.returncode, output
