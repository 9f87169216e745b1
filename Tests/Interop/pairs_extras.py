"""The cases of pairs.py that are one library's own.

Owns what fastapi-jwt-auth3's published set, headers, key files and models of claims ask for, and
what FastAPI's tutorial does with a token, by python-jose and by PyJWT.
"""

import json
import pathlib
import subprocess
import time

import jwt

from cases import must_be_invalid, must_equal, payload_of
from harness import Disagreement
from pairs_setting import (
    AUDIENCE, ISSUER, PERSON, REFRESH_SECONDS, Helpers,
    let_in, must_be_claims, must_be_turned_away, must_match,
)  # fmt: skip

# Which of `keygen`'s keys jotmill can use, and with which algorithms.
KEYGEN = {
    "RS256": "private_key.pem", "HS256": "secret_key.txt",
    "ES256K": "private_key.pem", "EdDSA": "private_key.pem",
}  # fmt: skip


class Auth3Extras(Helpers):
    def all(self):
        yield "its header holds kid, jku and two nulls", self.header
        yield "a refresh token with the library's claims alone is one to both", self.own_claims
        yield "what its models don't know is refused, by name", self.unknown_claims
        yield "a slash at the end of the issuer is never met", self.slash
        if self.setting.alg == "RS256":
            yield "its published set verifies its tokens, nulls and all", self.published
            for alg in KEYGEN:
                yield f"a key by keygen for {alg}, both ways", lambda alg=alg: self.keygen(alg)
            yield "a key by keygen for ES256 is on no curve of ES256", self.keygen_es256

    def header(self):
        token = self.login()["refresh_token"]
        shown = json.loads(self.jotmill.output("inspect", "--json", stdin=token.encode() + b"\n"))
        must_match(
            "the header", shown["header"],
            {"alg": self.setting.alg, "typ": "JWT", "kid": self.setting.kid or "shared",
             "jku": self.setting.jwks_url, "x5t": None, "x5u": None},
        )  # fmt: skip
        must_be_claims(self.verdict(token, "--typ", "JWT"), payload_of(token))

    def own_claims(self):
        """`sign` without --refresh makes what the library's own refresh tokens hold."""
        access = payload_of(self.sign(*self.options()))
        named = {"access_token_jti": access["jti"], "access_token_iat": access["iat"]}
        record = {"sub": PERSON["sub"]} | named
        token = self.jotmill.sign(
            record, *self.setting.signing, *self.options(), "--ttl", f"{REFRESH_SECONDS}s"
        )
        claims = let_in(self.service.ask("POST", "/strict-refresh", token))["claims"]
        must_equal("its names", set(claims), set(payload_of(self.login()["refresh_token"])))
        must_be_claims(self.verdict(token, *self.for_refresh), claims)
        must_be_invalid(
            self.verdict(token, *self.for_refresh, *self.revoke(jti=access["jti"])), "revoked_token"
        )
        self.revoke()

    def unknown_claims(self):
        def refused(method, path, token, *patterns):
            must_be_turned_away(self.service.ask(method, path, token), *patterns)

        extra = "Extra inputs are not permitted"
        for options, *patterns in (
            (["--token-type", "access"], "type", extra),
            (["--fresh"], "fresh", extra),
            (["--nbf", "0s"], "nbf", extra),
            (["--aud", "b"], "aud", "valid string"),
            (["--jti", "none"], "jti", "required"),
        ):
            refused("GET", "/access", self.sign(*self.options(), *options), *patterns)
        access, refresh = self.sign_pair()
        refused("GET", "/access", access, "type", extra)
        untyped, _ = self.sign_pair("--token-type", "none")
        let_in(self.service.ask("GET", "/access", untyped))
        refused("POST", "/strict-refresh", refresh, "type", "family", "jku", extra)

    def slash(self):
        """The library takes the slash off what it expects, and off what it makes."""
        issuer = ISSUER + "/"
        self.service.make(self.setting.for_service(issuer=issuer))
        try:
            slashed = self.sign(*self.options(), iss=issuer)
            must_be_turned_away(self.service.ask("GET", "/access", slashed))
            let_in(self.service.ask("GET", "/access", self.sign(*self.options())))
            token = self.login()["access_token"]
            must_be_invalid(self.verdict(token, "--iss", issuer), "wrong_issuer")
            must_be_claims(self.verdict(token, "--iss", ISSUER), payload_of(token))
        finally:
            self.service.make(self.setting.for_service())

    def published(self):
        body = let_in(self.service.ask("GET", "/.well-known/jwks.json"))
        theirs, ours = body["keys"][0], next(
            key for key in self.setting.jwks["keys"] if key["kid"] == self.setting.kid
        )
        must_match("its key", theirs, ours | {"x5c": None, "x5t": None})
        jwks = self.setting.file("theirs.json", json.dumps(body))
        made = self.login()
        for token in (made["access_token"], made["refresh_token"]):
            must_be_claims(self.jotmill.verdict(token, "--jwks", jwks), payload_of(token))

    def _keygen(self, alg):
        folder = self.setting.folder / f"keygen-{alg}-{time.monotonic_ns()}"
        folder.mkdir()
        program = pathlib.Path(self.library.python).parent / "keygen"
        done = subprocess.run(
            [program, f"--algorithm={alg}", f"--secret-key-path={folder}",
             f"--public-key-path={folder}"],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        if done.returncode != 0:
            raise Disagreement(f"keygen: status {done.returncode}: {done.stderr[-300:]}")
        return folder

    def keygen(self, alg):
        folder = self._keygen(alg)
        file = folder / KEYGEN[alg]
        public = None if alg == "HS256" else folder / "public_key.pem"
        settings = self.setting.for_service(
            alg=alg, kid="made-by-keygen",
            private=file.read_text(), public=public and public.read_text(),
        )  # fmt: skip
        private = ["--secret" if public is None else "--key", file, "--alg", alg]
        verifying = private if public is None else ["--key", public, "--alg", alg]
        self.service.make(settings)
        try:
            answer = json.loads(self.jotmill.sign(
                PERSON, *private, "--kid", "made-by-keygen", "--refresh", *self.options()
            ))  # fmt: skip
            let_in(self.service.ask("GET", self.library.pair_path, answer["access_token"]))
            let_in(self.service.ask("POST", "/refresh", answer["refresh_token"]))
            made = self.login()
            access, refresh = made["access_token"], made["refresh_token"]
            verdict = self.jotmill.verdict(access, *verifying, *self.for_access)
            must_be_claims(verdict, made["put"])
            verdict = self.jotmill.verdict(refresh, *verifying, *self.for_refresh)
            must_be_claims(verdict, payload_of(refresh))
        finally:
            self.service.make(self.setting.for_service())

    def keygen_es256(self):
        file = self._keygen("ES256") / "private_key.pem"
        done = self.jotmill.run("sign", "--key", file, "--alg", "ES256", stdin=b"{}\n")
        must_equal("the exit status", done.returncode, 2)
        if b"sect233r1" not in done.stderr:
            raise Disagreement("jotmill does not name the curve")
        try:
            jwt.encode({}, file.read_text(), algorithm="ES256")
        except Exception:  # PyJWT's own word changes; that it refuses too is what counts.
            return
        raise Disagreement("PyJWT signs with it")


class TutorialExtras(Helpers):
    """POST /token and GET /users/me: sub and exp, and nothing else is made or looked at."""

    def all(self):
        if self.setting.symmetric:
            yield "the tutorial lets jotmill's token in, unless it is for an audience", self.me
            yield "the tutorial's token is valid, and no more than it says", self.token

    def me(self):
        user = let_in(self.service.ask("GET", "/users/me", self.sign()))
        must_match("the user", user, {"username": PERSON["sub"], "email": PERSON["email"]})
        let_in(self.service.ask("GET", "/users/me", self.sign("--iss", ISSUER, "--jti", "none")))
        for token in (self.sign("--aud", AUDIENCE), self.sign(sub="nobody"), self.sign(exp=1)):
            answer = self.service.ask("GET", "/users/me", token)
            must_be_turned_away(answer, "Could not validate credentials")

    def token(self):
        answer = self.service.ask("POST", "/token", body={"username": PERSON["sub"]})
        token = let_in(answer)["access_token"]
        verdict = self.verdict(token, "--sub", PERSON["sub"], "--require", "sub,exp")
        claims = payload_of(token)
        wanted = {"sub": PERSON["sub"], "exp": claims["exp"]}
        must_match("what the tutorial puts in", claims, wanted)
        must_equal("minutes", round((claims["exp"] - time.time()) / 60), 30)
        must_be_claims(verdict, claims)
        for asked in (["--require", "iat"], ["--token-type", "access"], ["--iss", ISSUER]):
            must_be_invalid(self.verdict(token, *asked), "missing_claim")
        must_be_invalid(self.verdict(token, "--fresh"), "not_fresh")
