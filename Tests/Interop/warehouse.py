"""The sample of samples/fastapi/, running in uvicorn on the loopback, with a ring of its own.

Owns the ring and its users, the service's process and what it logs, and how it is asked. Knows of
no case: webservice.py and its parts have those.
"""

import asyncio
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import httpx
import jwt

from cases import must_equal
from harness import Disagreement
from nginx import die_with_parent

SAMPLE = pathlib.Path(__file__).resolve().parents[2] / "samples/fastapi"
ISSUER, AUDIENCE = "https://auth.example.com", "warehouse"
# Seconds after which a refresh token that comes again ends its session.
GRACE = 3
# Whoever logs in, and with what. No one's password is a part of another's, nor of a name.
PASSWORDS = {
    "ada": "Difference-Engine-1843",
    "grace": "nanosecond of wire ✂",
    "joevu": 'quote " backslash \\ tab\t',
    "mallory": "let-me-in-please",
    "rose": "Tintern Abbey 1798",
}
DISABLED = "mallory"


class Ring:
    def __init__(self, jotmill, folder):
        self.jotmill, self.path = jotmill, folder / "keys"
        self.denylist = self.path / "denylist.ndjson"
        self.keys("init", "--alg", "ES256", "-q")
        for name, password in PASSWORDS.items():
            self.users("add", name, "--email", f"{name}@example.com", stdin=password.encode())
        self.users("disable", DISABLED)

    def keys(self, command, *arguments):
        return self.jotmill.output("keys", command, *arguments, "--keyring", self.path).decode()

    def users(self, command, *arguments, stdin=b""):
        options = ("--keyring", self.path)
        return self.jotmill.output("users", command, *arguments, *options, stdin=stdin).decode()

    def revoke(self, record):
        """What an operator does, past the service."""
        line = json.dumps(record).encode() + b"\n"
        return self.jotmill.output("revoke", "-q", "--keyring", self.path, stdin=line)

    def rotate(self):
        """Another key signs; returns its kid."""
        self.keys("rotate", "--if-due", "-q")
        self.keys("rotate", "--now", "--emergency", "-q")
        return self.signer()

    def signer(self):
        listed = json.loads(self.keys("list", "--json"))["keys"]
        return next(key["kid"] for key in listed if key["signs"])

    def published(self):
        return (self.path / "jwks.json").read_bytes()

    def sign(self, claims=None, *options, iss=ISSUER, aud=AUDIENCE, type="access"):
        """A token of the ring's that `grant` would not make."""
        asked = {"--iss": iss, "--aud": aud, "--token-type": type}
        named = [part for name, text in asked.items() if text for part in (name, text)]
        return self.jotmill.sign(claims or {}, "--keyring", self.path, *named, *options)


class Warehouse:
    """The service runs while the block does. It must end by itself, and its children with it."""

    def __init__(self, jotmill, folder, ring):
        self.jotmill, self.folder, self.ring = jotmill, folder, ring
        self.log = folder / "service.log"
        self.process = self.client = None
        self.url = ""

    def __enter__(self):
        for _ in range(3):
            # Free now; should another program take it meanwhile, uvicorn says so and ends.
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            self.url = f"http://127.0.0.1:{port}"
            self._start(port)
            self.client = httpx.Client(base_url=self.url, timeout=60, trust_env=False)
            try:
                if self._answers():
                    return self
            except BaseException:
                self.stop()
                raise
            self.stop()
        raise Disagreement(f"the service does not answer: {self.said()[-2000:]}")

    def __exit__(self, *_):
        self.stop()

    def _start(self, port):
        environment = os.environ | {
            "JOTMILL": self.jotmill.path, "JOTMILL_KEYRING": str(self.ring.path),
            "ISSUER": ISSUER, "AUDIENCE": AUDIENCE, "REUSE_GRACE": f"{GRACE}s",
            "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        address = ("--host", "127.0.0.1", "--port", str(port))
        with self.log.open("ab") as log:
            # Elsewhere, so that nothing is found by its being the working directory.
            self.process = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", "--app-dir", SAMPLE, "service:app", *address],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                cwd=self.folder, preexec_fn=die_with_parent,
            )  # fmt: skip

    def _answers(self):
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            try:
                return self.client.get("/welcome").status_code == 200
            except httpx.TransportError:
                time.sleep(0.05)
        return False

    def stop(self):
        """The exit status of a service that is told to end."""
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def said(self):
        return self.log.read_text(errors="replace")

    def children(self, word):
        """The pids of the service's own jotmills of that command."""
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if int(parent) == self.process.pid and words[1:2] == [word.encode()]:
                found.append(int(folder.name))
        return found

    # Asking

    def ask(self, method, path, token=None, **more):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.client.request(method, path, headers=headers, **more)

    def at_once(self, *requests, seen=lambda _: None):
        """The answers to requests (method, path, token, more) that are made together. Each is
        shown to `seen` as it comes."""

        async def all_of():
            limits = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(
                base_url=self.url, timeout=120, trust_env=False, limits=limits
            ) as client:

                async def one(method, path, token, more):
                    headers = {"Authorization": f"Bearer {token}"} if token else {}
                    response = await client.request(method, path, headers=headers, **more)
                    seen(response)
                    return response

                return await asyncio.gather(*(one(*request) for request in requests))

        return asyncio.run(all_of())

    def login(self, name="ada", **more):
        """The tokens of a login that must succeed."""
        asked = {"username": name, "password": PASSWORDS[name]} | more
        return answer(self.ask("POST", "/login", json=asked), 200)

    def refresh(self, token):
        return answer(self.ask("POST", "/refresh", token), 200)

    def is_good(self, *tokens):
        for token in tokens:
            answer(self.ask("GET", "/user", token), 200)

    def is_refused(self, *tokens):
        for token in tokens:
            refused(self.ask("GET", "/user", token))

    def is_no_refresh(self, *tokens):
        for token in tokens:
            must_equal("status", self.ask("POST", "/refresh", token).status_code, 401)


def answer(response, status, detail=None):
    """The body of an answer that must have the status and, if it is given, the detail."""
    if response.status_code != status:
        raise Disagreement(f"{response.url.path}: {response.status_code} {response.text[:300]}")
    body = response.json()
    if detail is not None:
        must_equal("detail", body, {"detail": detail})
    return body


def refused(response, detail="Could not validate credentials", challenge="invalid_token"):
    """A 401 that says why, to people and to programs."""
    answer(response, 401, detail)
    wanted = f'Bearer error="{challenge}"' if challenge else "Bearer"
    must_equal("WWW-Authenticate", response.headers["WWW-Authenticate"], wanted)


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def kid_of(token):
    return jwt.get_unverified_header(token)["kid"]
