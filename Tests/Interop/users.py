"""jotmill's password verifiers and tables of users held against libpass, bcrypt and hashlib.

    python Tests/Interop/users.py --write FILE [--count N] [--seed N]
    python Tests/Interop/users.py PATH_TO_JOTMILL [--verbose]

The first form writes pairs as lines {"verifier":…,"password":…,"accepts":…} for the Swift test that
reads JOTMILL_USERS_PAIRS. The second has passlib (libpass, its maintained fork) and hashlib check
what `jotmill users add` wrote, and `jotmill users import` take tables as Python writes them.
Ends with `users: N passed, N failed, N skipped`, or with what it wrote.
"""

import argparse
import base64
import csv
import hashlib
import io
import json
import os
import pathlib
import pty
import random
import sqlite3
import stat
import string
import sys
import tempfile
import warnings

warnings.simplefilter("ignore")

try:
    import bcrypt
    import passlib
    from passlib.hash import bcrypt as passlib_bcrypt
    from passlib.hash import pbkdf2_sha256, pbkdf2_sha512, scrypt

    from cases import must_equal
    from harness import Disagreement, start
except ImportError as error:
    print(f"users: {error}; install what Tests/Interop/requirements.txt lists", file=sys.stderr)
    sys.exit(2)

LETTERS = string.ascii_letters + string.digits + " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
BEYOND = "éßñЖя漢字🐚\u0301\u00a0\ufeff"


# Pairs ---------------------------------------------------------------------------------------


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def password(self, most=40):
        letters = LETTERS + (BEYOND if self.random.random() < 0.4 else "")
        return "".join(self.random.choices(letters, k=self.random.randint(1, most)))

    def salt(self, least=1, most=48):
        return self.random.randbytes(self.random.randint(least, most))

    def scrypt(self, password):
        cost = scrypt.using(
            rounds=self.random.randint(1, 8), block_size=self.random.choice([1, 2, 8, 9]),
            parallelism=self.random.choice([1, 1, 2, 5]), salt=self.salt(),
        )  # fmt: skip
        return cost.hash(password)

    def pbkdf2(self, password):
        kind = self.random.choice([pbkdf2_sha256, pbkdf2_sha512])
        return kind.using(rounds=self.random.randint(1, 3000), salt=self.salt()).hash(password)

    def passlib_bcrypt(self, password):
        ident = self.random.choice(["2a", "2b", "2y"])
        return passlib_bcrypt.using(rounds=4, ident=ident).hash(cut(password).decode(errors="ignore"))

    def bcrypt(self, password):
        # Python's bcrypt refuses more than 72 octets since release 5; before, it cut as here.
        return bcrypt.hashpw(cut(password), bcrypt.gensalt(4)).decode()

    def wrong(self, password):
        at = self.random.randrange(len(password))
        other = self.random.choice([c for c in LETTERS if c != password[at]])
        return self.random.choice(
            [password[:at] + other + password[at + 1 :], other + password, password[:-1] or other]
        )


def cut(password):
    return password.encode()[:72]


def write(options):
    maker = Maker(options.seed)
    made = 0
    with open(options.write, "w", encoding="utf-8") as out:

        def put(verifier, password, accepts):
            pair = {"verifier": verifier, "password": password, "accepts": accepts}
            out.write(json.dumps(pair, ensure_ascii=False) + "\n")

        for i in range(options.count):
            kind = [maker.scrypt, maker.pbkdf2, maker.passlib_bcrypt, maker.bcrypt][i % 4]
            is_bcrypt = i % 4 >= 2
            # Around 72 octets too, where bcrypt ends; passlib is given whole characters.
            password = maker.password(150 if kind == maker.bcrypt else 40 if i % 4 < 2 else 18)
            verifier = kind(password)
            put(verifier, password, True)
            wrong = maker.wrong(password)
            put(verifier, wrong, is_bcrypt and cut(wrong) == cut(password))
            if is_bcrypt:
                put(verifier, password + "\0", False)
            made += 1
    print(f"users: wrote {made} verifiers, each with a right and a wrong password")
    return 0


