"""Rotation as verifiers live through it: a ring that rotates every few seconds, its published copy
served by a real nginx with the file of samples/nginx/, and PyJWT's and joserfc's own caches.

    python Tests/Interop/rotation.py PATH_TO_JOTMILL [--verbose]

Nothing is rehearsed and no clock is moved: spans are short instead, so that each side goes by its
own clock. Cron runs as it should up to the first rotation and misses runs before the second. Takes
about half a minute and ends with `rotation: N passed, N failed, N skipped`.
"""

import collections
import dataclasses
import datetime
import json
import pathlib
import re
import sys
import tempfile
import time
import urllib.request
import warnings

warnings.simplefilter("ignore")

try:
    import joserfc.errors
    import jwt
    from joserfc import jwk as rfc_jwk
    from joserfc import jwt as rfc_jwt

    from cases import must_equal
    from harness import Disagreement, start
    from nginx import Nginx, program
    from peers import Refused, Unsupported, words
except ImportError as error:
    print(f"rotation: {error}; install what Tests/Interop/requirements.txt lists", file=sys.stderr)
    sys.exit(2)

# Seconds. A key signs for PERIOD and is published AHEAD of that; verifiers cache for MAX_AGE.
PERIOD, AHEAD, MAX_AGE, MOST_TTL, TTL = 8, 3, 1, 6, 5
ROTATIONS = 2
SET, DISCOVERY = "/.well-known/jwks.json", "/.well-known/openid-configuration"
ISSUER = "https://auth.example.com"
ALGORITHMS = ["RS256", "EdDSA"]


class Expired(Exception):
    """The peer says that the token's time is over."""


class PyJWTVerifier:
    """A service with PyJWT: its PyJWKClient caches the set for as long as nginx says."""

    name = "PyJWT"

    def __init__(self, server):
        client = jwt.PyJWKClient(
            server.url(SET), lifespan=allowed_age(server), ssl_context=server.context
        )
        self.fetched, fetch = [], client.fetch_data

        def counted():
            self.fetched.append(time.monotonic())
            return fetch()

        client.fetch_data = counted
        self.client = client

    def verify(self, token):
        try:
            key = self.client.get_signing_key_from_jwt(token)
            return jwt.decode(token, key, ALGORITHMS, issuer=ISSUER)
        except jwt.ExpiredSignatureError as error:
            raise Expired from error
        except jwt.PyJWTError as error:
            raise Refused(words(error)) from error


class JoserfcVerifier:
    """A service with joserfc, which fetches nothing itself: the set is kept as nginx allows."""

    name = "joserfc"

    def __init__(self, server):
        self.server, self.fetched = server, []
        self.keys, self.until = None, 0

    def verify(self, token):
        if time.monotonic() > self.until:
            request = urllib.request.Request(self.server.url(SET))
            with urllib.request.urlopen(request, timeout=10, context=self.server.context) as answer:
                self.keys = rfc_jwk.KeySet.import_key_set(json.load(answer))
                self.until = time.monotonic() + age_of(answer.headers)
            self.fetched.append(time.monotonic())
        try:
            claims = rfc_jwt.decode(token, self.keys, algorithms=ALGORITHMS).claims
            wanted = rfc_jwt.JWTClaimsRegistry(iss={"essential": True, "value": ISSUER})
            wanted.validate(claims)
            return claims
        except joserfc.errors.ExpiredTokenError as error:
            raise Expired from error
        except (joserfc.errors.JoseError, ValueError) as error:
            raise Refused(words(error)) from error


def age_of(headers):
    found = re.fullmatch(r"public, max-age=(\d+)", headers["Cache-Control"] or "")
    if not found:
        raise Disagreement(f"Cache-Control is {headers['Cache-Control']!r}")
    return int(found[1])


def allowed_age(server):
    return age_of(server.get(SET)[1])


@dataclasses.dataclass
class Token:
    text: str
    kid: str
    alg: str
    claims: dict
    late: set = dataclasses.field(default_factory=set)


