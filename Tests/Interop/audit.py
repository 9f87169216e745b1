"""The sample log, judged a second time: by PyJWT, plain regular expressions, and the rules of the
contract written down anew, for jotmill to agree with on every line.

    python Tests/Interop/audit.py PATH_TO_JOTMILL [--verbose]

Owns what is compared. A case is a comparison of whole runs, not a line. Ends with
`audit: N passed, N failed, N skipped`.
"""

import collections
import datetime
import functools
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

try:
    from audit_rules import ISSUER, NO_TOKEN, Judge, Log, object_of, seconds
    from cases import must_equal
    from harness import Disagreement, start
except ImportError as error:
    print(f"audit: {error}; install what Tests/Interop/requirements.txt lists", file=sys.stderr)
    sys.exit(2)

SAMPLE = pathlib.Path(__file__).resolve().parents[2] / "samples" / "audit"
KEYS = SAMPLE / "keys"
MEMBERS = ["valid", "errors", "kid", "alg", "claims", "expired_now", "revoked_now"]
# The codes that the story brings about; the others must not be found in it.
TOLD = """
    no_token bad_base64 unsupported_alg alg_mismatch unknown_key bad_signature expired not_yet_valid
    issued_in_future wrong_issuer revoked_token revoked_key outside_key_window
""".split()

THIEVES = {"203.0.113.77", "203.0.113.91"}
FORGERS = {"203.0.113.201", "203.0.113.202"}

# What must not be shared: a JWS, a JWE, or the beginning of one that is cut.
SECRET = re.compile(rb"(?<![A-Za-z0-9_.-])e(?:y|w|3)[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)+")
NOTE = re.compile(rb"\[jwt [^\]\[]*\]")


class Audit:
    """Both sides' answers."""

    def __init__(self, jotmill, folder):
        self.jotmill, self.folder = jotmill, folder
        self.log = Log(SAMPLE / "access.log.gz")
        self.file = folder / "access.log"
        self.file.write_bytes(self.log.text)
        ring = json.loads((KEYS / "keyring.json").read_text())
        entries = (KEYS / "denylist.ndjson").read_text().splitlines()
        self.denylist = [json.loads(entry) for entry in entries]
        self.judge = Judge(ring, self.denylist, int(time.time()))
        self.first = [
            self.judge.verdict(words[0], begin, begin + 1) if words else NO_TOKEN
            for words, begin in zip(self.log.words, self.log.times)
        ]

    def verify(self, *options, text=False):
        done = self.jotmill.run(
            "verify", "-q", "--keyring", KEYS, "--iss", ISSUER, *options, self.file
        )
        # Some lines are always rejected.
        must_equal("the exit status", done.returncode, 1)
        return done.stdout if text else [object_of(line) for line in done.stdout.splitlines()]

    @functools.cached_property
    def verdicts(self):
        return self.verify("--at-log")

    def same(self, wanted, got, members):
        """Line by line; at most a few differences are told."""
        must_equal("the number of lines", len(got), len(wanted))
        differ = [
            f"line {n}: {name} is {g.get(name)!r}, not {w.get(name)!r}"
            for n, (w, g) in enumerate(zip(wanted, got), 1)
            for name in members
            if w.get(name) != g.get(name)
        ]
        if differ:
            raise Disagreement(f"{len(differ)} differences: {'; '.join(differ[:5])}")

    def uses(self, jti):
        return [v for v in self.verdicts if v.get("claims", {}).get("jti") == jti]


# The cases ----------------------------------------------------------------------------------


def cases_of_verdicts(audit):
    log, judge = audit.log, audit.judge

    def member(name):
        return lambda: audit.same(audit.first, audit.verdicts, [name])

    for name in MEMBERS:
        yield f"every line, as of its own time: {name}", member(name)

    def stamps():
        for time_, verdict in zip(log.times, audit.verdicts, strict=True):
            at = datetime.datetime.fromtimestamp(time_, datetime.timezone.utc)
            wanted = f"{at:%Y-%m-%dT%H:%M:%SZ}"
            must_equal(f"line {verdict['line']}", verdict.get("at"), wanted)

    yield "every verdict says its line's time", stamps

    def every_token():
        got = audit.verify("--at-log", "--tokens", "all")
        must_equal("the number of lines", len(got), len(log.lines))
        wanted, flat = [], []
        for words, begin, verdict in zip(log.words, log.times, got, strict=True):
            judged = [judge.verdict(word, begin, begin + 1) for word in words]
            tokens = verdict.get("tokens", [])
            must_equal(f"tokens of line {verdict['line']}", len(tokens), len(words))
            valid = bool(judged) and all(one["valid"] for one in judged)
            must_equal(f"line {verdict['line']} is valid", verdict["valid"], valid)
            wanted += judged
            flat += tokens
        several = sum(len(words) > 1 for words in log.words)
        print(f"audit: --tokens all: {len(flat)} tokens; {several} lines hold more than one")
        audit.same(wanted, flat, MEMBERS)

    yield "every token of every line", every_token

    def one_time():
        text = "2026-10-09T12:00:00Z"
        at = seconds(text)
        wanted = [judge.verdict(words[0], at, at) if words else NO_TOKEN for words in log.words]
        audit.same(wanted, audit.verify("--at", text), ["valid", "errors", "kid", "expired_now"])

    yield "every line, as of one time", one_time

    def summary():
        path = audit.folder / "summary.json"
        audit.verify("--at-log", "--print", "none", "--summary-json", path, text=True)
        said = json.loads(path.read_text())
        valid = sum(verdict["valid"] for verdict in audit.first)
        must_equal("lines", said["lines"], len(log.lines))
        must_equal("valid", (said["valid"], said["invalid"]), (valid, len(log.lines) - valid))
        must_equal("errors", collections.Counter(said["errors"]), counted(audit.first))
        for member in ("kid", "alg"):
            wanted = collections.defaultdict(lambda: {"valid": 0, "invalid": 0})
            for verdict in audit.first:
                if member in verdict:
                    wanted[verdict[member]]["valid" if verdict["valid"] else "invalid"] += 1
            must_equal(f"by {member}", said[member], wanted)

    yield "the summary's counts", summary


