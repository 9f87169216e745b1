"""What the cases of pairs.py are written with.

Owns the keys and settings that jotmill and a service share, and how answers are judged. Claims are
compared member by member, kinds included.
"""

import json
import re
import secrets

from harness import Disagreement
from peers import Refused

ISSUER = "https://auth.example.com"
AUDIENCE = "https://api.example.com"
SERVICE = "https://auth.example.com/v1"
PERSON = {"sub": "zoe", "name": "Zoë", "email": "zoe@example.com"}
ACCESS_SECONDS, REFRESH_SECONDS = 900, 604_800


def must_match(what, got, wanted):
    """Two objects; what differs is named. 1 is neither 1.0 nor true."""

    def shown(claims, name):
        return json.dumps(claims[name], sort_keys=True) if name in claims else "absent"

    names = list(got) + [name for name in wanted if name not in got]
    differ = [
        f"{name} is {shown(got, name)}, not {shown(wanted, name)}"
        for name in names
        if shown(got, name) != shown(wanted, name)
    ]
    if differ:
        raise Disagreement(f"{what}: {'; '.join(differ)}")


def must_be_claims(verdict, claims):
    if not verdict["valid"]:
        raise Disagreement(f"jotmill rejected a good token: {verdict['errors']}")
    must_match("the verdict's claims", verdict["claims"], claims)


def let_in(answer):
    """The body of an answer that must be good."""
    status, body = answer
    if status != 200:
        raise Refused(f"{status} {json.dumps(body)}")
    return body


def must_be_turned_away(answer, *patterns):
    """By 401, by fastapi-jwt-auth's 422, or by a model's error that falls through; and why."""
    status, body = answer
    said = f"{status} {json.dumps(body)}"
    by_model = status == 500 and str(body).startswith("ValidationError:")
    if status not in (401, 422) and not by_model:
        raise Disagreement(f"the service answered {said} where it must refuse")
    for pattern in patterns:
        if not re.search(pattern, said, re.IGNORECASE):
            raise Disagreement(f"the service refused with {said}, not for {pattern!r}")


class Setting:
    """The keys and settings of one service, and jotmill's arguments that go with them."""

    def __init__(self, jotmill, folder, library, alg):
        folder.mkdir()
        self.jotmill, self.folder, self.library, self.alg = jotmill, folder, library, alg
        self.symmetric = alg.startswith("HS")
        self.denylist = folder / "denylist.ndjson"
        self.denylist.touch()
        self.jwks_url = f"{SERVICE}/.well-known/jwks.json"
        if self.symmetric:
            # Text, as applications have it in their settings.
            self.private, self.public, self.kid, self.jwks = secrets.token_hex(32), None, None, None
            secret = self.file("secret", self.private)
            self.signing = ["--secret", secret, "--alg", alg]
            self.verifying = ["--secret", secret, "--alg", alg]
        else:
            ring = folder / "ring"
            jotmill.output("keys", "init", "--keyring", ring, "--alg", alg)
            # With two keys in the set, the kid is what chooses.
            jotmill.output("keys", "generate", "--keyring", ring)
            listed = json.loads(jotmill.output("keys", "list", "--keyring", ring, "--json"))
            self.kid = next(key["kid"] for key in listed["keys"] if key["phase"] == "active")
            export = ["keys", "export", "--keyring", ring, "--format", "pem"]
            self.private = jotmill.output(*export, "--private").decode()
            self.public = jotmill.output(*export).decode()
            self.jwks = json.loads((ring / "jwks.json").read_text())
            self.signing = ["--keyring", ring]
            self.verifying = ["--jwks", ring / "jwks.json"]
            self.ring = ring

    def for_service(self, **changes):
        return {
            "library": self.library.name, "alg": self.alg, "kid": self.kid,
            "private": self.private, "public": self.public, "jwks": self.jwks,
            "issuer": ISSUER, "audience": AUDIENCE, "base_url": SERVICE,
            "access_seconds": ACCESS_SECONDS, "refresh_seconds": REFRESH_SECONDS,
            "denylist": str(self.denylist),
        } | changes  # fmt: skip

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path


class Helpers:
    """What the cases of one library and algorithm are written with."""

    def __init__(self, setting, service):
        self.setting, self.service = setting, service
        self.jotmill, self.library = setting.jotmill, setting.library
        self.for_access = ["--iss", ISSUER, "--aud", AUDIENCE, "--require", "sub,exp,iat,jti"]
        self.for_refresh = ["--token-type", "refresh", "--aud", AUDIENCE]
        self.for_refresh += ["--require", "sub,exp,iat,jti"]
        if self.library.typed:
            self.for_access = ["--token-type", "access", *self.for_access]
        if self.library.refresh_iss:
            self.for_refresh += ["--iss", ISSUER]
        if self.library.names_access:
            self.for_refresh += ["--require", "access_token_jti,access_token_iat"]

    def options(self, fresh=True):
        """Those of `sign` that make a token which the service's routes take."""
        freshness = ["--fresh"] if fresh else ["--claim", "fresh=false"]
        typed = ["--token-type", "access", "--nbf", "0s", *freshness]
        return [
            "--iss", ISSUER, "--aud", AUDIENCE, "--jku", self.setting.jwks_url,
            *(typed if self.library.typed else []),
        ]  # fmt: skip

    def sign(self, *options, **changes):
        return self.jotmill.sign(PERSON | changes, *self.setting.signing, *options)

    def sign_pair(self, *options):
        answer = json.loads(self.sign("--refresh", *self.options(), *options))
        return answer["access_token"], answer["refresh_token"]

    def login(self):
        return let_in(self.service.ask("POST", "/login", body={"username": PERSON["sub"]}))

    def verdict(self, token, *options):
        return self.jotmill.verdict(token, *self.setting.verifying, *options)

    def revoke(self, **entry):
        """A denylist of this entry alone; an empty one without. The service reads it too."""
        self.setting.denylist.write_text(json.dumps(entry) + "\n" if entry else "")
        return ["--denylist", self.setting.denylist]
