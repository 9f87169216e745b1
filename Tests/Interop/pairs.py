"""Access and refresh tokens: jotmill's in services built with Python's libraries, and theirs in
jotmill's hands.

    python Tests/Interop/pairs.py PATH_TO_JOTMILL [--verbose]

Owns which libraries there are, with which algorithms, and how their services are asked; the cases
are in pairs_cases.py and pairs_extras.py. Each service runs in a process of its own
(services/serve.py). fastapi-jwt-auth3 and fastapi-jwt-auth need older packages than the other
peers: the Pythons that have them are named by JOTMILL_AUTH3_PYTHON and JOTMILL_AUTH_PYTHON,
without which their cases are skipped.
Ends with `pairs: N passed, N failed, N skipped`.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import warnings

warnings.simplefilter("ignore")

try:
    from harness import start
    from pairs_cases import Cases
    from pairs_extras import Auth3Extras, TutorialExtras
    from pairs_grants import Grants
    from pairs_setting import Setting
    from peers import Unsupported
except ImportError as error:
    print(f"pairs: {error}; install what Tests/Interop/requirements.txt lists", file=sys.stderr)
    sys.exit(2)

SERVE = pathlib.Path(__file__).resolve().parent / "services" / "serve.py"


@dataclasses.dataclass
class Library:
    """What is known of it.

    `typed`: its tokens say `type` and `fresh`. `names_access`: its refresh tokens name their access
    tokens. `refresh_iss`: they say `iss`. `pair_path`: where the access token of a pair is let in.
    `looks_at_nbf`: also where a token need not have one. `says_why`: in its refusals. `extras`:
    cases of its own.
    """

    name: str
    module: str
    algorithms: list
    python: str | None = sys.executable
    typed: bool = True
    names_access: bool = True
    refresh_iss: bool = True
    pair_path: str = "/access"
    looks_at_nbf: bool = True
    says_why: bool = True
    extras: type | None = None


LIBRARIES = [
    Library("fastapi-jwt-auth3", "auth3", ["RS256", "HS256", "ES256", "EdDSA"],
            python=os.environ.get("JOTMILL_AUTH3_PYTHON") or None, typed=False,
            says_why=False, pair_path="/typed-access", extras=Auth3Extras),
    Library("fastapi-jwt-auth", "auth", ["HS256", "RS256", "ES256"],
            python=os.environ.get("JOTMILL_AUTH_PYTHON") or None,
            names_access=False, refresh_iss=False),
    Library("python-jose", "plain", ["HS256", "RS256", "ES256"], extras=TutorialExtras),
    Library("PyJWT", "plain", ["HS256", "RS256", "ES256", "EdDSA"], extras=TutorialExtras),
    Library("joserfc", "plain", ["HS256", "RS256", "ES256", "EdDSA"]),
    Library("jwcrypto", "plain", ["HS256", "RS256", "ES256", "EdDSA"], looks_at_nbf=False),
]  # fmt: skip


class Service:
    """The process of one library's services, one after the other."""

    def __init__(self, library, folder):
        if library.python is None:
            raise Unsupported(f"no Python is named for {library.name}")
        self.errors = folder / f"{library.name}.stderr"
        self.process = subprocess.Popen(
            [library.python, SERVE, library.module], text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors.open("w"),
        )  # fmt: skip
        self.versions = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=60)

    def make(self, settings):
        self.versions = self._say(settings=settings)["versions"]

    def ask(self, method, path, token=None, body=None):
        """The status and the body."""
        answer = self._say(method=method, path=path, token=token, json=body)
        return answer["status"], answer["body"]

    def _say(self, **question):
        try:
            print(json.dumps(question), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # Its last words say more.
        # One line answers each question, so that nothing waits in the reader's own buffer.
        if not select.select([self.process.stdout], [], [], 120)[0]:
            self.process.kill()
        line = self.process.stdout.readline()
        if not line:
            last = self.errors.read_text().splitlines()[-1:]
            raise RuntimeError(f"the service is gone: {last}")
        return json.loads(line)


def cases_of(library, jotmill, folder, service, alg):
    setting = Setting(jotmill, folder / f"{library.name}-{alg}", library, alg)
    service.make(setting.for_service())
    yield from Cases(setting, service).all()
    yield from Grants(setting, service).all()
    if library.extras:
        yield from library.extras(setting, service).all()


def drive(library, jotmill, tally, folder):
    try:
        with Service(library, folder) as service:
            for alg in library.algorithms:
                for name, body in cases_of(library, jotmill, folder, service, alg):
                    tally.case(library.name, alg, name, body)
            shown = ", ".join(f"{name} {version}" for name, version in service.versions.items())
            print(f"peers: {library.name}'s service: {shown}")
    except Exception as error:
        tally.outcome(library.name, "its services", error)


def main():
    jotmill, tally = start("pairs of tokens between jotmill and Python's libraries")
    with tempfile.TemporaryDirectory(prefix="jotmill-pairs-") as name:
        for library in LIBRARIES:
            drive(library, jotmill, tally, pathlib.Path(name))
    tally.show_skips("the library is missing or has no such thing")
    return tally.finish("pairs")


if __name__ == "__main__":
    sys.exit(main())
