"""The service of samples/fastapi/ as its clients and its operator meet it: logins, refreshes,
sign-outs, rotations, users who go, and children that die.

    python Tests/Interop/webservice.py PATH_TO_JOTMILL [--verbose]

One story, in order, in one service that is never restarted. Tokens are checked by PyJWT and
python-jose besides, as the tutorials do. Ends with `webservice: N passed, N failed, N skipped`.
"""

import base64
import hmac
import json
import pathlib
import re
import sys
import tempfile
import time
import warnings

warnings.simplefilter("ignore")

try:
    import jose.exceptions
    import jose.jwt
    import jwt

    from cases import must_equal
    from harness import Disagreement, start
    from warehouse import AUDIENCE, DISABLED, GRACE, ISSUER, PASSWORDS, SAMPLE, Ring, Warehouse
    from warehouse import answer, claims_of, refused
    from webservice_life import child_cases, last_cases, user_cases
    from webservice_lists import denylist_cases, key_cases, revocation_cases
except ImportError as error:
    what = "install what Tests/Interop/requirements.txt lists"
    print(f"webservice: {error}; {what}", file=sys.stderr)
    sys.exit(2)

PROTECTED = [
    ("GET", "/user"), ("GET", "/users/me/"), ("GET", "/items"), ("POST", "/items"),
    ("POST", "/refresh"), ("DELETE", "/access-revoke"), ("DELETE", "/refresh-revoke"),
]  # fmt: skip
CRATE = {"name": "box", "quantity": 3}


# Without a token ------------------------------------------------------------------------------


def public_cases(house):
    def welcome():
        answer(house.ask("GET", "/welcome"), 200)

    def missing():
        for method, path in PROTECTED:
            refused(house.ask(method, path, json=CRATE), "Missing Authorization Header", None)
            basic = {"Authorization": "Basic YWRhOmFkYQ=="}
            told = house.client.request(method, path, headers=basic, json=CRATE)
            refused(told, "Missing Authorization Header", None)

    def keys():
        response = house.ask("GET", "/.well-known/jwks.json")
        must_equal("the set", response.content, house.ring.published())
        must_equal("type", response.headers["Content-Type"], "application/json")
        said = f"Cache-Control: {response.headers['Cache-Control']}"
        must_equal("what `keys publish` prints", house.ring.keys("publish").splitlines()[-1], said)

    yield "/welcome is for all", welcome
    yield "without a bearer token: 401 Missing Authorization Header", missing
    yield "the set is the ring's own file", keys


# Logging in -----------------------------------------------------------------------------------


