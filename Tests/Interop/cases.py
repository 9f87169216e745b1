"""The cases: what must hold between jotmill and one peer, for one algorithm.

Owns the claims, the rings and the files that the cases use, and what each case asserts. Every
case is a name and a function that returns, or throws: Unsupported (skip) or anything else (fail).
"""

import base64
import http.server
import json
import threading
import time

import jwt

import peers as others
from harness import Disagreement
from peers import Refused, Unsupported

FORMATS = ("jwk", "jwks", "pem", "der")


def claims_now(**changes):
    """Claims with what serializers get wrong: other scripts, escapes, nesting, null, big numbers."""
    now = int(time.time())
    return {
        "iss": "https://auth.example.com/",
        "sub": "Zoë \U0001f41a \"quoted\" \\ tab\t",
        "aud": ["web", others.AUDIENCE],
        "iat": now,
        "exp": now + 600,
        "jti": "4f0c9d3a-7f3e-4a43-9a52-0b8b2b6f9e11",
        "scope": "read write",
        "roles": ["admin", {"nested": [1, 2.5, -3, True, None]}],
        "big": 9007199254740991,
        "nothing": None,
    } | changes


def payload_of(token):
    segment = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def altered(token):
    """One character of the signature changed, in its middle, where all six bits count."""
    head, _, signature = token.rpartition(".")
    at = len(signature) // 2
    other = "A" if signature[at] != "A" else "B"
    return f"{head}.{signature[:at]}{other}{signature[at + 1:]}"


def with_kid(jwk, kid):
    return json.dumps(json.loads(jwk) | {"kid": kid}).encode()


def must_equal(what, got, wanted):
    if got != wanted:
        raise Disagreement(f"{what}: got {got!r}, not {wanted!r}")


def must_be_valid(verdict, claims):
    if not verdict["valid"]:
        raise Disagreement("jotmill rejected a good token")
    must_equal("the verdict's claims", verdict["claims"], claims)


def must_be_invalid(verdict, code):
    must_equal("jotmill's verdict", verdict.get("errors", []), [code])


class Ring:
    """A keyring made by jotmill, with an active and a next key, shared by all peers."""

    def __init__(self, jotmill, folder, alg):
        self.jotmill = jotmill
        self.path = folder / f"ring-{alg}"
        self.symmetric = others.is_symmetric(alg)
        jotmill.output("keys", "init", "--keyring", self.path, "--alg", alg)
        # With two keys in the published set, choosing by kid means something.
        jotmill.output("keys", "generate", "--keyring", self.path)
        listed = json.loads(jotmill.output("keys", "list", "--keyring", self.path, "--json"))
        self.kid = next(key["kid"] for key in listed["keys"] if key["phase"] == "active")
        self.published = (self.path / "jwks.json").read_bytes()

    def export(self, form="jwk", private=False):
        switch = ["--private"] if private else []
        return self.jotmill.output(
            "keys", "export", "--keyring", self.path, "--format", form, *switch
        )

    def for_verifiers(self):
        """What a verifier is given: the published set, or the secret handed over."""
        return (self.export(private=True), "jwk") if self.symmetric else (self.published, "jwks")