# Through the program -------------------------------------------------------------------------


def stored(path):
    """The records of a file of users, by name."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {record["username"]: record for record in map(json.loads, lines)}


def by_hashlib(verifier, password):
    """Whether hashlib's scrypt gives the same, by reading the form by hand."""
    _, scheme, cost, salt, digest = verifier.split("$")
    ln, r, p = (int(part.split("=")[1]) for part in cost.split(","))
    octets = [base64.b64decode(part + "=" * (-len(part) % 4)) for part in (salt, digest)]
    made = hashlib.scrypt(
        password, salt=octets[0], n=1 << ln, r=r, p=p, maxmem=1 << 30, dklen=32
    )  # fmt: skip
    return scheme == "scrypt" and made == octets[1]


def cases_of_adding(jotmill, folder):
    passwords = {
        "plain": "correct horse battery staple",
        "blanks": "  around  ",
        "others": "Zoë's \U0001f41a \"shell\" \\ ",
        "decomposed": "Zoe\u0308",
        "long": "x" * 4096,
        "one": "x",
        "dollars": "$scrypt$ln=14,r=8,p=1$x$y",
    }
    for name, password in passwords.items():
        for ending in ("\n", "", "\r\n"):

            def body(name=name, password=password, ending=ending):
                users = folder / f"{name}-{len(ending)}"
                cost = ["--scrypt", "8192,8,2"] if ending else []
                jotmill.output(
                    "users", "add", "--users", users, "ada", *cost, stdin=(password + ending).encode()
                )
                verifier = stored(users)["ada"]["password"]
                must_equal("mode", stat.S_IMODE(users.stat().st_mode), 0o600)
                must_equal("passlib's answer", scrypt.verify(password, verifier), True)
                must_equal("hashlib's answer", by_hashlib(verifier, password.encode()), True)
                wrong = "X" + password[1:] if password[0] != "X" else "Y" + password[1:]
                must_equal("passlib on a wrong one", scrypt.verify(wrong, verifier), False)
                # What passlib writes for the same salt and cost is the same text.
                read = scrypt.from_string(verifier)
                again = scrypt.using(
                    rounds=read.rounds, block_size=read.block_size,
                    parallelism=read.parallelism, salt=read.salt,
                ).hash(password)  # fmt: skip
                must_equal("the text", again, verifier)

            yield "libpass", f"{name}, line end {ending!r}", body

    def changed():
        users = folder / "passwd"
        jotmill.output("users", "add", "--users", users, "ada", stdin=b"first\n")
        jotmill.output("users", "passwd", "--users", users, "ada", stdin=b"second\n")
        verifier = stored(users)["ada"]["password"]
        must_equal("the old one", scrypt.verify("first", verifier), False)
        must_equal("the new one", scrypt.verify("second", verifier), True)

    yield "libpass", "passwd", changed

    def typed(answers, wanted):
        """At a terminal: what is asked is shown, what is typed is not."""

        def body():
            users = folder / "typed"
            users.unlink(missing_ok=True)
            child, terminal = pty.fork()
            if child == 0:
                os.execv(jotmill.path, [jotmill.path, "users", "add", "--users", str(users), "ada"])
            shown = b""
            try:
                for prompt, answer in zip((b"password of ada: ", b"once more: "), answers):
                    seen = len(shown)
                    while prompt not in shown[seen:]:
                        shown += os.read(terminal, 1024)
                    os.write(terminal, answer.encode() + b"\n")
                while True:
                    shown += os.read(terminal, 1024)
            except OSError:
                pass  # the end of a terminal
            _, status = os.waitpid(child, 0)
            os.close(terminal)
            must_equal("status", os.waitstatus_to_exitcode(status), wanted)
            for answer in answers:
                if answer and answer.encode() in shown:
                    raise Disagreement(f"what was typed is shown: {shown!r}")
            must_equal("a file", users.exists(), wanted == 0)
            if wanted == 0:
                verifier = stored(users)["ada"]["password"]
                must_equal("passlib's answer", scrypt.verify(answers[0], verifier), True)

        return body

    yield "terminal", "typed twice", typed(["sësame in the dark"] * 2, 0)
    yield "terminal", "typed differently", typed(["in the dark", "in the dusk"], 2)
    yield "terminal", "nothing typed", typed([""], 2)


