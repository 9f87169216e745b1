"""Private halves under a passphrase: jotmill's in other programs' hands, and theirs in a ring.

    python Tests/Interop/passphrases.py PATH_TO_JOTMILL [--verbose]

Ends with `passphrases: N passed, N failed, N skipped`.
"""

import base64
import json
import os
import pathlib
import pty
import sys
import tempfile
import warnings

warnings.simplefilter("ignore")

try:
    import jwe
    from cases import claims_now, must_be_valid, must_equal
    from harness import Disagreement, start
    from peers import Refused, header_name
except ImportError as error:
    print(f"passphrases: {error}; install what Tests/Interop/requirements.txt lists", file=sys.stderr)
    sys.exit(2)

# One for each kind of key, and a secret.
ALGORITHMS = ["RS256", "ES256", "Ed25519", "Ed448", "HS256"]
# Octets that are not ASCII and a blank at the end: what a program might fold, trim or encode anew.
PASSPHRASE = "Zoë's \U0001f41a \"shell\" \\ "
# What jotmill writes when it is not told otherwise.
ITERATIONS = 310_000
PUBLIC = {"kty", "n", "e", "crv", "x", "y"}
# Each peer as it comes, and whether it takes so many iterations.
OPENERS = {
    "joserfc": jwe.open_with_joserfc,
    "jwcrypto": jwe.open_with_jwcrypto,
    "jose": jwe.open_with_jose,
}
WRITERS = {"joserfc": jwe.write_with_joserfc, "jose": jwe.write_with_jose}


class Ring:
    """A ring under PASSPHRASE."""

    def __init__(self, jotmill, folder, alg):
        self.jotmill, self.path = jotmill, folder / alg
        self.secret = folder / "passphrase"
        self.secret.write_text(PASSPHRASE + "\n")
        self.secret.chmod(0o600)
        self.options = ("--keyring", self.path, "--passphrase-file", self.secret)
        jotmill.output("keys", "init", *self.options, "--alg", alg)
        listed = json.loads(jotmill.output("keys", "list", "--keyring", self.path, "--json"))
        self.kid = listed["keys"][0]["kid"]
        self.file = self.path / "private" / f"{self.kid}.jwe"
        self.written = self.file.read_text()
        self.jwk = json.loads(
            jotmill.output("keys", "export", "--private", *self.options)
        )

    def public(self):
        keys = json.loads((self.path / "jwks.json").read_text())["keys"]
        return {name: value for name, value in keys[0].items() if name in PUBLIC} if keys else {}


