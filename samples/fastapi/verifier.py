"""Which tokens are good: the ring's published keys, the claims, and the denylist.

Owns reading `jwks.json` and `denylist.ndjson` as they change. Needs nothing of the ring that is
secret, so a service that only verifies takes this file alone. Must never let a token through that
it could not look up: a list that can't be read is no empty list.
"""

import contextlib
import datetime
import json
import math
import os
import time

import jwt

# What the ring's policy may say in `alg`; each key is good for its own only.
ALGORITHMS = ["RS256", "ES256", "EdDSA"]
# Seconds that clocks may differ: no more than the ring's policy has for `leeway`.
LEEWAY = 10


class Refused(Exception):
    """The token is not good here."""


class CannotTell(Exception):
    """The keys or the denylist can't be read. Nobody is let in until they can."""


class Verifier:
    """Not for several threads: call it on the event loop."""

    def __init__(self, keys, denylist, issuer, audience):
        self.keys, self.denylist = Keys(keys), Denylist(denylist)
        self.issuer, self.audience = issuer, audience

    def verify(self, token: str, kind: str) -> dict:
        """The claims of a token whose `type` is `kind`. Throws Refused or CannotTell."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            claims = jwt.decode(
                token, self.keys.find(kid), ALGORITHMS,
                issuer=self.issuer, audience=self.audience, leeway=LEEWAY,
                options={"require": ["exp", "iat", "sub", "jti"]},
            )  # fmt: skip
        except jwt.PyJWTError as error:
            raise Refused(str(error)) from error
        if claims.get("type") != kind:
            raise Refused("a token of another type")
        if self.denylist.has(claims, kid):
            raise Refused("the token was revoked")
        return claims


class Keys:
    """The published set. jotmill replaces the file whole, so one look tells whether it changed:
    a new key is known, and a revoked one forgotten, with the next request.

    On another host, jwt.PyJWKClient(url).get_signing_key_from_jwt(token) stands for this class.
    """

    def __init__(self, path):
        self.path, self.seen, self.keys = path, None, {}

    def find(self, kid):
        try:
            self._follow()
        except (OSError, ValueError) as error:
            raise CannotTell(f"{self.path}: {error}") from error
        if kid not in self.keys:
            raise Refused("no such key")
        return self.keys[kid]

    def _follow(self):
        status = os.stat(self.path)
        mark = status.st_ino, status.st_size, status.st_mtime_ns
        if mark != self.seen:
            with open(self.path, encoding="utf-8") as file:
                found = jwt.PyJWKSet.from_json(file.read())
            self.keys, self.seen = {key.key_id: key for key in found.keys}, mark


class Denylist:
    """The entries of the file, a JSON object a line: `jti`, `family`, `kid`, or `sub` with
    `before`; each with `iss` or for any issuer, from `revoked_at` on or since ever.

    Lines are appended, and only those are read; `jotmill revoke --prune` replaces the file. Until
    the first revocation there may be none.
    """

    kinds = {"jti", "family", "kid", "sub"}
    members = kinds | {"iss", "before", "revoked_at", "exp", "type", "reason"}

    def __init__(self, path):
        self.path, self.mark = path, None
        # Kept open, or another file could be given its number.
        self.file = None
        # (kind, text, issuer or None): {(before, revoked_at)}
        self.entries = {}
        # Where the whole lines end that were read, and the last one of them.
        self.end, self.last = 0, b""

    def has(self, claims: dict, kid: str) -> bool:
        try:
            self._follow()
        except (OSError, ValueError) as error:
            raise CannotTell(f"{self.path}: {error}") from error
        now, iat = time.time(), claims["iat"]
        # A refresh token falls with its access token.
        texts = [("jti", claims["jti"]), ("jti", claims.get("access_token_jti"))]
        texts += [("family", claims.get("family")), ("sub", claims["sub"]), ("kid", kid)]
        return any(
            iat < before and revoked_at <= now
            for kind, text in texts
            for issuer in (claims["iss"], None)
            for before, revoked_at in self.entries.get((kind, text, issuer), ())
        )

    def _follow(self):
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            # What was in force stays so.
            return
        mark = status.st_size, status.st_mtime_ns
        same = self.file and os.path.samestat(status, os.fstat(self.file.fileno()))
        if same and mark == self.mark:
            return
        if same and self._has_grown(status.st_size):
            self.end, self.last = self._read(self.file, self.end, self.last, self.entries)
        else:
            # Unbuffered: a buffer would show what stood there before.
            file, entries = open(self.path, "rb", buffering=0), {}
            self.end, self.last = self._read(file, 0, b"", entries)
            self.file, self.entries = file, entries
        self.mark = mark

    def _has_grown(self, size):
        self.file.seek(self.end - len(self.last))
        return size > self.mark[0] and self.file.read(len(self.last)) == self.last

    def _read(self, file, start, last, entries):
        file.seek(start)
        text = file.read()
        *lines, rest = text.split(b"\n")
        for line in lines:
            if line.strip():
                self._add(line, entries)
        # The rest is nothing, a line that is being written, or one whose writer died within it.
        with contextlib.suppress(ValueError):
            self._add(rest, entries)
        return start + len(text) - len(rest), lines[-1] + b"\n" if lines else last

    def _add(self, line, entries):
        """Throws ValueError: no entry is passed over because it is not understood."""
        entry = json.loads(line)
        if not isinstance(entry, dict) or not entry.keys() <= self.members:
            raise ValueError(f"no entry: {line[:200]!r}")
        kind, *more = self.kinds & entry.keys() or [None]
        texts = entry.get(kind), entry.get("iss", "")
        if more or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"no entry: {line[:200]!r}")
        if (kind == "sub") != ("before" in entry):
            raise ValueError(f"no entry: {line[:200]!r}")
        before = seconds(entry.get("before", math.inf))
        revoked_at = seconds(entry.get("revoked_at", -math.inf))
        key = kind, entry[kind], entry.get("iss")
        entries.setdefault(key, set()).add((before, revoked_at))


def seconds(when) -> float:
    """Unix seconds of a time, which is RFC 3339's or a number."""
    if isinstance(when, str):
        return datetime.datetime.fromisoformat(when).timestamp()
    return float(when)
