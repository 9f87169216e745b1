"""Logins through `jotmill grant` with passwords and verifiers of libpass and bcrypt, in bulk.

    python Tests/Interop/logins.py PATH_TO_JOTMILL [--verbose]

Each user logs in with the right and with a wrong password; the file of users is then one of newer
verifiers, and the same logins have the same answers. JOTMILL_LONG=1 makes it 10,000 users.
Ends with `logins: N passed, N failed, N skipped`.
"""

import json
import os
import pathlib
import random
import subprocess
import tempfile
import time

from cases import must_equal
from harness import Disagreement, start
from users import Maker, cut, stored

WRONG = {"error": "invalid_grant", "error_description": "the username or the password is wrong"}
# Anything weaker is replaced; this takes next to no time.
COST = "2,1,1"


def make(maker, count):
    """Rows (name, verifier, right password, wrong password, whether the wrong one is right too)."""
    rows = []
    for i in range(count):
        kind = [maker.scrypt, maker.pbkdf2, maker.passlib_bcrypt, maker.bcrypt][i % 4]
        password = maker.password(100 if kind == maker.bcrypt else 18)
        wrong = maker.wrong(password)
        # What bcrypt does not see of a password can't be wrong.
        is_cut = i % 4 >= 2 and cut(wrong) == cut(password)
        rows.append((f"user{i}", kind(password), password, wrong, is_cut))
    return rows


class Logins:
    def __init__(self, jotmill, folder, rows):
        self.jotmill, self.folder, self.rows = jotmill, folder, rows
        self.ring, self.users = folder / "ring", folder / "ring/users.ndjson"
        jotmill.output("keys", "init", "-q", "--alg", "HS256", "--keyring", self.ring)
        table = "".join(
            json.dumps({"username": name, "hashed_password": verifier}) + "\n"
            for name, verifier, *_ in rows
        )
        jotmill.output("users", "import", "-q", "--users", self.users, "-", stdin=table.encode())

    def request(self, name, password):
        members = {"grant_type": "password", "username": name, "password": password}
        return json.dumps(members, ensure_ascii=False).encode() + b"\n"

    def run(self, requests):
        """The answers, and what the process used."""
        (self.folder / "requests").write_bytes(b"".join(requests))
        with open(self.folder / "answers", "wb") as answers:
            begin = time.monotonic()
            process = subprocess.Popen(
                [self.jotmill.path, "grant", "-q", "--keyring", self.ring, "--scrypt", COST, "requests"],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=answers,
            )  # fmt: skip
            _, status, used = os.wait4(process.pid, 0)
            wall = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            raise Disagreement(f"grant ended with status {process.returncode}")
        lines = (self.folder / "answers").read_text(encoding="utf-8").splitlines()
        must_equal("the number of answers", len(lines), len(requests))
        return lines, wall, used

    def ask(self):
        """Every login, in random order; compares each answer."""
        logins = []
        for name, _, right, wrong, is_cut in self.rows:
            logins += [(name, right, True), (name, wrong, is_cut), (name + "x", right, False)]
        random.shuffle(logins)
        lines, wall, used = self.run([self.request(name, word) for name, word, _ in logins])
        for (name, word, accepts), line in zip(logins, lines):
            answer = json.loads(line)
            if accepts and "access_token" not in answer or not accepts and answer != WRONG:
                raise Disagreement(f"{name} with {word!r}: {line[:200]}")
        return len(logins), wall, used


def cases(jotmill, folder):
    count = 10_000 if os.environ.get("JOTMILL_LONG") else 400
    seed = random.SystemRandom().randrange(2**32)
    print(f"logins: seed {seed}")
    random.seed(seed)
    logins = Logins(jotmill, folder, make(Maker(seed), count))
    before = stored(logins.users)

    def answers():
        asked, wall, used = logins.ask()
        busy = (used.ru_utime + used.ru_stime) / wall
        print(
            f"logins: {asked} logins of {count} users in {wall:.1f} s, {asked / wall:.0f} a second, "
            f"{busy:.2f} of {os.cpu_count()} cores, {used.ru_maxrss >> 10} MiB"
        )
        most = 64 + 16 * os.cpu_count()
        if used.ru_maxrss >> 10 > most:
            raise Disagreement(f"{used.ru_maxrss >> 10} MiB, more than {most}")

    def replaced():
        after = stored(logins.users)
        must_equal("the names", list(after), list(before))
        for name, record in before.items():
            new = after[name]
            must_equal(f"{name}'s record", {**new, "password": ""}, {**record, "password": ""})
            # bcrypt may have seen less than the whole of a password of 72 octets or more.
            older = not record["password"].startswith("$scrypt$")
            if new["password"] != record["password"] and not older:
                cost = record["password"].split("$")[2]
                if not cost.startswith("ln=1,"):
                    # A salt under 128 bits is an older verifier too.
                    salt = record["password"].split("$")[3]
                    must_equal(f"{name}'s salt is short", len(salt) < 22, True)
            if older and new["password"] == record["password"]:
                password = next(row[2] for row in logins.rows if row[0] == name)
                must_equal(f"{name} is seen whole", len(password.encode()) >= 72, True)

    def again():
        logins.ask()

    yield "libpass", "mixed verifiers: right, wrong, unknown", answers
    yield "libpass", "older verifiers are replaced, and nothing else", replaced
    yield "libpass", "the same logins by the newer verifiers", again


def main():
    jotmill, tally = start("logins through jotmill grant")
    with tempfile.TemporaryDirectory(prefix="jotmill-logins-") as name:
        for peer, case, body in cases(jotmill, pathlib.Path(name)):
            tally.case(peer, "-", case, body)
    return tally.finish("logins")


if __name__ == "__main__":
    raise SystemExit(main())