def login_cases(house):
    def as_form(name, password, **more):
        form = {"username": name, "password": password} | more
        return house.ask("POST", "/token", data=form)

    def as_json(name, password, **more):
        asked = {"username": name, "password": password} | more
        return house.ask("POST", "/login", json=asked)

    def bad_json():
        bad(as_json, "Bad username or password")

    def bad_form():
        bad(as_form, "Incorrect username or password")

    def bad(ask, words):
        """One answer to all of them, whatever is wrong."""
        right = PASSWORDS["ada"]
        wrong = [
            ("nobody", right), ("ada", "wrong"), ("ada", right + " "), ("ada", right.lower()),
            (DISABLED, PASSWORDS[DISABLED]), (DISABLED, "wrong"), (" ", right), ("ada\n", right),
            ("nobody@example.com", right), ("ada", PASSWORDS["grace"]), ("ada", "\0"),
        ]  # fmt: skip
        seen = set()
        for name, password in wrong:
            response = ask(name, password)
            refused(response, words, None)
            headers = [pair for pair in response.headers.items() if pair[0] != "date"]
            seen.add((response.text, *headers))
        must_equal("ways of saying no", len(seen), 1)

    def good():
        for name in PASSWORDS.keys() - {DISABLED}:
            for ask in (as_json, as_form):
                response = ask(name, PASSWORDS[name])
                tokens = answer(response, 200)
                must_equal("kept by nobody", response.headers["Cache-Control"], "no-store")
                names = {"access_token", "token_type", "expires_in", "refresh_token"}
                must_equal("members", tokens.keys(), names)
                said = tokens["token_type"], tokens["expires_in"]
                must_equal("type and life", said, ("bearer", 900))
                user = house.ask("GET", "/user", tokens["access_token"]).json()
                must_equal("who", user, {"user": name})

    def address():
        tokens = answer(as_json("ada@example.com", PASSWORDS["ada"]), 200)
        must_equal("sub", claims_of(tokens["access_token"])["sub"], "ada")

    def claims():
        tokens = house.login(scope="items:write")
        access, refresh = claims_of(tokens["access_token"]), claims_of(tokens["refresh_token"])
        now = time.time()
        if not now - 60 <= access["iat"] <= now + 1:
            raise Disagreement(f"iat {access['iat']} is not now, {now}")
        must_equal("life", access["exp"] - access["iat"], 900)
        must_equal("life of the refresh token", refresh["exp"] - refresh["iat"], 7 * 86400)
        wanted = {
            "sub": "ada", "fresh": True, "scope": "items:write", "iss": ISSUER, "aud": AUDIENCE,
            "type": "access", "family": refresh["family"], "jti": refresh["access_token_jti"],
            "iat": refresh["access_token_iat"], "exp": access["exp"],
        }  # fmt: skip
        must_equal("claims", access, wanted)
        must_equal("type", refresh["type"], "refresh")
        must_equal("scope as granted", tokens["scope"], "items:write")

    def tutorial():
        """python-jose, with what is served, as its tutorial verifies."""
        for name in ("access_token", "refresh_token"):
            token = house.login("joevu")[name]
            served = house.ask("GET", "/.well-known/jwks.json").json()
            checks = {"algorithms": ["ES256"], "audience": AUDIENCE, "issuer": ISSUER}
            must_equal("sub", jose.jwt.decode(token, served, **checks)["sub"], "joevu")
            try:
                jose.jwt.decode(token[:-4] + "AAAA", served, **checks)
            except jose.exceptions.JWTError:
                continue
            raise Disagreement("python-jose accepts a changed signature")

    def client():
        """A verifier elsewhere, with PyJWT's own cache of what is served."""
        remote = jwt.PyJWKClient(f"{house.url}/.well-known/jwks.json")
        token = house.login("rose")["access_token"]
        key = remote.get_signing_key_from_jwt(token)
        claims = jwt.decode(token, key, ["ES256"], audience=AUDIENCE, issuer=ISSUER)
        must_equal("sub", claims["sub"], "rose")

    def scopes():
        for ask in (as_json, as_form):
            for scope in ("items:delete", "items:write admin"):
                answer(ask("ada", PASSWORDS["ada"], scope=scope), 400)
            tokens = answer(ask("ada", PASSWORDS["ada"], scope="items:write"), 200)
            must_equal("scope", claims_of(tokens["access_token"])["scope"], "items:write")

    def malformed():
        for body in ({}, {"username": "ada"}, [], {"username": 1, "password": "x"}):
            answer(house.ask("POST", "/login", json=body), 422)
        answer(as_json("ada", "x" * 5000), 422)
        answer(as_json("a" * 2000, "x"), 422)
        answer(house.ask("POST", "/token", data={"username": "ada"}), 422)
        # Half a character, which no JSON of jotmill's may hold.
        half = b'{"username":"ada","password":"\\ud800"}'
        answer(house.client.post("/login", content=half), 422)

    yield "/login: who can't log in is told the same", bad_json
    yield "/token: who can't log in is told the same", bad_form
    yield "a pair of tokens for each right password", good
    yield "by mail address; the token says the name", address
    yield "what the tokens say", claims
    yield "python-jose verifies them as its tutorial does", tutorial
    yield "PyJWKClient verifies them", client
    yield "no scope is granted but what the service has", scopes
    yield "what is no login is not passed on", malformed


# What a token is good for ---------------------------------------------------------------------


def by_secret(secret, claims, kid):
    """Signed with what is no secret, which PyJWT refuses to do."""

    def segment(octets):
        return base64.urlsafe_b64encode(octets).rstrip(b"=")

    header = {"alg": "HS256", "typ": "JWT", "kid": kid}
    text = b".".join(segment(json.dumps(part).encode()) for part in (header, claims))
    return b".".join([text, segment(hmac.digest(secret, text, "sha256"))]).decode()


