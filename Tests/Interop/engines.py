"""Engines: what `jotmill verify` says is the same, octet for octet, whoever checks the signatures.

One file of tokens of every algorithm by hundreds of keys, good, mutated and crafted, goes through
each engine in every shape: as a file, dripped through a pipe, by one worker and by four, with the
options that ask for signatures again. OpenSSL's engine says what is right.

    python Tests/Interop/engines.py PATH_TO_JOTMILL [--verbose]

JOTMILL_LONG=1: a million good and a million mutated tokens of each algorithm that the lanes take
(JOTMILL_LONG=N: N of each; JOTMILL_LANES=ES256,EdDSA: of these). ENGINES_SEED repeats a run's keys
and choices. Ends with `engines: N passed, N failed, N skipped`; the exit status is 1 if a case
failed or none passed.
"""

import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

try:
    from engine_keys import seeded
    from engine_tokens import LANES, Tokens
    from harness import Disagreement, start
except ImportError as error:
    print(f"engines: {error}; install what Tests/Interop/requirements.txt lists", file=sys.stderr)
    sys.exit(2)

ENGINES = ["lanes", "portable", "auto"]
# All words but the engine's; a mixture of what changes which signatures are asked about, and when.
SHAPES = {
    "one worker": ["-j", "1"],
    "four workers": ["-j", "4"],
    "no cache": ["-j", "2", "--cache", "0"],
    "two files": ["-j", "2", "second"],
    "raw": ["-j", "2", "--raw"],
    "only invalid": ["-j", "2", "--only", "invalid"],
    "claims": ["-j", "2", "--print", "claims"],
    "denylist": ["-j", "2", "--denylist", "denylist"],
    "algorithms": ["-j", "2", "--alg", "ES256,EdDSA,PS384,HS256"],
    "rejects": ["-j", "2", "--rejects", "rejects"],
    "log": ["-j", "2", "--input", "log", "--tokens", "all"],
}