class Ring:
    """The ring of this run and its web root, made as samples/README.md says."""

    def __init__(self, jotmill, folder):
        self.jotmill, self.path = jotmill, folder / "keys"
        self.web = folder / "web"
        (self.web / ".well-known").mkdir(parents=True)
        copy = self.web / SET[1:]
        spans = {
            "period": PERIOD, "publish-ahead": AHEAD, "jwks-max-age": MAX_AGE,
            "max-token-ttl": MOST_TTL, "clock-skew": 0, "leeway": 0,
        }  # fmt: skip
        policy = [part for name, span in spans.items() for part in (f"--{name}", f"{span}s")]
        self.do("init", "--alg", "RS256", "--publish-to", copy, *policy)
        self.do("publish", "--discovery", "--issuer", ISSUER, "--out", copy)

    def do(self, command, *arguments):
        return self.jotmill.output("keys", command, "--keyring", self.path, *arguments)

    def keys(self):
        """The keys as `keys list` tells of them, by kid."""
        listed = json.loads(self.do("list", "--json"))["keys"]
        return {key["kid"]: key for key in listed}

    def signer(self):
        return next(kid for kid, key in self.keys().items() if key["signs"])

    def sign(self, number):
        options = ("--keyring", self.path, "--iss", ISSUER, "--ttl", f"{TTL}s")
        text = self.jotmill.sign({"sub": f"user {number}"}, *options)
        header = jwt.get_unverified_header(text)
        claims = jwt.decode(text, options={"verify_signature": False})
        return Token(text, header["kid"], header["alg"], claims)

    def check(self, copy):
        """What `keys publish --check -` says of a copy: its exit status and its lines."""
        options = ("--keyring", self.path, "--check", "-")
        done = self.jotmill.run("keys", "publish", *options, stdin=copy)
        return done.returncode, done.stdout.decode()


class Life:
    """The ring lives for a while; every token is shown to every verifier until it expires."""

    def __init__(self, ring, server):
        self.ring, self.server = ring, server
        self.tokens, self.kids, self.sets = [], [], []
        self.failures = []
        # How often a verifier accepted tokens of a kid while a kid signed.
        self.accepted = collections.Counter()
        self.expired = collections.Counter()
        self.verifiers = []
        self.seconds = 0.0

    def run(self):
        began = time.monotonic()
        live, changed = [], False
        # When cron runs next, and from when on it stands still for a while.
        next_rotation, pause = 0.0, began + PERIOD - 1
        # Two of each, out of step, so that some cache is old at any time.
        kinds = [PyJWTVerifier, JoserfcVerifier, PyJWTVerifier, JoserfcVerifier]
        step = allowed_age(self.server) / len(kinds)
        while True:
            now = time.monotonic()
            if next_rotation <= now < pause:
                self.ring.do("rotate", "--if-due", "-q")
                next_rotation = now + 0.5
            if len(self.verifiers) < len(kinds) and now - began >= step * len(self.verifiers):
                self.verifiers.append(kinds[len(self.verifiers)](self.server))
            token = self.ring.sign(len(self.tokens))
            self.tokens.append(token)
            live.append(token)
            if token.kid not in self.kids:
                self.kids.append(token.kid)
            if len(self.kids) == 2 and not changed:
                # The key after the one that has just begun is of another algorithm, and is made so
                # late that it is published for AHEAD and no more before it signs.
                self.ring.do("policy", "alg=EdDSA", "-q")
                next_rotation, pause, changed = now + PERIOD - AHEAD / 2, float("inf"), True
            self.look()
            for verifier in self.verifiers:
                for one in live:
                    self.show(verifier, one)
            live = [one for one in live if len(one.late) < len(kinds)]
            # Until every token of the first keys has expired, and a little of the last one's.
            old = any(one.kid != self.kids[-1] for one in live)
            if len(self.kids) > ROTATIONS and not old and self.withdrawn() >= ROTATIONS:
                break
            if now - began > 5 * PERIOD + 2 * MOST_TTL:
                raise Disagreement(f"after {now - began:.0f} s only {self.kids} have signed")
            time.sleep(0.1)
        self.seconds = time.monotonic() - began

    def withdrawn(self):
        """How many kids that have signed are in the served set no more."""
        return sum(kid not in self.sets[-1] for kid in self.kids)

    def look(self):
        """Notes which kids are served."""
        status, _, body = self.server.get(SET)
        if status != 200:
            raise Disagreement(f"nginx answers {status} for the set")
        kids = [key["kid"] for key in json.loads(body)["keys"]]
        if not self.sets or self.sets[-1] != kids:
            self.sets.append(kids)

    def show(self, verifier, token):
        if id(verifier) in token.late:
            return
        began = time.time()
        try:
            claims = verifier.verify(token.text)
        except Expired:
            if time.time() < token.claims["exp"]:
                self.failures.append(f"{verifier.name} took a live token for expired")
            self.expired[verifier.name] += 1
            token.late.add(id(verifier))
            return
        except Refused as error:
            # One that expired may be of a key that has left the set since.
            if began < token.claims["exp"]:
                left = token.claims["exp"] - began
                self.failures.append(
                    f"{verifier.name} refused a token of {token.kid} ({token.alg}) with "
                    f"{left:.1f} s to live, while {self.kids[-1]} signed: {error}"
                )
            token.late.add(id(verifier))
            return
        if claims != token.claims:
            self.failures.append(f"{verifier.name} read other claims: {claims}")
        if began > token.claims["exp"] + 1:
            self.failures.append(f"{verifier.name} accepts a token that expired a second ago")
        self.accepted[(verifier.name, token.kid, self.kids[-1])] += 1


