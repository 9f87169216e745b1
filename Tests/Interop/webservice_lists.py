"""Cases of webservice.py: sign-outs, the denylist as it grows and is replaced, keys as they come
and go.

Owns what the service must notice in the ring without a restart.
"""

import json
import os
import time

from cases import must_equal
from harness import Disagreement
from warehouse import ISSUER, answer, claims_of, kid_of, refused

HOUR = 3600


# Sign-outs ------------------------------------------------------------------------------------


def revocation_cases(house):
    ring = house.ring

    def entries():
        return [json.loads(line) for line in ring.denylist.read_text().splitlines()]

    def access():
        tokens, other = house.login(), house.login()
        response = house.ask("DELETE", "/access-revoke", tokens["access_token"])
        answer(response, 200, "Access token has been revoked")
        house.is_refused(tokens["access_token"])
        # It names the access token, so it falls too.
        house.is_no_refresh(tokens["refresh_token"])
        refused(house.ask("DELETE", "/refresh-revoke", tokens["refresh_token"]))
        refused(house.ask("DELETE", "/access-revoke", tokens["access_token"]))
        house.is_good(other["access_token"])
        house.refresh(other["refresh_token"])
        jti = claims_of(tokens["access_token"])["jti"]
        must_equal("times it is listed", [e.get("jti") for e in entries()].count(jti), 1)

    def refresh():
        first, other = house.login(), house.login()
        second = house.refresh(first["refresh_token"])
        response = house.ask("DELETE", "/refresh-revoke", second["refresh_token"])
        answer(response, 200, "Refresh token has been revoked")
        # The session is over, whichever token of it comes.
        house.is_no_refresh(second["refresh_token"], first["refresh_token"])
        house.is_refused(first["access_token"], second["access_token"])
        house.is_good(other["access_token"])
        house.refresh(other["refresh_token"])

    def many():
        """Thirty sign out at once; thirty others stay."""
        leave = [ring.sign({"sub": f"user-{n}"}) for n in range(30)]
        stay = [ring.sign({"sub": f"user-{n}"}) for n in range(30)]
        before = len(entries())
        for response in house.at_once(*[("DELETE", "/access-revoke", t, {}) for t in leave]):
            answer(response, 200)
        house.is_refused(*leave)
        house.is_good(*stay)
        must_equal("entries", len(entries()) - before, 30)

    def operator():
        """What an operator revokes, past the service."""
        first, second = house.login("grace"), house.login("ada")
        # Tokens say whole seconds only.
        time.sleep(1.1)
        ring.revoke({"sub": "grace", "before": int(time.time())})
        house.is_refused(first["access_token"])
        house.is_no_refresh(first["refresh_token"])
        house.is_good(second["access_token"], house.login("grace")["access_token"])
        ring.revoke({"family": claims_of(second["access_token"])["family"]})
        house.is_refused(second["access_token"])
        house.is_no_refresh(second["refresh_token"])

    def agreed():
        """jotmill judges the tokens as the service does."""
        tokens = house.login()
        options = ("--keyring", ring.path, "--token-type", "access", "--iss", ISSUER)
        house.ask("DELETE", "/access-revoke", tokens["access_token"])
        verdict = house.jotmill.verdict(tokens["access_token"], *options)
        must_equal("errors", verdict.get("errors"), ["revoked_token"])

    yield "/access-revoke: the token, and the refresh token that names it", access
    yield "/refresh-revoke: the whole session", refresh
    yield "thirty sign out at once", many
    yield "a subject and a family, by an operator", operator
    yield "jotmill verify agrees", agreed


# The file -------------------------------------------------------------------------------------


