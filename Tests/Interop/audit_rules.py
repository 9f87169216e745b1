"""The rules of verifying a log, written down anew from the contract, with PyJWT for the signatures.

Owns what a word, a time, a claim, a key's window and the denylist mean, from a ring's keyring.json
and denylist.ndjson alone. Must never ask jotmill, nor look at how it does it.
"""

import base64
import dataclasses
import datetime
import decimal
import functools
import gzip
import json
import re

import jwt

ISSUER = "https://auth.example.net/"
# The codes in the order in which a verdict lists them.
CODES = """
    no_token too_large malformed bad_base64 bad_header bad_payload duplicate_member unsupported_alg
    alg_not_allowed alg_mismatch unsupported_crit unknown_key ambiguous_key weak_key bad_signature
    no_time expired not_yet_valid issued_in_future too_old wrong_issuer wrong_audience wrong_subject
    unknown_subject wrong_typ wrong_token_type not_fresh missing_claim bad_claim schema
    untrusted_issuer revoked_token revoked_key outside_key_window
""".split()
ALGORITHMS = ["ES256", "RS256", "HS256"]

# Base64url and dots, as much of it as there is.
WORD = re.compile(rb"[A-Za-z0-9_.-]+")
STAMP = re.compile(rb"\[(\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]")

NO_TOKEN = {"valid": False, "errors": ["no_token"]}


def octets(segment):
    """Strict base64url, or None."""
    try:
        data = base64.b64decode(segment + b"=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return data if base64.urlsafe_b64encode(data).rstrip(b"=") == segment else None


def is_token(word):
    """Two dots, and a first part that decodes to the opening of a JSON object."""
    first = word.split(b".")[0]
    opening = first[: len(first) // 4 * 4]
    return word.count(b".") == 2 and base64.urlsafe_b64decode(opening).startswith(b"{")


def object_of(data):
    return json.loads(data, parse_float=decimal.Decimal)


def seconds(text):
    """Seconds since 1970 of an RFC 3339 time in UTC, exactly."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    parsed = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc)
    return decimal.Decimal(int(parsed.timestamp())) + decimal.Decimal(f"0.{fraction or 0}")


def span(text):
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]]


@dataclasses.dataclass
class Judged:
    """A word, as far as it can be judged without a time."""

    error: str = None
    alg: str = None
    kid: str = None
    claims: dict = None


class Judge:
    def __init__(self, ring, denylist, now):
        self.keys = {key["kid"]: key for key in ring["keys"]}
        self.skew = span(ring["policy"]["clock_skew"])
        self.denylist, self.now = denylist, now

    @functools.cache
    def judged(self, word):
        parts = word.split(b".")
        header = object_of(octets(parts[0]))
        alg, kid = header["alg"], header.get("kid")
        if None in map(octets, parts):
            return Judged("bad_base64", alg, kid)
        if alg not in ALGORITHMS:
            return Judged("unsupported_alg", alg, kid)
        key = self.keys.get(kid)
        if key is None:
            return Judged("unknown_key", alg, kid)
        if key["alg"] != alg:
            return Judged("alg_mismatch", alg, kid)
        try:
            # Nothing but the signature.
            none = dict.fromkeys(
                ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss",
                 "verify_sub", "verify_jti"), False,
            )  # fmt: skip
            jwt.decode(word, jwt.PyJWK(key["jwk"]), [key["alg"]], {"verify_signature": True} | none)
        except jwt.InvalidSignatureError:
            return Judged("bad_signature", alg, kid)
        return Judged(None, alg, kid, object_of(octets(parts[1])))

    def errors(self, word, begin, end):
        """Every check that fails throughout: at each time from `begin` on and before `end`; where
        they are one, then."""
        judged = self.judged(word)
        if judged.error:
            return [judged.error]
        claims, found = judged.claims, set()
        last = end - decimal.Decimal("1e-12") if end > begin else begin
        if "exp" in claims and claims["exp"] <= begin:
            found.add("expired")
        if "nbf" in claims and claims["nbf"] > last:
            found.add("not_yet_valid")
        if "iat" in claims and claims["iat"] > last:
            found.add("issued_in_future")
        if claims["iss"] != ISSUER:
            found.add("wrong_issuer")
        if self.revoked_at(word) <= begin:
            found.add("revoked_token")
        return sorted(found | self.key_errors(judged), key=CODES.index)

    def key_errors(self, judged):
        """By when its key signed and lived, and whether it was revoked: the same at all times."""
        key, found = self.keys[judged.kid], set()
        iat, exp = judged.claims.get("iat"), judged.claims.get("exp")
        opens = seconds(key["activation"]) - self.skew
        closes = seconds(key["retired"]) + self.skew if "retired" in key else iat
        ends = seconds(key["archived"]) if "archived" in key else exp
        if iat is None or exp is None or not opens <= iat <= closes or exp > ends:
            found.add("outside_key_window")
        if revoked := key.get("revoked"):
            since = revoked.get("since")
            if since is None or iat is None or iat >= seconds(since):
                found.add("revoked_key")
        return found

    @functools.cache
    def revoked_at(self, word):
        """The earliest time of the denylist's entries for the token."""
        judged = self.judged(word)
        claims = judged.claims
        found = [decimal.Decimal("Infinity")]
        for entry in self.denylist:
            if "iss" in entry and entry["iss"] != claims["iss"]:
                continue
            before = seconds(entry["before"]) if "before" in entry else None
            if (
                "jti" in entry and entry["jti"] == claims["jti"]
                or "family" in entry and entry["family"] == claims.get("family")
                or "kid" in entry and entry["kid"] == judged.kid
                or "sub" in entry and entry["sub"] == claims["sub"]
                and ("iat" not in claims or claims["iat"] < before)
            ):  # fmt: skip
                found.append(seconds(entry["revoked_at"]) if "revoked_at" in entry else 0)
        return min(found)

    def verdict(self, word, begin, end):
        """What a verdict must say of a word."""
        judged = self.judged(word)
        errors = self.errors(word, begin, end)
        said = {"valid": not errors, "alg": judged.alg}
        if errors:
            said["errors"] = errors
        if judged.kid is not None:
            said["kid"] = judged.kid
        if judged.error is None:
            said["claims"] = judged.claims
            said["expired_now"] = "exp" in judged.claims and judged.claims["exp"] <= self.now
            if "revoked_token" not in errors and self.revoked_at(word) <= self.now:
                said["revoked_now"] = True
        return said


class Log:
    def __init__(self, path):
        self.text = gzip.decompress(path.read_bytes())
        self.lines = self.text.splitlines()
        self.words = [[w for w in WORD.findall(line) if is_token(w)] for line in self.lines]
        self.times = [self.time(line) for line in self.lines]

    @staticmethod
    def time(line):
        stamp = STAMP.search(line)[1].decode()
        return int(datetime.datetime.strptime(stamp, "%d/%b/%Y:%H:%M:%S %z").timestamp())