def stamp(text):
    """An RFC 3339 time as Unix seconds."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def cases_of_life(life):
    """What must have held. Each is a name and a function."""

    def none_failed():
        if life.failures:
            raise Disagreement(f"{len(life.failures)} failures, such as {life.failures[0]}")

    def accepted_by(name):
        def body():
            one, two, three = life.kids[:3]
            for kid, signer in ((one, one), (one, two), (two, two), (two, three), (three, three)):
                if not life.accepted[(name, kid, signer)]:
                    raise Disagreement(f"{name} verified no token of {kid} while {signer} signed")

        return body

    def expire(name):
        def body():
            if life.expired[name] < len(life.kids):
                raise Disagreement(f"{name} called only {life.expired[name]} tokens expired")

        return body

    def ahead():
        for kid, key in life.ring.keys().items():
            if kid in life.kids[1:]:
                lead = stamp(key["activation"]) - stamp(key["published"])
                if lead < AHEAD - 1:  # Both are written to the second.
                    raise Disagreement(f"{kid} was published only {lead} s before it signed")
                if kid == life.kids[2] and lead >= PERIOD - 1:
                    raise Disagreement(f"{kid} was published {lead} s before it signed: too early")

    def both_served():
        one, two, three = life.kids[:3]
        for pair in ((one, two), (two, three)):
            if not any(set(pair) <= set(kids) for kids in life.sets):
                raise Disagreement(f"{pair} were never served together: {life.sets}")

    def algorithms():
        named = {token.kid: token.alg for token in life.tokens}
        found = [named[kid] for kid in life.kids[:3]]
        must_equal("the keys' algorithms", found, ["RS256", "RS256", "EdDSA"])

    def caches():
        for verifier in life.verifiers:
            gaps = [b - a for a, b in zip(verifier.fetched, verifier.fetched[1:])]
            # More often would mean that some token made it look twice.
            if not gaps or min(gaps) < MAX_AGE * 0.99:
                raise Disagreement(f"{verifier.name} fetched {len(gaps) + 1} times, gaps {gaps}")

    def left():
        for kid in life.kids[:2]:
            if kid in life.sets[-1]:
                raise Disagreement(f"{kid} is still served")

    yield "no token failed within its life", none_failed
    for name in (PyJWTVerifier.name, JoserfcVerifier.name):
        yield f"{name} verified before, across and after {ROTATIONS} rotations", accepted_by(name)
        yield f"{name} takes no token beyond its life", expire(name)
    yield "each key was published ahead", ahead
    yield "RS256, RS256, then EdDSA signed", algorithms
    yield "old and new key were served together", both_served
    yield "caches were used for all of max-age", caches
    yield "keys left the set when their tokens were dead", left


def cases_of_checks(ring, server):
    """Copies that verifiers may hold, by `keys publish --check -`. The ring changes on the way."""

    def fetched():
        return server.get(SET)[2]

    def good():
        must_equal("the check", ring.check(fetched())[0], 0)

    def bad(change, word):
        def body():
            old = fetched()
            must_equal("the check beforehand", ring.check(old)[0], 0)
            kid = change()
            status, said = ring.check(old)
            must_equal("the check of the old copy", status, 1)
            if word not in said or (kid or "") not in said:
                raise Disagreement(f"the check says {said!r}, not {word!r} of {kid}")
            must_equal("the check of a new copy", ring.check(fetched())[0], 0)

        return body

    def promote():
        ring.do("rotate", "--now", "--emergency", "-q")

    def revoke():
        kid = ring.signer()
        ring.do("revoke", kid, "--reason", "a test", "-q")
        return kid

    def revoked_token(kind):
        def body():
            verifier = kind(server)
            token = ring.sign(0)
            verifier.verify(token.text)
            ring.do("revoke", token.kid, "-q")
            end = time.time() + MAX_AGE + 0.2
            while time.time() < end:
                time.sleep(0.05)
            try:
                verifier.verify(token.text)
            except Refused:
                return
            raise Disagreement(f"{verifier.name} accepts it after max-age")

        return body

    def same_key():
        wanted = {key["alg"] for key in json.loads(fetched())["keys"]}
        ring.do("publish", "--discovery", "--issuer", ISSUER, "--out", ring.web / SET[1:])
        found = json.loads(server.get(DISCOVERY)[2])
        must_equal("the issuer", found["issuer"], ISSUER)
        must_equal("the set's place", found["jwks_uri"], ISSUER + SET)
        must_equal("algorithms", set(found["id_token_signing_alg_values_supported"]), wanted)

    yield "curl | publish --check - is content with what is served", good
    yield "the discovery document names the set's algorithms", same_key
    yield "an old copy lacks a key after an emergency promotion", bad(promote, "it lacks the")
    yield "an old copy still holds a revoked key", bad(revoke, "it still holds the revoked key")
    for kind in (PyJWTVerifier, JoserfcVerifier):
        yield f"{kind.name} rejects a revoked key's token after max-age", revoked_token(kind)


def main():
    jotmill, tally = start("jotmill's rotation, seen by verifiers behind nginx")
    with tempfile.TemporaryDirectory(prefix="jotmill-rotation-") as name:
        folder = pathlib.Path(name)
        # nginx's workers may be another user.
        folder.chmod(0o711)
        try:
            program()
        except Unsupported as error:
            tally.outcome("nginx", "all of it", error)
            tally.show_skips("the tool is missing")
            # Not a failure: Tests/run.sh shows what was skipped.
            tally.finish("rotation")
            return 0
        ring = Ring(jotmill, folder)
        with Nginx(folder / "nginx", ring.web, MAX_AGE) as server:
            life = Life(ring, server)
            tally.case("nginx", "-", "the ring rotates under load", life.run)
            if tally.total("failed") == 0:
                for name, body in [*cases_of_life(life), *cases_of_checks(ring, server)]:
                    tally.case("nginx", "-", name, body)
    checks = sum(life.accepted.values())
    print(f"{len(life.tokens)} tokens, {checks} verifications, {life.seconds:.0f} s")
    return tally.finish("rotation")


if __name__ == "__main__":
    sys.exit(main())
