"""Interop: jotmill's tokens and keys in other programs' hands, and theirs in jotmill's.

Runs the cases of cases.py for every algorithm and every peer, both directions, good and bad:

    python Tests/Interop/interop.py PATH_TO_JOTMILL [--peer NAME] [--alg NAME] [--verbose]

It needs the packages of requirements.txt beside it and, for the peer of that name, the program
`jose`. Everything is made in a temporary folder, and no network but the loopback is used. Ends
with `N passed, N failed, N skipped`; the exit status is 1 if a case failed or none passed.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import warnings

# Some peers warn on import or use about algorithms that are asked for on purpose here.
warnings.simplefilter("ignore")

try:
    import peers as others
    from cases import Cases, Ring
    from harness import Disagreement, Jotmill, Tally
except ImportError as error:
    print(f"interop: {error}; install what Tests/Interop/requirements.txt lists", file=sys.stderr)
    sys.exit(2)


def main():
    parser = argparse.ArgumentParser(description="jotmill against other JOSE programs")
    parser.add_argument("jotmill", type=pathlib.Path)
    parser.add_argument("--peer", action="append", choices=[peer.name for peer in others.PEERS])
    parser.add_argument("--alg", action="append", choices=others.ALGORITHMS)
    parser.add_argument("--verbose", action="store_true", help="a line for every case")
    options = parser.parse_args()

    # A proxy set in the environment must not get to see the loopback.
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1"
    # A ring named in the environment must not stand in for the ones made here.
    os.environ.pop("JOTMILL_KEYRING", None)

    peers = [peer for peer in others.PEERS if not options.peer or peer.name in options.peer]
    algorithms = [alg for alg in others.ALGORITHMS if not options.alg or alg in options.alg]
    jotmill = Jotmill(str(options.jotmill.resolve()))
    if jotmill.run("--version").returncode != 0:
        print(f"interop: {options.jotmill} does not run", file=sys.stderr)
        return 2
    tally = Tally(jotmill, options.verbose)
    print("peers: " + ", ".join(f"{peer.name} {peer.version()}" for peer in peers))

    with tempfile.TemporaryDirectory(prefix="jotmill-interop-") as name:
        folder = pathlib.Path(name)
        for alg in algorithms:
            try:
                ring = Ring(jotmill, folder, alg)
            except (Disagreement, KeyError, StopIteration) as error:
                tally.counts[(peers[0].name, alg)]["failed"] += 1
                print(f"FAILED {alg}: no ring: {error} | jotmill: {jotmill.last}")
                continue
            for peer in peers:
                cases = list(Cases(jotmill, folder, peer, alg, ring).all())
                if reason := peer.probe(alg):
                    tally.skip_all(peer.name, alg, cases, reason)
                    continue
                for case, body in cases:
                    tally.case(peer.name, alg, case, body)

    tally.show([peer.name for peer in peers], algorithms)
    return tally.finish("interop")


if __name__ == "__main__":
    sys.exit(main())
