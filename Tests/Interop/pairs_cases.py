"""The cases of pairs.py that hold for every library and algorithm.

Owns what each case asserts. Every case is a name and a function that returns, or throws:
Unsupported (skip) or anything else (fail).
"""

import time

from cases import altered, must_be_invalid, must_equal, payload_of
from harness import Disagreement
from pairs_setting import (
    ACCESS_SECONDS, AUDIENCE, ISSUER, PERSON, REFRESH_SECONDS, Helpers,
    let_in, must_be_claims, must_be_turned_away, must_match,
)  # fmt: skip
from peers import Unsupported


class Cases(Helpers):
    def all(self):
        yield from self.signed_here()
        yield from self.refused_there()
        yield from self.signed_there()
        yield from self.revoked()

    # jotmill's tokens in the service

    def signed_here(self):
        def access():
            before = int(time.time())
            token = self.sign(*self.options())
            claims = let_in(self.service.ask("GET", "/access", token))["claims"]
            now = claims["iat"]
            if not before <= now <= time.time():
                raise Disagreement(f"iat is {now}, signed from {before} on")
            wanted = PERSON | {"iss": ISSUER, "aud": AUDIENCE, "iat": now}
            wanted |= {"exp": now + ACCESS_SECONDS}
            if self.library.typed:
                wanted |= {"type": "access", "fresh": True, "nbf": now}
            must_match("the service's claims", claims, wanted | {"jti": claims.get("jti")})
            must_equal("the length of jti", len(claims["jti"]), 36)

        yield "an access token is let in, with its claims", access

        def pair():
            token, refresh = self.sign_pair()
            claims = let_in(self.service.ask("GET", self.library.pair_path, token))["claims"]
            must_equal("its type", claims["type"], "access")
            answer = let_in(self.service.ask("POST", "/refresh", refresh))
            now = claims["iat"]
            wanted = {
                "type": "refresh", "iss": ISSUER, "sub": PERSON["sub"], "aud": AUDIENCE,
                "iat": now, "exp": now + REFRESH_SECONDS, "jku": self.setting.jwks_url,
                "access_token_jti": claims["jti"], "access_token_iat": now,
            } | ({"kid": self.setting.kid} if self.setting.kid else {})  # fmt: skip
            # Random, both of them.
            wanted |= {name: answer["claims"].get(name) for name in ("jti", "family")}
            must_match("the service's claims", answer["claims"], wanted)
            must_equal("different ids", len({claims["jti"], wanted["jti"], wanted["family"]}), 3)
            renewed = answer["access_token"]
            must_be_claims(self.verdict(renewed, *self.for_access), payload_of(renewed))

        yield "a pair: the access token is let in, the refresh token answered with a new one", pair

        if not self.library.typed:
            return

        def fresh():
            let_in(self.service.ask("GET", "/fresh", self.sign(*self.options())))
            stale = self.sign(*self.options(fresh=False))
            let_in(self.service.ask("GET", "/access", stale))
            must_be_turned_away(self.service.ask("GET", "/fresh", stale), "fresh")
            silent = self.sign("--iss", ISSUER, "--aud", AUDIENCE, "--token-type", "access")
            let_in(self.service.ask("GET", "/access", silent))
            # fastapi-jwt-auth fails over it (KeyError), where `fresh` is false it refuses.
            must_equal("let in", self.service.ask("GET", "/fresh", silent)[0] == 200, False)

        yield "only a token by --fresh is let in where a fresh one is asked for", fresh

    def refused_there(self):
        """The service does look: what jotmill makes otherwise, it refuses, and for that."""

        def turned_away(token, pattern, method="GET", path="/access"):
            patterns = [pattern] if self.library.says_why else []
            must_be_turned_away(self.service.ask(method, path, token), *patterns)

        def refused(pattern, **changes):
            return lambda: turned_away(self.sign(*self.options(), **changes), pattern)

        # Longer ago than jwcrypto's own leeway of a minute.
        yield "an expired token is refused there", refused("expire", exp=int(time.time()) - 120)
        other = "https://other.example.com"
        yield "a token for others is refused there", refused("aud", aud=other)
        yield "a token from others is refused there", refused("iss", iss=other)

        def early():
            if not self.library.looks_at_nbf:
                raise Unsupported("nbf is looked at only where every token must have it")
            refused("valid", nbf=int(time.time()) + 600)()

        if self.library.typed:
            yield "a token before its nbf is refused there", early

        def changed():
            # jwcrypto says of a set that no key of it fits.
            turned_away(altered(self.sign(*self.options())), "signature|missing key")

        yield "a changed token is refused there", changed

        def swapped():
            access, refresh = self.sign_pair()
            turned_away(refresh, "only access tokens", path=self.library.pair_path)
            turned_away(access, "only refresh tokens", "POST", "/refresh")

        yield "either of a pair is refused in the other's place", swapped

    # The service's tokens in jotmill

    def signed_there(self):
        def access():
            made = self.login()
            claims = made["put"]
            must_be_claims(self.verdict(made["access_token"], *self.for_access), claims)
            wanted = {"iss": ISSUER, "aud": AUDIENCE, "sub": PERSON["sub"]}
            now = claims["iat"]
            wanted |= {"iat": now, "exp": now + ACCESS_SECONDS, "jti": claims["jti"]}
            if self.library.typed:
                wanted |= {"type": "access", "fresh": True, "nbf": now}
            else:
                wanted |= {"name": PERSON["name"], "email": PERSON["email"]}
            must_match("what the library put in", claims, wanted)

        yield "its access token is valid, with the claims that it put in", access

        def refresh():
            made = self.login()
            put, claims = made["put"], payload_of(made["refresh_token"])
            wanted = {"aud": AUDIENCE, "sub": PERSON["sub"], "exp": claims["iat"] + REFRESH_SECONDS}
            wanted |= {"iat": claims["iat"], "jti": claims["jti"]}
            if self.library.refresh_iss:
                wanted |= {"iss": ISSUER}
            if self.library.names_access:
                wanted |= {"access_token_jti": put["jti"], "access_token_iat": put["iat"]}
            if self.library.typed:
                wanted |= {"type": "refresh", "nbf": claims["iat"]}
            must_be_claims(self.verdict(made["refresh_token"], *self.for_refresh), wanted)

        yield "its refresh token is valid as one, with the claims that it put in", refresh

        def kinds():
            made = self.login()
            # Without `type` an access token says nothing of its kind; a refresh token does.
            code = "wrong_token_type" if self.library.typed else "missing_claim"
            verdict = self.verdict(made["access_token"], "--token-type", "refresh")
            must_be_invalid(verdict, code)
            verdict = self.verdict(made["refresh_token"], "--token-type", "access")
            must_be_invalid(verdict, "wrong_token_type")

        yield "either of its pair is refused in the other's place", kinds

        def fresh():
            made = self.login()
            answer = let_in(self.service.ask("POST", "/refresh", made["refresh_token"]))
            again = answer["access_token"]
            must_be_claims(self.verdict(again, *self.for_access), payload_of(again))
            must_be_invalid(self.verdict(again, "--fresh"), "not_fresh")
            must_be_invalid(self.verdict(made["refresh_token"], "--fresh"), "not_fresh")
            if self.library.typed:
                must_equal("fresh", payload_of(again)["fresh"], False)
                must_be_claims(self.verdict(made["access_token"], "--fresh"), made["put"])

        yield "its token of a login is fresh, that of a refresh is not", fresh

        def listed():
            made = self.login()
            asked = ["--aud", "https://other.example.com", "--fresh", "--token-type", "access"]
            verdict = self.verdict(made["refresh_token"], *asked, "--require", "scope")
            must_equal(
                "jotmill's verdict", sorted(verdict.get("errors", [])),
                ["missing_claim", "not_fresh", "wrong_audience", "wrong_token_type"],
            )  # fmt: skip

        yield "all that is wrong with its refresh token is listed", listed

        def changed():
            made = self.login()
            for token in (made["access_token"], made["refresh_token"]):
                must_be_invalid(self.verdict(altered(token)), "bad_signature")

        yield "its tokens, changed, are refused", changed

        if self.setting.symmetric:
            return

        def by_ring():
            made = self.login()
            for token in (made["access_token"], made["refresh_token"]):
                must_be_claims(
                    self.jotmill.verdict(token, "--keyring", self.setting.ring), payload_of(token)
                )

        yield "its tokens are valid by the ring, whose key it has", by_ring

    # Revocation, across

    def revoked(self):
        def theirs():
            made, other = self.login(), self.login()
            access, refresh = made["access_token"], made["refresh_token"]
            listed = self.revoke(jti=made["put"]["jti"], iss=ISSUER)
            must_be_invalid(self.verdict(access, *self.for_access, *listed), "revoked_token")
            if not self.library.names_access:
                # It names no access token, and is revoked by its own jti.
                must_be_claims(self.verdict(refresh, *listed), payload_of(refresh))
                listed = self.revoke(jti=payload_of(refresh)["jti"])
            must_be_invalid(self.verdict(refresh, *self.for_refresh, *listed), "revoked_token")
            only = [*listed, "--denylist-types", "access"]
            must_be_claims(self.verdict(refresh, *self.for_refresh, *only), payload_of(refresh))
            for token in (other["access_token"], other["refresh_token"]):
                must_be_claims(self.verdict(token, *listed), payload_of(token))

        yield "its refresh token falls with its access token; another pair does not", theirs

        def by_others():
            made = self.login()
            listed = self.revoke(jti=made["put"]["jti"], iss="https://other.example.com")
            for token in (made["access_token"], made["refresh_token"]):
                must_be_claims(self.verdict(token, *listed), payload_of(token))

        yield "another issuer's entry revokes nothing of its", by_others

        def ours():
            access, refresh = self.sign_pair()
            listed = self.revoke()
            let_in(self.service.ask("POST", "/refresh", refresh))
            must_be_claims(self.verdict(refresh, *self.for_refresh, *listed), payload_of(refresh))
            self.revoke(jti=payload_of(access)["jti"])
            answers = [
                (access, self.service.ask("GET", self.library.pair_path, access)),
                (refresh, self.service.ask("POST", "/refresh", refresh)),
            ]
            for token, answer in answers:
                must_be_turned_away(answer, "revoked")
                must_be_invalid(self.verdict(token, *listed), "revoked_token")
            self.revoke()
            let_in(self.service.ask("POST", "/refresh", refresh))

        yield "jotmill's pair is revoked for both by one entry of one file", ours