def header_of(text):
    segment = text.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def cases_of(jotmill, folder, alg, ring):
    def form():
        must_equal("files", [path.name for path in ring.file.parent.iterdir()], [ring.file.name])
        must_equal("its mode", oct(ring.file.stat().st_mode & 0o777), oct(0o600))
        header = header_of(ring.written)
        must_equal("alg and enc", (header["alg"], header["enc"]), (jwe.ALG, jwe.ENC))
        must_equal("p2c", header["p2c"], ITERATIONS)

    yield "jotmill", "private/KID.jwe is what SPEC says", form

    def same(read):
        for name, value in ring.public().items():
            must_equal(name, read[name], value)
        secret = "k" if alg.startswith("HS") else "d"
        must_equal(secret, read[secret], ring.jwk[secret])

    yield "jwcrypto", "opens jotmill's", lambda: same(
        jwe.open_with_jwcrypto(ring.written.strip(), PASSPHRASE)
    )

    def beyond():
        with jwe.joserfc_without_limit():
            same(jwe.open_with_joserfc(ring.written.strip(), PASSPHRASE))

    yield "joserfc", "opens jotmill's with its limit raised", beyond

    def as_it_comes(name):
        def body():
            if jwe.MOST[name] >= ITERATIONS:
                raise Disagreement("MOST has changed")
            try:
                OPENERS[name](ring.written.strip(), PASSPHRASE)
            except Refused:
                return
            raise Disagreement(f"{name} opens it now: say so in jwe.py and in the documentation")

        return body

    for name in ("joserfc", "jose"):
        yield name, "as it comes refuses so many iterations", as_it_comes(name)

    def exported(name, count):
        def body():
            text = jotmill.output(
                "keys", "export", "--private", "--format", "jwe", "--iterations", str(count),
                *ring.options,
            )  # fmt: skip
            if isinstance(text, bytes):
                text = text.decode()
            must_equal("p2c", header_of(text)["p2c"], count)
            same(OPENERS[name](text.strip(), PASSPHRASE))

        return body

    for name in OPENERS:
        # As the peer comes: no limit of it is raised.
        count = min(jwe.MOST[name], 300_000)
        yield name, f"as it comes opens an export of {count} iterations", exported(name, count)

    def imported(name):
        def body():
            file = folder / f"{alg}-{name}.jwe"
            file.write_text(WRITERS[name](ring.jwk, PASSPHRASE, p2c=10_000))
            file.chmod(0o600)
            other = ("--keyring", folder / f"{alg}-{name}", "--passphrase-file", ring.secret)
            jotmill.output("keys", "init", "--empty", "--alg", alg, *other)
            jotmill.output("keys", "import", "--as", "active", file, *other)
            claims = claims_now()
            token = jotmill.sign(claims, *other)
            must_equal("the kid", header_of(token)["kid"], ring.kid)
            must_be_valid(jotmill.verdict(token, *ring.options), claims)

        return body

    for name in WRITERS:
        yield name, "writes one that keys import takes", imported(name)

    def wrong_there():
        try:
            jwe.open_with_jwcrypto(ring.written.strip(), PASSPHRASE.strip())
        except Refused:
            return
        raise Disagreement("another passphrase opens it")

    yield "jwcrypto", "needs the very passphrase", wrong_there

    def placed(name, count):
        def body():
            text = WRITERS[name](ring.jwk, PASSPHRASE, p2c=count)
            must_equal("p2c", header_of(text)["p2c"], count)
            ring.file.unlink()
            # As a tool writes it: no newline at the end.
            ring.file.write_text(text)
            ring.file.chmod(0o600)
            claims = claims_now()
            token = jotmill.sign(claims, *ring.options)
            must_equal("the kid and alg", header_of(token)["kid"], ring.kid)
            must_equal("alg", header_of(token)["alg"], header_name(alg))
            must_be_valid(jotmill.verdict(token, *ring.options), claims)

        return body

    for name in WRITERS:
        # What it writes by this suite's choice, and the most that it writes.
        for count in (10_000, jwe.MOST[name]):
            yield name, f"writes one with p2c {count}, which signs in a ring", placed(name, count)