def denylist_cases(house):
    ring, path = house.ring, house.ring.denylist

    def append(*entries, end="\n"):
        with path.open("a") as file:
            file.write("\n".join(json.dumps(entry) for entry in entries) + end)

    def replace(text):
        new = path.with_name("new")
        new.write_text(text)
        os.replace(new, path)

    def token():
        text = ring.sign({"sub": "ada", "family": os.urandom(8).hex()})
        return text, claims_of(text)

    def kinds():
        now = time.time()
        utc = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now - HOUR))
        good, bad = [], []
        for change, is_bad in [
            ({}, True), ({"iss": ISSUER}, True), ({"iss": "https://other.example.com"}, False),
            ({"revoked_at": now - 1}, True), ({"revoked_at": now + HOUR}, False),
            ({"revoked_at": f"{utc}Z"}, True), ({"revoked_at": f"{utc}.123456789Z"}, True),
            ({"revoked_at": f"{utc}-03:00"}, False), ({"revoked_at": f"{utc}+03:00"}, True),
            ({"type": "access", "exp": now + HOUR, "reason": "left"}, True),
        ]:  # fmt: skip
            for kind in ("jti", "family"):
                text, claims = token()
                append({kind: claims[kind]} | change)
                (bad if is_bad else good).append(text)
        house.is_good(*good)
        house.is_refused(*bad)

    def subjects():
        now = int(time.time())
        # Within the leeway; the key itself has only just begun to sign.
        old, new = (ring.sign({"sub": "sam", "iat": now + n}) for n in (0, 5))
        append({"sub": "sam", "before": now + 3})
        house.is_refused(old)
        house.is_good(new)
        append({"sub": "sam", "before": now + 5})
        house.is_good(new)
        append({"sub": "sam", "before": now + 9, "iss": "https://other.example.com"})
        append({"sub": "sam", "before": now + 9, "revoked_at": now + HOUR})
        append({"sub": "samuel", "before": now + 9})
        house.is_good(new)
        append({"sub": "sam", "before": now + 6})
        house.is_refused(new)

    def torn():
        first, claims = token()
        second, others = token()
        line = json.dumps({"jti": claims["jti"]})
        with path.open("a") as file:
            for piece in (line[:20], line[20:-1]):
                file.write(piece)
                file.flush()
                house.is_good(first)
            # All of it but the newline: it can't become another one any more.
            file.write("}")
            file.flush()
            house.is_refused(first)
            file.write("\n")
        append({"jti": others["jti"]})
        house.is_refused(first, second)

    def cut_back():
        """A writer that died is cleaned up after: its piece goes, another line stands there."""
        first, claims = token()
        second, others = token()
        size = path.stat().st_size
        append({"jti": claims["jti"]}, end="")
        house.is_refused(first)
        os.truncate(path, size + 10)
        house.is_good(second)
        os.truncate(path, size)
        append({"jti": others["jti"]})
        house.is_refused(second)

    def replaced():
        first, claims = token()
        second, others = token()
        kept = path.read_text()
        append({"jti": claims["jti"]})
        house.is_refused(first)
        house.is_good(second)
        # As long, to the octet, and others in it.
        replace(path.read_text().replace(claims["jti"], others["jti"]))
        house.is_refused(second)
        house.is_good(first)
        replace(kept)
        house.is_good(first, second)
        append({"jti": claims["jti"]})
        house.is_refused(first)

    def rewritten():
        """In place, as some editors do, and longer than before."""
        first, claims = token()
        second, others = token()
        kept = path.read_text()
        append({"jti": claims["jti"]})
        house.is_refused(first)
        lines = [{"jti": others["jti"]}, *({"jti": f"edited-{n}"} for n in range(9))]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines) + kept)
        house.is_refused(second)
        house.is_good(first)

    def pruned():
        text, claims = token()
        append({"jti": "long-gone", "exp": 1_700_000_000, "revoked_at": 1_600_000_000})
        append({"jti": claims["jti"], "exp": claims["exp"]})
        house.jotmill.output("revoke", "--prune", "-q", "--keyring", ring.path)
        if "long-gone" in path.read_text():
            raise Disagreement("nothing was pruned")
        house.is_refused(text)
        tokens = house.login()
        answer(house.ask("DELETE", "/access-revoke", tokens["access_token"]), 200)
        house.is_refused(text, tokens["access_token"])

    def grown():
        text, claims = token()
        append(*({"jti": f"bulk-{n}", "exp": n} for n in range(20_000)))
        house.is_good(text)
        append({"jti": claims["jti"]})
        house.is_refused(text)

    def bad():
        """Nobody can tell what a line says that is not understood: then nobody is let in."""
        text, _ = token()
        kept = path.read_text()
        for line in (
            "no JSON", "[]", "{}", '{"jti":7}', '{"jti":"a","kid":"b"}', '{"sub":"ada"}',
            '{"jti":"a","before":1}', '{"jti":"a","until":1}', '{"jti":"a","revoked_at":"soon"}',
        ):  # fmt: skip
            with path.open("a") as file:
                file.write(line + "\n")
            for _ in range(2):
                response = house.ask("GET", "/user", text)
                must_equal(f"status after {line}", response.status_code, 503)
            replace(kept)
            house.is_good(text)

    def gone():
        """A list that is lost lets nobody back in."""
        text, claims = token()
        append({"jti": claims["jti"]})
        house.is_refused(text)
        kept = path.read_text()
        path.unlink()
        house.is_refused(text)
        replace(kept)
        house.is_refused(text)

    yield "ids and families, with issuers and times", kinds
    yield "subjects, up to a time", subjects
    yield "a line that is being written", torn
    yield "a line that is taken back", cut_back
    yield "a list that is replaced", replaced
    yield "a list that is rewritten in place", rewritten
    yield "a list that is pruned", pruned
    yield "a list that has grown by 20,000 lines", grown
    yield "a list with a bad line lets nobody in", bad
    yield "a list that is lost stays in force", gone


