#!/usr/bin/env python3
"""Makes the sample log and the public half of the ring that its tokens were signed with.

    python3 samples/audit/make.py PATH_TO_JOTMILL [FOLDER]

Writes FOLDER/access.log.gz and FOLDER/keys/ (default: where this file stands). story.py says what
is in the log; made anew, all is the same but keys and signatures. The ring rotates by the log's
clock (`--rehearsal`), in a temporary folder that takes the private halves with it when it goes.
"""

import gzip
import io
import json
import pathlib
import subprocess
import sys
import tempfile

from story import Story
from traffic import DAY, END, FIRST_ROTATION, HOUR, LEAK, REVOKED, START, rfc3339

PERIOD, CRON = 30 * DAY, 6 * HOUR


class Ring:
    """A rehearsed ring, driven by the log's clock, one that a cron job rotates every six hours."""

    def __init__(self, jotmill, folder):
        self.jotmill, self.path = jotmill, folder / "keys"
        self.clock = FIRST_ROTATION - PERIOD
        self.leaked = None
        self.keys("init", "--rehearsal", "--alg", "ES256", "--period", f"{PERIOD}s")

    def run(self, *arguments, stdin=b""):
        done = subprocess.run(
            [self.jotmill, *map(str, arguments)], input=stdin, capture_output=True, timeout=60
        )
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, arguments))}: {done.stderr.decode()}")
        return done.stdout.decode()

    def keys(self, command, *arguments):
        clock = ("--keyring", self.path, "--at", rfc3339(self.clock))
        return self.run("keys", command, *arguments, *clock)

    def sign(self, tokens, *key):
        """Signs records as they are: their iat and exp were given by the clock of their time."""
        records = "".join(json.dumps(t.claims, separators=(",", ":")) + "\n" for t in tokens)
        said = self.run("sign", "-q", "--as-is", *key, stdin=records.encode()).splitlines()
        for token, text in zip(tokens, said, strict=True):
            token.text = text

    def live(self, tokens):
        """Signs all tokens of the ring, and rotates, up to the end of the log."""
        waiting = sorted((t for t in tokens if t.signer == "ring"), key=lambda t: t.iat)
        while self.clock < END:
            if self.clock == REVOKED:
                self.leak()
                why = "private half attached to a support ticket"
                self.keys("revoke", self.leaked.stem, "--since", rfc3339(LEAK), "--reason", why)
            self.keys("rotate", "--if-due")
            turn = self.clock + CRON
            due = [token for token in waiting if token.iat < turn]
            waiting = waiting[len(due) :]
            if due:
                self.sign(due, "--keyring", self.path, "--at", rfc3339(int(due[-1].iat)))
            self.clock = turn
        self.sign([t for t in tokens if t.signer == "leaked"], "--key", self.leaked)

    def leak(self):
        """Keeps the private half of the second key, as whoever opened that ticket did."""
        self.leaked = self.path.parent / f"{self.second_key()['kid']}.jwk"
        self.leaked.write_bytes((self.path / "private" / self.leaked.name).read_bytes())

    def second_key(self):
        return json.loads((self.path / "keyring.json").read_text())["keys"][1]["jwk"]


def write(story, jotmill, folder):
    with tempfile.TemporaryDirectory(prefix="jotmill-audit-") as name:
        scratch = pathlib.Path(name)
        ring = Ring(jotmill, scratch)
        partner = scratch / "partner"
        ring.run("keys", "init", "--alg", "ES256", "--keyring", partner)
        ring.live(story.tokens)
        key = next((partner / "private").iterdir())
        ring.sign([t for t in story.tokens if t.signer == "partner"], "--key", key)
        story.public_key = ring.second_key()
        requests = [request for request in story.requests if START <= request.time < END]
        requests.sort(key=lambda request: request.time)
        log = "".join(request.line() + "\n" for request in requests).encode()
        keys = folder / "keys"
        keys.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name in ("keyring.json", "jwks.json"):
            (keys / name).write_bytes((ring.path / name).read_bytes())
    entries = "".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in story.denylist)
    (keys / "denylist.ndjson").write_text(entries)
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as file:
        file.write(log)
    (folder / "access.log.gz").write_bytes(packed.getvalue())
    print(f"{len(requests)} lines, {len(story.tokens)} tokens, {len(packed.getvalue())} octets")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[2] if len(sys.argv) == 3 else __file__).resolve()
    story = Story()
    story.happen()
    program = str(pathlib.Path(sys.argv[1]).resolve())
    write(story, program, folder if len(sys.argv) == 3 else folder.parent)


if __name__ == "__main__":
    main()