def cases_of_mistakes(jotmill, folder, ring):
    """By hand, from whatever place: one line and status 2, and the ring as it was."""

    def contents():
        return {path.name: path.read_bytes() for path in ring.path.rglob("*") if path.is_file()}

    def refused(wanted, text, mode=0o600, command=("sign",)):
        def body():
            file = folder / "wrong"
            file.unlink(missing_ok=True)
            file.write_bytes(text)
            file.chmod(mode)
            before = contents()
            done = jotmill.run(
                *command, "--keyring", ring.path, "--passphrase-file", file, stdin=b"{}\n"
            )
            said = done.stderr.decode()
            got = (done.returncode, done.stdout, said.count("\n"))
            must_equal("status, output, lines", got, (2, b"", 1))
            if wanted not in said:
                raise Disagreement(f"it says {said!r}, not {wanted!r}")
            if text.strip() and text.strip().decode() in said:
                raise Disagreement("it says the passphrase")
            must_equal("the ring's files", contents(), before)

        return body

    right = ring.secret.read_bytes()
    export = ("keys", "export", "--private")
    rotate = ("keys", "rotate", "--if-due")
    for command in (("sign",), export, rotate):
        shown = " ".join(command)
        yield f"{shown}: a wrong passphrase", refused(ring.kid, b"something else\n", command=command)
    yield "an empty passphrase", refused("is empty", b"\n")
    yield "a passphrase without its last blank", refused(ring.kid, right.strip() + b"\n")
    yield "a passphrase that others can read", refused("others can read it", right, mode=0o644)

    def none():
        # A session of its own has no terminal to ask at.
        done = jotmill.run(
            "sign", "--keyring", ring.path, stdin=b"{}\n", start_new_session=True
        )
        must_equal("status and lines", (done.returncode, done.stderr.count(b"\n")), (2, 1))

    yield "no passphrase and no terminal", none

    def by_environment(name, value):
        def body():
            claims = claims_now()
            done = jotmill.run(
                "sign", "--keyring", ring.path, env=os.environ | {name: str(value)},
                stdin=json.dumps(claims).encode() + b"\n", start_new_session=True,
            )  # fmt: skip
            must_equal("status", done.returncode, 0)
            must_be_valid(
                jotmill.verdict(done.stdout.decode().strip(), "--keyring", ring.path), claims
            )

        return body

    yield "$JOTMILL_PASSPHRASE_FILE", by_environment("JOTMILL_PASSPHRASE_FILE", ring.secret)

    def credential(mode):
        """As systemd's LoadCredential= hands it over, in a folder that only the service can enter."""
        place = folder / f"credentials-{mode:o}"
        place.mkdir(mode=0o700)
        file = place / "jotmill.passphrase"
        file.write_bytes(right)
        file.chmod(mode)
        return by_environment("CREDENTIALS_DIRECTORY", place)

    def typed(words, answers, wanted):
        """At a terminal: what is asked is shown, what is typed is not."""

        def body():
            child, terminal = pty.fork()
            if child == 0:
                os.environ.pop("JOTMILL_PASSPHRASE_FILE", None)
                os.execv(str(jotmill.path), [str(jotmill.path), *map(str, words)])
            shown = b""
            try:
                for prompt, answer in answers:
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
            for _, answer in answers:
                if answer.encode() in shown:
                    raise Disagreement(f"what was typed is shown: {shown!r}")

        return body

    twin = folder / "typed"
    word = "typed in the dark"
    first, again, ask = b"new passphrase: ", b"once more: ", b"passphrase of the keyring: "
    yield "typed twice", typed(
        ("keys", "init", "--encrypt", "--alg", "ES256", "--keyring", twin),
        [(first, word), (again, word)], 0,
    )  # fmt: skip
    yield "typed to export", typed(
        ("keys", "export", "--private", "--keyring", twin, "-o", folder / "typed.jwk"),
        [(ask, word)], 0,
    )  # fmt: skip
    yield "typed wrongly", typed(
        ("keys", "export", "--private", "--keyring", twin), [(ask, "something else")], 2
    )
    yield "typed differently the second time", typed(
        ("keys", "init", "--encrypt", "--alg", "ES256", "--keyring", folder / "typo"),
        [(first, word), (again, word + "!")], 2,
    )  # fmt: skip
    yield "$CREDENTIALS_DIRECTORY", credential(0o400)
    # systemd 254 and later grant User= the file by an ACL where the kernel lets them: it is root's,
    # and the ACL's mask shows as the group's right to read (github.com/systemd/systemd/issues/29435).
    yield "$CREDENTIALS_DIRECTORY, granted by an ACL", credential(0o440)


def main():
    jotmill, tally = start("jotmill's encrypted private halves and other programs")
    print(
        f"p2c: jotmill writes {ITERATIONS:,}; the most that others read: "
        + ", ".join(f"{name} {count:,}" for name, count in jwe.MOST.items())
        + " (jwcrypto's as set by the suite, 16,384 as it comes)"
    )
    with tempfile.TemporaryDirectory(prefix="jotmill-passphrases-") as name:
        folder = pathlib.Path(name)
        for alg in ALGORITHMS:
            made = []
            tally.case("jotmill", alg, "a ring", lambda: made.append(Ring(jotmill, folder, alg)))
            if not made:
                continue
            for peer, case, body in cases_of(jotmill, folder, alg, made[0]):
                tally.case(peer, alg, case, body)
            if alg == "ES256":
                for case, body in cases_of_mistakes(jotmill, folder, made[0]):
                    tally.case("jotmill", alg, case, body)
    tally.show_skips("the peer has no such thing")
    return tally.finish("passphrases")


if __name__ == "__main__":
    sys.exit(main())