def token_cases(house):
    def who():
        token = house.login("grace")["access_token"]
        must_equal("who", answer(house.ask("GET", "/user", token), 200), {"user": "grace"})
        me = answer(house.ask("GET", "/users/me/", token), 200)
        must_equal("me", me, {"username": "grace", "email": "grace@example.com"})

    def types():
        tokens = house.login()
        access, refresh = tokens["access_token"], tokens["refresh_token"]
        for method, path in PROTECTED:
            if path == "/refresh":
                must_equal("status", house.ask(method, path, access).status_code, 401)
            else:
                wrong = access if path == "/refresh-revoke" else refresh
                refused(house.ask(method, path, wrong, json=CRATE))
        untyped = house.ring.sign({"sub": "ada", "fresh": True}, type=None)
        house.is_refused(untyped)
        house.is_no_refresh(untyped)
        # None of this has ended the session.
        house.is_good(access)

    def rubbish():
        token = house.login()["access_token"]
        header, payload, signature = token.split(".")
        served = house.ask("GET", "/.well-known/jwks.json").json()["keys"][0]
        admin = claims_of(token) | {"sub": "grace"}
        forged = [
            "x", "a.b.c", token + "A", token[:-2], f"{header}.{payload}.", f"{header}.{payload}",
            jwt.encode(admin, None, "none", {"kid": served["kid"]}),
            by_secret(json.dumps(served).encode(), admin, served["kid"]),
            jwt.encode(admin, "x" * 32, "HS256"),
            f"{header}.{jwt.encode(admin, 'x' * 32).split('.')[1]}.{signature}",
        ]  # fmt: skip
        house.is_refused(*forged)
        house.is_no_refresh(*forged)

    def claims():
        now = int(time.time())

        def token(*options, **changes):
            said = {"sub": "ada", "iat": now, "exp": now + 60} | changes
            kept = {name: value for name, value in said.items() if value is not None}
            return house.ring.sign(kept, *options)

        house.is_good(token(), token(exp=now - 2))
        house.is_refused(
            token(exp=now - 60), token(nbf=now + 600), token(sub=None), token("--jti", "none"),
            token(iss="https://auth.example.com/"), token(aud="orders"), token(type="Access"),
        )  # fmt: skip

    def fresh():
        ring = house.ring
        fresh = house.login(scope="items:write")
        added = answer(house.ask("POST", "/items", fresh["access_token"], json=CRATE), 201)
        listed = answer(house.ask("GET", "/items", fresh["access_token"]), 200)
        must_equal("the last item", listed[-1], added)
        again = house.refresh(fresh["refresh_token"])["access_token"]
        must_equal("scope", claims_of(again)["scope"], "items:write")
        stale = [again, ring.sign({"sub": "ada", "scope": "items:write", "fresh": "true"})]
        for token in stale:
            response = house.ask("POST", "/items", token, json=CRATE)
            refused(response, "Fresh token required", "insufficient_user_authentication")
        must_equal("items", house.ask("GET", "/items", again).json(), listed)

    def scope():
        for token in (
            house.login()["access_token"],
            house.ring.sign({"sub": "ada", "scope": "items:writer items", "fresh": True}),
        ):
            response = house.ask("POST", "/items", token, json=CRATE)
            answer(response, 403, "Not enough permissions")
            said = response.headers["WWW-Authenticate"]
            must_equal("challenge", said, 'Bearer error="insufficient_scope", scope="items:write"')

    yield "/user and /users/me/ know who asks", who
    yield "each of the two types where it belongs", types
    yield "forged and broken tokens", rubbish
    yield "tokens of the ring that are for others, or over", claims
    yield "/items wants a fresh token", fresh
    yield "/items wants the scope", scope


# Refreshing -----------------------------------------------------------------------------------