# Keys -----------------------------------------------------------------------------------------


def key_cases(house):
    ring = house.ring

    def served():
        response = house.ask("GET", "/.well-known/jwks.json")
        must_equal("the set", response.content, ring.published())

    def rotated():
        before = house.login()
        old = kid_of(before["access_token"])
        new = ring.rotate()
        if new == old:
            raise Disagreement("the key is the same")
        served()
        after = wait_for(new)
        must_equal("the new key's", kid_of(after["refresh_token"]), new)
        house.is_good(before["access_token"], after["access_token"])
        refreshed = house.refresh(before["refresh_token"])
        must_equal("kid", kid_of(refreshed["access_token"]), new)
        house.is_good(refreshed["access_token"])
        # By a key that was not there when the first revocation was asked for.
        leaving = wait_for(ring.rotate())
        response = house.ask("DELETE", "/refresh-revoke", leaving["refresh_token"])
        must_equal("the status", response.status_code, 200)
        house.is_refused(leaving["access_token"])

    def wait_for(kid):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            tokens = house.login()
            if kid_of(tokens["access_token"]) == kid:
                return tokens
        raise Disagreement("the new key does not sign")

    def revoked():
        before = house.login()
        old = kid_of(before["access_token"])
        house.is_good(before["access_token"])
        ring.keys("revoke", old, "-q")
        served()
        house.is_refused(before["access_token"])
        refused(house.ask("DELETE", "/refresh-revoke", before["refresh_token"]))
        after = wait_for(ring.signer())
        house.is_good(after["access_token"])
        time.sleep(1.1)
        house.is_no_refresh(before["refresh_token"])
        again = house.refresh(after["refresh_token"])
        house.is_good(again["access_token"])
        must_equal("a kid", kid_of(again["refresh_token"]), kid_of(after["access_token"]))

    def listed():
        """A kid on the denylist, which other verifiers of it understand as well."""
        before = house.login()["access_token"]
        after = wait_for(ring.rotate())["access_token"]
        house.is_good(before, after)
        ring.revoke({"kid": kid_of(before)})
        house.is_refused(before)
        house.is_good(after)

    yield "a rotation is followed", rotated
    yield "a revoked key is forgotten", revoked
    yield "a key on the denylist", listed