def counted(verdicts):
    return collections.Counter(code for v in verdicts for code in v.get("errors", []))


def cases_of_the_story(audit):
    log = audit.log
    stolen = next(e for e in audit.denylist if e["reason"].startswith("stolen"))
    revoked_at = seconds(stolen["revoked_at"])

    def is_revoked(verdict):
        return "revoked_token" in verdict.get("errors", [])

    def addresses(verdicts):
        return {log.lines[v["line"] - 1].split()[0].decode() for v in verdicts}

    def stolen_token():
        uses = audit.uses(stolen["jti"])
        word = log.words[uses[0]["line"] - 1][0]
        held = [n for n, words in enumerate(log.words, 1) if words and words[0] == word]
        must_equal("the lines", [v["line"] for v in uses], held)
        before = [v for v in uses if log.times[v["line"] - 1] < revoked_at]
        after = uses[len(before) :]
        must_equal("valid before", [v for v in before if not v["valid"]], [])
        must_equal("revoked now", [v for v in before if v.get("revoked_now") is not True], [])
        must_equal("rejected after", [v for v in after if not is_revoked(v)], [])
        owner = addresses([uses[0]])
        strangers = addresses(uses) - owner
        must_equal("strangers", strangers, THIEVES)
        must_equal("whose the first use after it is", addresses(after[:1]), owner)
        first = next(v for v in uses if addresses([v]) & strangers)
        accepted = [v for v in after if b'" 401 ' not in log.lines[v["line"] - 1]]
        print(
            f"audit: stolen token {stolen['jti']} of {uses[0]['claims']['sub']}: lines "
            f"{uses[0]['line']} to {uses[-1]['line']}, {len(before)} uses before it was revoked "
            f"({sum(bool(addresses([v]) & strangers) for v in before)} by the thief, from line "
            f"{first['line']} on), {len(after)} after, from line {after[0]['line']} on, "
            f"{len(accepted)} of them let in"
        )

    yield "the stolen token: whose, from where, from which line on", stolen_token

    def most_used():
        after = collections.Counter(v["claims"]["jti"] for v in audit.verdicts if is_revoked(v))
        (jti, most), (_, second) = after.most_common(2)
        must_equal("the token that is used most after its revocation", jti, stolen["jti"])
        if most < 2 * second:
            raise Disagreement(f"it does not stand out: {most} uses, another one {second}")

    yield "the stolen token stands out", most_used

    def behind():
        uses = len(audit.uses(stolen["jti"]))
        every = audit.verify("--at-log", "--tokens", "all")
        of = [t for v in every for t in v.get("tokens", []) if "claims" in t]
        more = sum(t["claims"]["jti"] == stolen["jti"] for t in of)
        must_equal("uses with --tokens all", more, uses + 1)

    yield "one use more behind a decoy, by --tokens all", behind

    def forged():
        from_there = [v for v in audit.verdicts if addresses([v]) & FORGERS]
        kids = {v["kid"] for v in from_there}
        must_equal("keys", kids, {k for k, key in audit.judge.keys.items() if "revoked" in key})
        by_reason = collections.Counter(tuple(v["errors"]) for v in from_there)
        told = {("revoked_key",), ("revoked_key", "outside_key_window"), ("outside_key_window",),
                ("expired", "revoked_key", "outside_key_window")}  # fmt: skip
        must_equal("reasons", set(by_reason), told)
        let_in = sum(b'" 200 ' in log.lines[v["line"] - 1] for v in from_there)
        print(f"audit: {len(from_there)} uses of forged tokens, {let_in} of them let in")

    yield "tokens forged with the leaked key", forged

    def rotations():
        order = sorted((k for k in audit.judge.keys.values() if "activation" in k),
                       key=lambda key: key["activation"])  # fmt: skip
        seen = list(dict.fromkeys(v["kid"] for v in audit.verdicts if v["valid"]))
        must_equal("keys in the order of their time", seen, [key["kid"] for key in order[:4]])

    yield "four keys, one after the other", rotations

    def told():
        counts = counted(audit.verdicts)
        must_equal("codes", set(counts), set(TOLD))
        valid = sum(v["valid"] for v in audit.verdicts)
        print(f"audit: {len(log.lines)} lines, {valid} valid; "
              + ", ".join(f"{code} {counts[code]}" for code in TOLD))  # fmt: skip

    yield "every code that the story tells of, and no other", told


