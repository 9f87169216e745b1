"""The machinery under the interop cases: jotmill as a subprocess, and the tally.

Owns how jotmill is called and how results are counted and shown. Knows nothing of tokens.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys

from peers import Refused, Unsupported, words


class Disagreement(Exception):
    """Both sides answered, and the answers differ from what they must be."""


class Jotmill:
    """The program under test. Its last words are kept, so that a failure can quote them."""

    def __init__(self, path):
        self.path = path
        self.last = ""

    def run(self, *arguments, stdin=b"", **more):
        """The finished process, whatever its status."""
        done = subprocess.run(
            [self.path, *map(str, arguments)], input=stdin, capture_output=True, timeout=120, **more
        )
        said = " ".join(done.stderr.decode(errors="replace").split())
        self.last = f"`{' '.join(map(str, arguments[:2]))}` status {done.returncode}: {said}"
        return done

    def output(self, *arguments, stdin=b""):
        """Standard output of a run that must succeed."""
        done = self.run(*arguments, stdin=stdin)
        if done.returncode != 0:
            raise Disagreement("jotmill could not do it")
        return done.stdout

    def sign(self, claims, *arguments):
        """One token."""
        record = json.dumps(claims, ensure_ascii=False).encode() + b"\n"
        return self.output("sign", *arguments, stdin=record).decode().strip()

    def verdict(self, token, *arguments):
        """The verdict on one token, and that the exit status agrees with it."""
        done = self.run("verify", "-q", *arguments, stdin=token.encode() + b"\n")
        if done.returncode not in (0, 1):
            raise Disagreement("jotmill could not judge")
        verdict = json.loads(done.stdout)
        self.last += f" {done.stdout.decode().strip()}"
        if verdict["valid"] != (done.returncode == 0):
            raise Disagreement("verdict and exit status differ")
        return verdict


def start(what):
    """The program under test and a tally, by the command line: PATH_TO_JOTMILL [--verbose]."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("jotmill", type=pathlib.Path)
    parser.add_argument("--verbose", action="store_true", help="a line for every case")
    options = parser.parse_args()
    # A proxy must not get to see the loopback, nor a ring of the caller's stand in for the tests'.
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1"
    for name in ("JOTMILL_KEYRING", "JOTMILL_PASSPHRASE_FILE", "CREDENTIALS_DIRECTORY"):
        os.environ.pop(name, None)
    jotmill = Jotmill(str(options.jotmill.resolve()))
    if jotmill.run("--version").returncode != 0:
        print(f"{options.jotmill} does not run", file=sys.stderr)
        sys.exit(2)
    return jotmill, Tally(jotmill, options.verbose)


class Tally:
    """Counts by peer and algorithm; a line for each failure and for each kind of skip."""

    def __init__(self, jotmill, verbose=False):
        self.jotmill = jotmill
        self.verbose = verbose
        self.counts = collections.defaultdict(collections.Counter)
        self.skips = collections.Counter()

    def case(self, peer, alg, name, body):
        self.jotmill.last = "not asked"
        try:
            body()
            outcome, detail = "passed", ""
        except Unsupported as error:
            outcome, detail = "skipped", str(error)
            self.skips[(peer, str(error))] += 1
        except Disagreement as error:
            outcome, detail = "failed", f"{error} | jotmill: {self.jotmill.last}"
        except Refused as error:
            outcome = "failed"
            detail = f"{peer} refused: {error} | jotmill: {self.jotmill.last}"
        except Exception as error:  # A peer's own failure to load or sign is a failed case too.
            outcome = "failed"
            detail = f"{peer}: {words(error)} | jotmill: {self.jotmill.last}"
        self.counts[(peer, alg)][outcome] += 1
        if outcome == "failed" or self.verbose:
            print(f"{outcome.upper()} {peer} {alg}: {name}{': ' if detail else ''}{detail}")

    def outcome(self, peer, name, error):
        """Counts what kept a group of cases from being run as one case of it."""

        def body():
            raise error

        self.case(peer, "-", name, body)

    def skip_all(self, peer, alg, names, reason):
        self.counts[(peer, alg)]["skipped"] += len(names)
        self.skips[(peer, f"{alg}: {reason}")] += len(names)

    def total(self, outcome):
        return sum(counts[outcome] for counts in self.counts.values())

    def finish(self, suite):
        """The line that Tests/run.sh reads, and the exit status."""
        passed, failed = self.total("passed"), self.total("failed")
        print(f"\n{suite}: {passed} passed, {failed} failed, {self.total('skipped')} skipped")
        return 0 if passed and not failed else 1

    def show_skips(self, why):
        if self.skips:
            print(f"\nskipped, because {why}:")
            for (peer, reason), count in self.skips.items():
                print(f"  {count:4}  {peer}: {reason}")

    def show(self, peers, algorithms):
        self.show_skips("the peer has no such thing")
        print("\npassed/failed/skipped by peer and algorithm:")
        print("  " + f"{'':8}" + "".join(f"{peer:>14}" for peer in peers))
        for alg in algorithms + ["all"]:
            cells = []
            for peer in peers:
                names = algorithms if alg == "all" else [alg]
                counts = sum((self.counts[(peer, name)] for name in names), collections.Counter())
                cells.append(f"{counts['passed']}/{counts['failed']}/{counts['skipped']}")
            print("  " + f"{alg:8}" + "".join(f"{cell:>14}" for cell in cells))