class Suite:
    def __init__(self, jotmill, tally, folder, rng):
        self.jotmill, self.tally, self.folder, self.rng = jotmill, tally, folder, rng

    def words(self, engine, more):
        keys = [] if "--jwks" in more else ["--jwks", "jwks.json"]
        return [self.jotmill.path, "verify", "-q", "--engine", engine, *keys, *more]

    def run(self, engine, more, feed=None):
        """Status, output, errors and rejected lines of one run."""
        rejects = self.folder / "rejects"
        rejects.unlink(missing_ok=True)
        with open(self.folder / "out", "wb") as out, open(self.folder / "err", "wb") as err:
            process = subprocess.Popen(
                self.words(engine, more), cwd=self.folder, stdout=out, stderr=err,
                stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            )  # fmt: skip
            if feed:
                thread = threading.Thread(target=feed, args=(process.stdin,))
                thread.start()
            status = process.wait(timeout=3600)
            if feed:
                thread.join()
        said = (self.folder / "err").read_text(errors="replace")
        self.jotmill.last = f"`--engine {engine} {' '.join(more)}` status {status}: {said[:2000]}"
        rejected = rejects.read_bytes() if rejects.exists() else None
        return status, (self.folder / "out").read_bytes(), said, rejected

    def compare(self, expected, got):
        if expected == got:
            return
        if expected[0] != got[0]:
            raise Disagreement(f"status {got[0]}, not {expected[0]}")
        lines = [made[1].split(b"\n") for made in (expected, got)]
        for number, (a, b) in enumerate(zip(*lines), 1):
            if a != b:
                raise Disagreement(f"output {number}: {b[:300]!r}, not {a[:300]!r}")
        raise Disagreement(f"{len(lines[1])} outputs, not {len(lines[0])}, or other words")

    def shapes(self):
        """Each engine in each shape."""
        for name, more in SHAPES.items():
            expected = self.run("openssl", ["tokens", *more])
            for engine in ENGINES:

                def same(engine=engine, more=more, expected=expected):
                    if expected[0] != 1 or expected[2]:
                        raise Disagreement("OpenSSL's engine did not end as it should")
                    self.compare(expected, self.run(engine, ["tokens", *more]))

                self.tally.case(engine, "all", name, same)

    def pipes(self, lines):
        """The same lines, in pieces of random size that end anywhere."""
        data = b"".join(lines)
        expected = self.run("openssl", ["tokens", "-j", "1"])
        for engine in ENGINES:
            for workers in ("1", "4"):
                for most in (300, 5_000, 200_000):

                    def drip(pipe, most=most):
                        at = 0
                        while at < len(data):
                            size = self.rng.randrange(1, most)
                            pipe.write(data[at : at + size])
                            pipe.flush()
                            at += size
                            # Now and then the reader gets to see an empty pipe.
                            if self.rng.randrange(4) == 0:
                                time.sleep(0.0005)
                        pipe.close()

                    def same(engine=engine, workers=workers, drip=drip):
                        self.compare(expected, self.run(engine, ["-j", workers], drip))

                    self.tally.case(engine, "all", f"pipe, {workers} workers, up to {most}", same)

    def try_all(self):
        for workers in ("1", "4"):
            more = ["nokid", "--try-all", "--jwks", "few.json", "-j", workers]
            expected = self.run("openssl", more)
            for engine in ENGINES:

                def same(engine=engine, more=more, expected=expected):
                    self.compare(expected, self.run(engine, more))

                self.tally.case(engine, "all", f"try all, {workers} workers", same)

    def make(self):
        tokens = Tokens(self.rng)
        tokens.make_keys(1)
        lines = tokens.mix(4000) + tokens.crafted()
        for alg in LANES:
            lines += tokens.mix(150, alg)
        # Some of them again and again: the memory of signatures, and keys that are worth a table.
        lines += [self.rng.choice(lines) for _ in range(3000)]
        self.rng.shuffle(lines)
        write = lambda name, text: (self.folder / name).write_bytes(text)  # noqa: E731
        lines = [line.encode() + b"\n" for line in lines]
        write("tokens", b"".join(lines))
        write("second", b"".join(self.rng.sample(lines, 2000)))
        write("jwks.json", json.dumps({"keys": tokens.jwks}).encode())
        write("denylist", b"".join(b'{"jti":"j%d"}\n' % n for n in range(0, 1000, 7)))
        # Keys that tokens without a kid are tried with: up to 16 that fit.
        few = Tokens(self.rng)
        for algs in {tuple(algs) for _, _, algs in tokens.signers}:
            fitting = [key for key, _, other in tokens.signers if tuple(other) == algs]
            for key in self.rng.sample(fitting, min(len(fitting), 12)):
                few.add(key, list(algs))
        unnamed = few.mix(400, with_kid=False)
        write("nokid", "".join(line + "\n" for line in unnamed).encode())
        write("few.json", json.dumps({"keys": few.jwks}).encode())
        return lines, len(tokens.jwks)

    # The long run -------------------------------------------------------------------------------

    def million(self, alg, goal):
        """Rounds of tokens by keys of their own, made by a process for each processor."""
        done, began = 0, time.monotonic()
        size = min(goal, 50_000)
        workers = os.cpu_count() or 1
        with multiprocessing.Pool(workers) as pool:
            seeds = iter(lambda: self.rng.getrandbits(64), None)
            rounds = (goal + size - 1) // size
            jobs = [(next(seeds), alg, size) for _ in range(rounds)]
            for jwks, text in pool.imap(make_round, jobs):
                (self.folder / "jwks.json").write_text(jwks)
                (self.folder / "tokens").write_text(text)
                more = ["tokens", "--cache", "0"]
                expected = self.run("openssl", more)
                for engine in ("lanes", "portable"):
                    self.compare(expected, self.run(engine, more))
                done += size
                took = int(time.monotonic() - began)
                print(f"engines: {alg}: {done} good and {done} mutated, {took} s", flush=True)


def make_round(job):
    seed, alg, count = job
    tokens = Tokens(seeded(seed))
    tokens.length = lambda: tokens.rng.randrange(60)
    tokens.make_keys(1)
    return json.dumps({"keys": tokens.jwks}), "\n".join(tokens.mix(count, alg)) + "\n"


def main():
    jotmill, tally = start("the engines of jotmill against each other")
    seed = os.environ.get("ENGINES_SEED") or str(int.from_bytes(os.urandom(6), "big"))
    print(f"engines: ENGINES_SEED={seed}")
    with tempfile.TemporaryDirectory(prefix="jotmill-engines-") as name:
        suite = Suite(jotmill, tally, pathlib.Path(name), seeded(seed))
        lines, keys = suite.make()
        verdicts = suite.run("openssl", ["tokens"])[1].split(b"\n")
        good = sum(b'"valid":true' in verdict for verdict in verdicts)
        print(f"engines: {len(lines)} tokens by {keys} keys, {good} of them good")
        suite.shapes()
        suite.pipes(lines)
        suite.try_all()
        if long := os.environ.get("JOTMILL_LONG"):
            goal = int(long) if long.isdigit() and long != "1" else 1_000_000
            only = os.environ.get("JOTMILL_LANES", ",".join(LANES)).split(",")
            for alg in only:
                tally.case("long", alg, f"{goal} of each", lambda alg=alg: suite.million(alg, goal))
    return tally.finish("engines")


if __name__ == "__main__":
    sys.exit(main())