def table():
    """Rows of an application's table: username, email, hashed_password, is_active, note."""
    return [
        ("ada", "ada@example.com", passlib_bcrypt.using(rounds=4).hash("a"), True, 'say "hi", twice'),
        ("bob", None, bcrypt.hashpw(b"b", bcrypt.gensalt(5)).decode(), False, "two\nlines"),
        ("Zoë", "zoe@example.com", pbkdf2_sha256.hash("z"), True, ""),
        ("小龍", None, pbkdf2_sha512.using(rounds=1000).hash("x"), True, ",,,"),
        ("carl,sen", None, scrypt.using(rounds=14).hash("c"), False, None),
        ('q"uote', None, scrypt.using(rounds=10, block_size=16).hash("q"), True, "\r\n"),
    ]


COLUMNS = ["username", "email", "hashed_password", "is_active", "note"]
SCHEMES = ["bcrypt", "bcrypt", "pbkdf2-sha256", "pbkdf2-sha512", "scrypt", "scrypt"]


def cases_of_importing(jotmill, folder):
    rows = table()

    def written(**dialect):
        out = io.StringIO(newline="")
        writer = csv.writer(out, **dialect)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
        return out.getvalue().encode()

    def objects(**more):
        lines = (json.dumps(dict(zip(COLUMNS, row)), **more) + "\n" for row in rows)
        return "".join(lines).encode()

    def by_sqlite():
        # sqlite3's own shell is not there everywhere: its rows, with its 0 and 1.
        base = sqlite3.connect(":memory:")
        base.execute(f"create table users ({', '.join(COLUMNS)})")
        base.executemany("insert into users values (?, ?, ?, ?, ?)", rows)
        out = io.StringIO(newline="")
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        writer.writerows(base.execute("select * from users"))
        return out.getvalue().encode()

    forms = {
        "csv": written(),
        "csv, all quoted": written(quoting=csv.QUOTE_ALL),
        "csv, LF": written(lineterminator="\n"),
        "csv of a spreadsheet": b"\xef\xbb\xbf" + written(),
        "csv of SQLite": by_sqlite(),
        "ndjson": objects(),
        "ndjson in UTF-8": objects(ensure_ascii=False),
    }
    for name, text in forms.items():

        def body(name=name, text=text):
            users = folder / name.replace(" ", "-")
            jotmill.output("users", "import", "-q", "--users", users, "-", stdin=text)
            records = stored(users)
            must_equal("names", list(records), [row[0] for row in rows])
            for username, email, verifier, active, _ in rows:
                record = records[username]
                must_equal("verifier", record["password"], verifier)
                must_equal("email", record.get("email"), email)
                must_equal("disabled", record.get("disabled", False), not active)
            listed = json.loads(jotmill.output("users", "list", "--json", "--users", users))["users"]
            must_equal("schemes", [user["scheme"] for user in listed], SCHEMES)
            must_equal(
                "what is current", [user["current"] for user in listed], [False] * 4 + [True, False]
            )
            if any(row[2] in json.dumps(listed) for row in rows):
                raise Disagreement("list shows a verifier")

        yield "python", name, body


def drive():
    jotmill, tally = start("jotmill's users and other programs")
    print(f"peers: libpass {passlib.__version__}, bcrypt {bcrypt.__version__}")
    with tempfile.TemporaryDirectory(prefix="jotmill-users-") as name:
        folder = pathlib.Path(name)
        for cases in (cases_of_adding, cases_of_importing):
            for peer, case, body in cases(jotmill, folder):
                tally.case(peer, "-", case, body)
    tally.show_skips("the peer has no such thing")
    return tally.finish("users")


def main():
    if "--write" not in sys.argv:
        return drive()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", metavar="FILE", required=True)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    print(f"users: seed {options.seed}")
    return write(options)


if __name__ == "__main__":
    sys.exit(main())