def refresh_cases(house):
    def pair():
        first = house.login(scope="items:write")
        second = house.refresh(first["refresh_token"])
        old, new = claims_of(first["access_token"]), claims_of(second["access_token"])
        must_equal("fresh", (old["fresh"], new["fresh"]), (True, False))
        for name in ("sub", "scope", "family", "aud", "iss", "type"):
            must_equal(name, new[name], old[name])
        if first["refresh_token"] == second["refresh_token"] or new["jti"] == old["jti"]:
            raise Disagreement("there is nothing new about it")
        # The access token that it was for lives on.
        house.is_good(first["access_token"], second["access_token"])
        third = house.refresh(second["refresh_token"])
        house.is_good(third["access_token"])

    def spent():
        first = house.login()
        second = house.refresh(first["refresh_token"])
        response = house.ask("POST", "/refresh", first["refresh_token"])
        refused(response, "the refresh token was exchanged before", None)
        # So soon it may be the client itself, which did not get the answer.
        house.is_good(second["access_token"])
        third = house.refresh(second["refresh_token"])
        house.is_good(first["access_token"], third["access_token"])

    def reused():
        first, other = house.login(), house.login()
        second = house.refresh(first["refresh_token"])
        third = house.refresh(second["refresh_token"])
        house.is_good(third["access_token"])
        time.sleep(GRACE + 0.2)
        house.is_no_refresh(first["refresh_token"])
        # Two hold a token of this session, and one of them stole it.
        house.is_refused(*(pair["access_token"] for pair in (first, second, third)))
        house.is_no_refresh(third["refresh_token"])
        refused(house.ask("DELETE", "/refresh-revoke", third["refresh_token"]))
        house.is_good(other["access_token"])
        house.refresh(other["refresh_token"])

    def together():
        token = house.login()["refresh_token"]
        answers = house.at_once(*[("POST", "/refresh", token, {})] * 8)
        statuses = sorted(response.status_code for response in answers)
        must_equal("statuses", statuses, [200] + [401] * 7)

    yield "another pair, of the same session, not fresh", pair
    yield "a spent refresh token again", spent
    yield "a spent refresh token later ends the session", reused
    yield "of eight at once one is exchanged", together


# All of it -----------------------------------------------------------------------------------


def readme_cases(house):
    readme = (SAMPLE / "README.md").read_text()

    def told():
        paths = house.ask("GET", "/openapi.json").json()["paths"]
        for file in SAMPLE.iterdir():
            if file.is_file() and file.suffix != ".md" and file.name not in readme:
                raise Disagreement(f"README.md does not name {file.name}")
        if missing := [path for path in paths if path not in readme]:
            raise Disagreement(f"README.md does not name {missing}")

    def packages():
        ours = (pathlib.Path(__file__).parent / "requirements.txt").read_text().lower()
        for line in (SAMPLE / "requirements.txt").read_text().split():
            if f"\n{re.split('[[>=]', line.lower())[0]}==" not in ours:
                raise Disagreement(f"the tests do not have {line}")

    yield "README.md names each file and each route", told
    yield "requirements.txt is what is tested", packages


def main():
    jotmill, tally = start("the sample service of samples/fastapi/, with httpx")

    def all_of(group, cases):
        for name, body in cases:
            tally.case(group, "-", name, body)

    with tempfile.TemporaryDirectory(prefix="jotmill-webservice-") as name:
        folder = pathlib.Path(name)
        ring = Ring(jotmill, folder)
        try:
            with Warehouse(jotmill, folder, ring) as house:
                pid = house.process.pid
                all_of("README", readme_cases(house))
                all_of("public", public_cases(house))
                all_of("login", login_cases(house))
                all_of("token", token_cases(house))
                all_of("refresh", refresh_cases(house))
                all_of("revoke", revocation_cases(house))
                all_of("denylist", denylist_cases(house))
                all_of("keys", key_cases(house))
                all_of("users", user_cases(house))
                all_of("children", child_cases(house))
                all_of("end", last_cases(house, pid))
        except Disagreement as error:
            tally.outcome("service", "the service runs", error)
        if tally.total("failed"):
            print(f"the service's last words: {house.said()[-3000:]}")
    return tally.finish("webservice")


if __name__ == "__main__":
    sys.exit(main())