def cases_of_sharing(audit):
    log = audit.log
    words = set(re.findall(rb"[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)+", log.text))
    signatures = {word.rpartition(b".")[2] for word in words if word.startswith(b"ey")}
    signatures = {signature for signature in signatures if len(signature) > 20}
    segments = re.compile(rb"[A-Za-z0-9_-]{21,}")

    def holds_none(what, text):
        found = signatures & set(segments.findall(text))
        must_equal(f"signatures in {what}", len(found), 0)

    def redacted(*options):
        return audit.verify("--at-log", "--print", "line", "--redact", *options, text=True)

    def none_left():
        if len(signatures) < 1000:
            raise Disagreement(f"only {len(signatures)} signatures in the input")
        holds_none("the output", redacted())
        holds_none("the output with --tokens all", redacted("--tokens", "all"))
        print(f"audit: --redact: none of {len(signatures)} signatures left")

    yield "--redact leaves no signature", none_left

    def else_same():
        for options in ((), ("--tokens", "all")):
            got = NOTE.sub(b"<T>", redacted(*options)).splitlines()
            wanted = [SECRET.sub(b"<T>", line) for line in log.lines]
            differ = [n for n, (a, b) in enumerate(zip(wanted, got, strict=True), 1) if a != b]
            if differ:
                n = differ[0]
                said = f"first {n}: {got[n - 1]}, not {wanted[n - 1]}"
                raise Disagreement(f"{len(differ)} lines, {said}")

    yield "--redact changes nothing else", else_same

    def notes():
        lines = redacted().splitlines()
        for n, (line, wanted) in enumerate(zip(lines, audit.first, strict=True), 1):
            if "alg" not in wanted:
                continue
            note = NOTE.search(line)[0].decode()
            codes = wanted.get("errors", ["valid"])
            # What nobody vouches for is left out: a kid of no key here, claims that nobody signed.
            holds = "claims" in wanted
            names = [f"kid={wanted['kid']}"] if holds or codes == ["bad_signature"] else []
            names += [f"jti={wanted['claims']['jti']}"] if holds else []
            must_equal(f"line {n}", note, f"[jwt {' '.join([*names, ','.join(codes)])}]")

    yield "the notes say which token it was, and the verdict", notes

    def verdicts():
        holds_none("the verdicts", audit.verify("--at-log", "--tokens", "all", text=True))

    yield "verdicts hold no signature", verdicts

    def report():
        counts, page = audit.folder / "counts.json", audit.folder / "report.html"
        written = ("--summary-json", counts, "--report", page)
        audit.verify("--at-log", "--print", "none", *written, text=True)
        holds_none("the counts", counts.read_bytes())
        text = page.read_bytes()
        holds_none("the report", text)
        if fetched := re.findall(rb"(?:src|href)=[\"']?(?!#|data:)[^\"'> ]+|@import", text):
            raise Disagreement(f"the report is not alone: {fetched[:3]}")

    yield "the report holds no signature and fetches nothing", report


def cases_of_the_sample(audit):
    def public():
        names = sorted(path.name for path in KEYS.iterdir())
        must_equal("files", names, ["denylist.ndjson", "jwks.json", "keyring.json"])
        for name in ("keyring.json", "jwks.json"):
            if re.search(r'"(d|p|q|dp|dq|qi|k)"\s*:', (KEYS / name).read_text()):
                raise Disagreement(f"{name} holds a private member")

    yield "its ring has public halves only", public

    def remade():
        folder = audit.folder / "again"
        program = [sys.executable, str(SAMPLE / "make.py"), audit.jotmill.path, str(folder)]
        done = subprocess.run(program, capture_output=True, text=True, timeout=600)
        must_equal("make.py's exit status", (done.returncode, done.stderr), (0, ""))
        again = gzip.decompress((folder / "access.log.gz").read_bytes())
        must_equal("the denylist", (folder / "keys/denylist.ndjson").read_text(),
                   (KEYS / "denylist.ndjson").read_text())  # fmt: skip
        if SECRET.sub(b"<T>", again) != SECRET.sub(b"<T>", audit.log.text):
            raise Disagreement("another log, tokens aside")

    yield "make.py makes it again, keys and signatures aside", remade


def main():
    jotmill, tally = start("the sample log, judged by PyJWT and by jotmill")
    with tempfile.TemporaryDirectory(prefix="jotmill-audit-") as name:
        audit = Audit(jotmill, pathlib.Path(name))
        groups = (cases_of_verdicts, cases_of_the_story, cases_of_sharing, cases_of_the_sample)
        for group in groups:
            for name, body in group(audit):
                tally.case("PyJWT", "ES256", name, body)
    tally.show_skips("the tool is missing")
    return tally.finish("audit")


if __name__ == "__main__":
    sys.exit(main())