class Cases:
    """The cases of one peer and one algorithm. Each method yields (name, body) pairs."""

    def __init__(self, jotmill, folder, peer, alg, ring):
        self.jotmill, self.folder, self.peer, self.alg, self.ring = jotmill, folder, peer, alg, ring
        self.symmetric = others.is_symmetric(alg)
        # A secret has neither PEM nor DER.
        self.formats = FORMATS[:2] if self.symmetric else FORMATS
        self._keys = {}

    def all(self):
        for group in (
            self.signed_here, self.signed_there, self.exported, self.imported,
            self.refused, self.thumbprints, self.by_kid, self.other_forms, self.other_names,
        ):  # fmt: skip
            yield from group()

    # Helpers

    def key(self, name="main"):
        """The peer's own keys, made once."""
        if name not in self._keys:
            self._keys[name] = self.peer.make(self.alg)
        return self._keys[name]

    def dump(self, form, private, name="main"):
        if form not in self.peer.formats:
            raise Unsupported(f"{self.peer.name} knows no {form.upper()}")
        return self.peer.dump(self.key(name), form, private)

    def load(self, data, form):
        if form not in self.peer.formats:
            raise Unsupported(f"{self.peer.name} knows no {form.upper()}")
        return self.peer.load(data, form, self.alg)

    def file(self, data, name):
        path = self.folder / f"{self.peer.name}-{self.alg}-{name}"
        path.write_bytes(data)
        path.chmod(0o600)
        return path

    def set_file(self, name="main", kid="peer-key"):
        """The peer's public key (or secret) as a set with a kid."""
        jwk = with_kid(self.dump("jwk", False, name), kid)
        return self.file(others.as_set(jwk), f"{name}.jwks")

    def verify_there(self, token, data, form):
        return self.peer.verify(token, self.load(data, form), self.alg)

    # Tokens

    def signed_here(self):
        def body():
            claims = claims_now()
            token = self.jotmill.sign(claims, "--keyring", self.ring.path)
            must_equal("the payload", payload_of(token), claims)
            got = self.verify_there(token, *self.ring.for_verifiers())
            must_equal(f"{self.peer.name}'s claims", got, claims)

        source = "the exported secret" if self.symmetric else "the published set"
        yield f"signed here, verified there by {source}", body

        def added():
            token = self.jotmill.sign({"aud": others.AUDIENCE}, "--keyring", self.ring.path)
            got = self.verify_there(token, *self.ring.for_verifiers())
            must_equal("claim names", sorted(got), ["aud", "exp", "iat", "jti"])

        yield "signed here with added claims, verified there", added

    def signed_there(self):
        def judged_by(make_arguments):
            def body():
                claims = claims_now()
                token = self.peer.sign(self.key(), self.alg, "peer-key", claims)
                must_be_valid(
                    self.jotmill.verdict(token, *make_arguments(), "--aud", others.AUDIENCE), claims
                )

            return body

        yield "made there, verified here by --jwks", judged_by(lambda: ["--jwks", self.set_file()])
        for private in [False] if self.symmetric else [False, True]:
            for form in self.formats:
                half = "secret" if self.symmetric else "private" if private else "public"

                def arguments(form=form, private=private):
                    name = f"{'private' if private else 'public'}.{form}"
                    return ["--key", self.file(self.dump(form, private), name)]

                if private and form in ("jwk", "jwks"):
                    # A private JWK may be marked for signing only, which jotmill obeys.
                    continue
                yield f"made there, verified here by --key, {half} {form}", judged_by(arguments)
        if self.symmetric:

            def raw():
                text = json.loads(self.dump("jwk", True))["k"]
                octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
                return ["--secret", self.file(octets, "secret"), "--alg", self.alg]

            yield "made there, verified here by --secret", judged_by(raw)

    # Keys

    def exported(self):
        for form in self.formats:
            for private in [True] if self.symmetric else [False, True]:
                half = "private" if private else "public"

                def body(form=form, private=private):
                    claims = claims_now()
                    data = self.ring.export(form, private)
                    key = self.load(data, form)
                    if private:
                        token = self.peer.sign(key, self.alg, self.ring.kid, claims)
                        must_be_valid(
                            self.jotmill.verdict(token, "--keyring", self.ring.path), claims
                        )
                    token = self.jotmill.sign(claims, "--keyring", self.ring.path)
                    # An RSA private key object of PyJWT can't verify: verify by public halves only.
                    if self.symmetric or not private:
                        got = self.peer.verify(token, key, self.alg)
                        must_equal(f"{self.peer.name}'s claims", got, claims)

                yield f"exported {half} {form} loads there and works", body

    def imported(self):
        for form in ("jwk",) if self.symmetric else ("jwk", "pem", "der"):

            def body(form=form):
                ring = self.folder / f"{self.peer.name}-{self.alg}-imported-{form}"
                self.jotmill.output("keys", "init", "--empty", "--keyring", ring, "--alg", self.alg)
                file = self.file(self.dump(form, True), f"import.{form}")
                self.jotmill.output(
                    "keys", "import", "--keyring", ring, "--as", "active", "--alg", self.alg, file
                )
                # Made after the ring: it refuses an iat from before its key's first second.
                claims = claims_now()
                token = self.jotmill.sign(claims, "--keyring", ring)
                got = self.verify_there(token, self.dump("jwk", False), "jwk")
                must_equal(f"{self.peer.name}'s claims by its own key", got, claims)
                if not self.symmetric:
                    got = self.verify_there(token, (ring / "jwks.json").read_bytes(), "jwks")
                    must_equal(f"{self.peer.name}'s claims by the published set", got, claims)
                must_be_valid(self.jotmill.verdict(token, "--keyring", ring), claims)

            yield f"key made there, imported as {form}, signs here, verified there", body

    # What must be refused, by both sides

    def refused(self):
        past = int(time.time()) - 3600
        for origin in ("here", "there"):
            for kind, code in (
                ("altered signature", "bad_signature"),
                ("another key under the same kid", "bad_signature"),
                ("expired", "expired"),
            ):

                def token(origin=origin, kind=kind):
                    claims = claims_now(exp=past) if kind == "expired" else claims_now()
                    other = kind.startswith("another")
                    if origin == "there":
                        key = self.key("other" if other else "main")
                        made = self.peer.sign(key, self.alg, "peer-key", claims)
                    elif other:
                        file = self.file(self.dump("jwk", True, "other"), "other-private.jwk")
                        made = self.jotmill.sign(
                            claims, "--key", file, "--alg", self.alg, "--kid", self.ring.kid
                        )
                    else:
                        made = self.jotmill.sign(claims, "--keyring", self.ring.path)
                    return altered(made) if kind.startswith("altered") else made

                def here(origin=origin, token=token, code=code):
                    source = (
                        ["--keyring", self.ring.path]
                        if origin == "here"
                        else ["--jwks", self.set_file()]
                    )
                    must_be_invalid(self.jotmill.verdict(token(), *source), code)

                def there(origin=origin, token=token, kind=kind):
                    if kind == "expired" and not self.peer.judges_claims:
                        raise Unsupported("judges signatures, not exp")
                    if origin == "here":
                        key = self.load(*self.ring.for_verifiers())
                    else:
                        key = self.load(self.dump("jwk", False), "jwk")
                    made = token()
                    try:
                        self.peer.verify(made, key, self.alg)
                    except Refused:
                        return
                    raise Disagreement(f"{self.peer.name} accepted it")

                yield f"made {origin}, {kind}: refused here", here
                yield f"made {origin}, {kind}: refused there", there

    # Names of keys

    def thumbprints(self):
        if self.symmetric:

            def random():
                jwk = self.ring.export(private=True)
                if self.peer.thumbprint(self.load(jwk, "jwk")) == self.ring.kid:
                    raise Disagreement("the kid of a secret is its thumbprint, a hash of it")
                must_equal("the kid's length", len(self.ring.kid), 22)

            yield "the kid of a secret is no thumbprint", random
            return

        def exported():
            key = self.load(self.ring.export(), "jwk")
            must_equal(f"{self.peer.name}'s thumbprint", self.peer.thumbprint(key), self.ring.kid)

        yield "kid is the RFC 7638 thumbprint", exported

        def imported():
            wanted = self.peer.thumbprint(self.key())
            ring = self.folder / f"{self.peer.name}-{self.alg}-named"
            self.jotmill.output("keys", "init", "--empty", "--keyring", ring, "--alg", self.alg)
            file = self.file(self.dump("jwk", True), "unnamed.jwk")
            self.jotmill.output(
                "keys", "import", "--keyring", ring, "--as", "active", "--alg", self.alg, file
            )
            listed = json.loads(self.jotmill.output("keys", "list", "--keyring", ring, "--json"))
            must_equal("the imported key's kid", listed["keys"][0]["kid"], wanted)

        yield "an imported key without kid gets the peer's thumbprint", imported

    def by_kid(self):
        """What services with PyJWT do: choose by kid from the set, read from a file or fetched."""
        if self.peer.name != "PyJWT" or self.symmetric:
            return

        def chosen():
            token = self.jotmill.sign(claims_now(), "--keyring", self.ring.path)
            jwks = jwt.PyJWKSet.from_json(self.ring.published.decode())
            must_equal("keys in the set", len(jwks.keys), 2)
            key = jwks[jwt.get_unverified_header(token)["kid"]]
            must_equal("the key's algorithm", key.algorithm_name, others.header_name(self.alg))
            jwt.decode(token, key, [key.algorithm_name], audience=others.AUDIENCE)

        yield "PyJWKSet chooses by kid", chosen

        def fetched():
            token = self.jotmill.sign(claims_now(), "--keyring", self.ring.path)
            with serving(self.ring.published) as url:
                key = jwt.PyJWKClient(url).get_signing_key_from_jwt(token)
            jwt.decode(token, key, [others.header_name(self.alg)], audience=others.AUDIENCE)

        yield "PyJWKClient fetches the set and chooses by kid", fetched

        def unknown():
            other = self.peer.sign(self.key(), self.alg, "nobody", claims_now())
            with serving(self.ring.published) as url:
                try:
                    jwt.PyJWKClient(url).get_signing_key_from_jwt(other)
                except jwt.PyJWKClientError:
                    must_be_invalid(
                        self.jotmill.verdict(other, "--jwks", self.ring.path / "jwks.json"),
                        "unknown_key",
                    )
                    return
            raise Disagreement("PyJWKClient found a key for an unknown kid")

        yield "a kid that is not published is unknown to both", unknown

    def other_forms(self):
        """The key files that the world is full of beside PKCS #8 and SubjectPublicKeyInfo."""
        if self.peer.name != "PyJWT" or self.symmetric:
            return

        def judged_by(form):
            claims = claims_now()
            token = self.peer.sign(self.key(), self.alg, "peer-key", claims)
            file = self.file(self.peer.dump_as(self.key(), form), f"other.{form}")
            must_be_valid(
                self.jotmill.verdict(token, "--key", file, "--alg", self.alg), claims
            )
            return file

        yield "made there, verified here by a certificate", lambda: judged_by("certificate")
        if self.alg.startswith("Ed"):
            return

        def traditional():
            claims = claims_now()
            file = judged_by("traditional")
            token = self.jotmill.sign(claims, "--key", file, "--alg", self.alg)
            got = self.verify_there(token, self.dump("jwk", False), "jwk")
            must_equal(f"{self.peer.name}'s claims", got, claims)

        yield "traditional private PEM verifies and signs here", traditional
        if self.alg[0] in "RP":
            yield "made there, verified here by a PKCS #1 public PEM", lambda: judged_by("pkcs1")

    def other_names(self):
        """RFC 9864's names for EdDSA, by the peers that write them."""
        if self.peer.name not in ("joserfc", "jwcrypto") or not self.alg.startswith("Ed"):
            return
        for named in (False, True):

            def body(named=named):
                claims = claims_now()
                token = self.peer.sign(self.key(), self.alg, "peer-key", claims, name=self.alg)
                must_equal("the header's alg", jwt.get_unverified_header(token)["alg"], self.alg)
                jwk = json.loads(self.dump("jwk", False)) | ({"alg": self.alg} if named else {})
                file = self.file(json.dumps(jwk).encode(), "named.jwk")
                must_be_valid(self.jotmill.verdict(token, "--key", file), claims)

            where = "header and key" if named else "header"
            yield f"made there with alg {self.alg} in the {where}, verified here", body


class serving:
    """A web server on the loopback that hands out one body, while the block runs."""

    def __init__(self, body):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "application/jwk-set+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}/jwks.json"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
