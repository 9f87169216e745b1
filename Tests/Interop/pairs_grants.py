"""The cases of pairs.py about `jotmill grant`: logins that services accept, and their own refresh
tokens, exchanged.

Owns what each case asserts.
"""

import json

from cases import must_equal, payload_of
from harness import Disagreement
from pairs_setting import (
    ACCESS_SECONDS, AUDIENCE, ISSUER, PERSON, REFRESH_SECONDS, Helpers,
    let_in, must_be_claims, must_be_turned_away, must_match,
)  # fmt: skip

PASSWORD = "correct horse"


class Grants(Helpers):
    """With a ring: a secret of the service's would be imported into one."""

    def all(self):
        if self.setting.symmetric:
            return
        users = ["--users", self.setting.folder / "users.ndjson", "--scrypt", "8192,8,1"]
        self.jotmill.output("users", "add", PERSON["sub"], *users, stdin=PASSWORD.encode())
        # What a strict model does not know; a typed one wants to know.
        shape = ["--nbf", "0s"] if self.library.typed else ["--omit", "type,fresh,family"]
        for name in ("name", "email"):
            shape += ["--claim", f"{name}={json.dumps(PERSON[name])}"]
        self.users = users
        self.about = [
            "-q", "--keyring", self.setting.ring, "--iss", ISSUER, "--aud", AUDIENCE, *shape
        ]
        yield "a login by grant is let in, with its claims", self.login_by_grant
        yield "its refresh token is one to the service, and good for the next", self.refresh_by_grant
        yield "the service's refresh token is exchanged here, once", self.their_refresh

    def grant(self, *options, **request):
        users = [] if "--no-users" in options else self.users
        done = self.jotmill.run("grant", *self.about, *users, *options, stdin=json.dumps(request).encode())
        if done.returncode not in (0, 1):
            raise Disagreement("jotmill could not answer")
        return json.loads(done.stdout)

    def granted(self, *options):
        return self.grant(
            *options, grant_type="password", username=PERSON["sub"], password=PASSWORD
        )

    def refreshed(self, token, *options):
        return self.grant(*options, grant_type="refresh_token", refresh_token=token)

    def login_by_grant(self):
        claims = let_in(self.service.ask("GET", "/access", self.granted()["access_token"]))["claims"]
        now = claims["iat"]
        wanted = PERSON | {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + ACCESS_SECONDS}
        wanted |= {"jti": claims.get("jti")}
        if self.library.typed:
            wanted |= {"type": "access", "fresh": True, "nbf": now, "family": claims.get("family")}
        must_match("the service's claims", claims, wanted)
        if self.library.typed:
            let_in(self.service.ask("GET", "/fresh", self.granted()["access_token"]))

    def refresh_by_grant(self):
        first = self.granted()
        answer = let_in(self.service.ask("POST", "/refresh", first["refresh_token"]))
        access = payload_of(first["access_token"])
        must_equal("access_token_jti", answer["claims"]["access_token_jti"], access["jti"])
        must_equal("its life", answer["claims"]["exp"], access["iat"] + REFRESH_SECONDS)
        second = self.refreshed(first["refresh_token"], "--rotate-refresh")
        let_in(self.service.ask("GET", "/access", second["access_token"]))
        let_in(self.service.ask("POST", "/refresh", second["refresh_token"]))
        if self.library.typed:
            must_be_turned_away(self.service.ask("GET", "/fresh", second["access_token"]), "fresh")

    def their_refresh(self):
        token = self.login()["refresh_token"]
        answer = self.refreshed(token, "--no-users", "--rotate-refresh")
        if not self.library.refresh_iss:
            must_equal("the error", answer.get("error"), "invalid_grant")
            return
        claims = let_in(self.service.ask("GET", "/access", answer["access_token"]))["claims"]
        must_equal("whose it is", claims["sub"], PERSON["sub"])
        let_in(self.service.ask("POST", "/refresh", answer["refresh_token"]))
        again = self.refreshed(token, "--no-users", "--rotate-refresh")
        must_equal("the error", again.get("error"), "invalid_grant")
        must_be_claims(self.verdict(answer["refresh_token"], *self.for_refresh),
                       payload_of(answer["refresh_token"]))  # fmt: skip
