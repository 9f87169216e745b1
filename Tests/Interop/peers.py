"""The other side of the table: four programs that sign and verify the same tokens.

Owns one adapter for each of PyJWT, joserfc, jwcrypto and Debian's `jose` program. An adapter
turns that peer's own words into six verbs (make, dump, load, sign, verify, thumbprint) and two
errors. It must never decode, check or repair anything itself: what a case proves is what the
peer does.
"""

import base64
import datetime
import importlib.metadata
import json
import os
import shutil
import subprocess
import time

import joserfc.errors
import jwcrypto.common
import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from joserfc import jwk as rfc_jwk
from joserfc import jwt as rfc_jwt
from jwcrypto import jwk as crypto_jwk
from jwcrypto import jwt as crypto_jwt

# What the cases are run over: the name that `--alg` takes. Ed25519 and Ed448 are both written
# "EdDSA" in a header, so the list tells them apart by curve.
ALGORITHMS = [
    "HS256", "HS384", "HS512",
    "RS256", "RS384", "RS512",
    "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512", "ES256K",
    "Ed25519", "Ed448",
]  # fmt: skip

CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "ES256K": "secp256k1"}
AUDIENCE = "api"


class Unsupported(Exception):
    """The peer has no such thing: the case is skipped, never passed."""


class Refused(Exception):
    """The peer looked at the token and rejected it; the text is the peer's own."""


def header_name(alg):
    """What stands in a token's header for the algorithm."""
    return "EdDSA" if alg.startswith("Ed") else alg


def is_symmetric(alg):
    return alg.startswith("HS")


def octets(alg):
    """The length of a secret that fits the hash."""
    return int(alg[2:]) // 8


class Peer:
    """A key is whatever the peer holds in its hand; only its own adapter looks into it."""

    name = "?"
    # Whether verify() looks at `exp` too, or at the signature alone.
    judges_claims = True
    # The formats that dump() and load() know, beside which a case is skipped.
    formats = ("jwk", "jwks", "pem", "der")

    def version(self):
        raise NotImplementedError

    def probe(self, alg):
        """None if the peer can do the algorithm, else what it says when it tries."""
        claims = {"aud": AUDIENCE, "exp": int(time.time()) + 60}
        try:
            key = self.make(alg)
            token = self.sign(key, alg, "probe", claims)
            public = self.load(self.dump(key, "jwk", False), "jwk", alg)
            same = self.verify(token, public, alg) == claims
            return None if same else "its own token comes back changed"
        except (Unsupported, Refused) as error:
            return str(error)
        except Exception as error:  # Each peer has its own way of saying no.
            return words(error)

    def make(self, alg):
        """A fresh key without a kid."""
        raise NotImplementedError

    def dump(self, key, form, private):
        """The key as bytes. A secret counts as its own public half."""
        raise NotImplementedError

    def load(self, data, form, alg):
        raise NotImplementedError

    def sign(self, key, alg, kid, claims):
        """A compact token. Of a set, the first key signs."""
        raise NotImplementedError

    def verify(self, token, key, alg):
        """The claims. Of a set, the key that the token's kid names verifies. Throws Refused."""
        raise NotImplementedError

    def thumbprint(self, key):
        raise Unsupported(f"{self.name} computes no thumbprints")


def words(error):
    text = " ".join(str(error).split()) or "no words"
    return f"{type(error).__name__}: {text}"


def as_text(data):
    return data.decode() if isinstance(data, bytes) else data


def as_set(jwk_text):
    return b'{"keys":[' + jwk_text + b"]}"


class PyJWT(Peer):
    """PyJWT, with PEM and DER through `cryptography` as its users do."""

    name = "PyJWT"

    def version(self):
        return jwt.__version__

    def make(self, alg):
        if is_symmetric(alg):
            return os.urandom(octets(alg))
        if alg in CURVES:
            curve = {
                "P-256": ec.SECP256R1, "P-384": ec.SECP384R1,
                "P-521": ec.SECP521R1, "secp256k1": ec.SECP256K1,
            }[CURVES[alg]]  # fmt: skip
            return ec.generate_private_key(curve())
        if alg == "Ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        if alg == "Ed448":
            return ed448.Ed448PrivateKey.generate()
        return rsa.generate_private_key(65537, 2048)

    def dump(self, key, form, private):
        if form in ("jwk", "jwks"):
            text = json.dumps(self._as_jwk(key, private)).encode()
            return text if form == "jwk" else as_set(text)
        encoding = {"pem": serialization.Encoding.PEM, "der": serialization.Encoding.DER}[form]
        if private:
            return key.private_bytes(
                encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        return key.public_key().public_bytes(
            encoding, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @staticmethod
    def dump_as(key, form):
        """The key in one of the older or wrapped forms that `cryptography` writes."""
        encoding = serialization.Encoding.PEM
        if form == "traditional":
            return key.private_bytes(
                encoding,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        if form == "pkcs1":
            return key.public_key().public_bytes(encoding, serialization.PublicFormat.PKCS1)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "interop")])
        now = datetime.datetime.now(datetime.timezone.utc)
        built = x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(),
            now, now + datetime.timedelta(days=1),
        )  # fmt: skip
        pure = isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey))
        return built.sign(key, None if pure else hashes.SHA256()).public_bytes(encoding)

    @staticmethod
    def _as_jwk(key, private):
        owners = {
            bytes: "HS256",
            rsa.RSAPrivateKey: "RS256",
            ec.EllipticCurvePrivateKey: "ES256",
            ed25519.Ed25519PrivateKey: "EdDSA",
            ed448.Ed448PrivateKey: "EdDSA",
        }
        owner = next(name for kind, name in owners.items() if isinstance(key, kind))
        half = key if private or isinstance(key, bytes) else key.public_key()
        return jwt.get_algorithm_by_name(owner).to_jwk(half, as_dict=True)

    def load(self, data, form, alg):
        if form == "jwks":
            return jwt.PyJWKSet.from_json(as_text(data))
        if form == "jwk":
            return jwt.PyJWK.from_json(as_text(data), algorithm=header_name(alg))
        if form == "pem":
            # PyJWT takes PEM text as it is, for signing and for verifying.
            return as_text(data)
        try:
            return serialization.load_der_private_key(data, password=None)
        except (ValueError, TypeError):
            return serialization.load_der_public_key(data)

    def sign(self, key, alg, kid, claims):
        if isinstance(key, jwt.PyJWKSet):
            key = key.keys[0]
        return jwt.encode(claims, key, algorithm=header_name(alg), headers={"kid": kid})

    def verify(self, token, key, alg):
        try:
            if isinstance(key, jwt.PyJWKSet):
                key = key[jwt.get_unverified_header(token)["kid"]]
            return jwt.decode(token, key, algorithms=[header_name(alg)], audience=AUDIENCE)
        except (jwt.PyJWTError, KeyError) as error:
            raise Refused(words(error)) from error


class Joserfc(Peer):
    """joserfc. Every algorithm is named in `algorithms`, so that those off by default work too."""

    name = "joserfc"

    def version(self):
        return joserfc.__version__

    def make(self, alg):
        if is_symmetric(alg):
            return rfc_jwk.OctKey.generate_key(octets(alg) * 8, auto_kid=False)
        if alg in CURVES:
            return rfc_jwk.ECKey.generate_key(CURVES[alg], auto_kid=False)
        if alg.startswith("Ed"):
            return rfc_jwk.OKPKey.generate_key(alg, auto_kid=False)
        return rfc_jwk.RSAKey.generate_key(2048, auto_kid=False)

    def dump(self, key, form, private):
        if form in ("jwk", "jwks"):
            shown = key.as_dict(private=private or key.key_type == "oct")
            text = json.dumps(shown).encode()
            return text if form == "jwk" else as_set(text)
        return key.as_pem(private) if form == "pem" else key.as_der(private)

    def load(self, data, form, alg):
        if form == "jwks":
            return rfc_jwk.KeySet.import_key_set(json.loads(data))
        if form == "jwk":
            return rfc_jwk.import_key(json.loads(data))
        kind = "EC" if alg in CURVES else "OKP" if alg.startswith("Ed") else "RSA"
        return rfc_jwk.import_key(data, kind)

    def sign(self, key, alg, kid, claims, name=None):
        name = name or header_name(alg)
        if isinstance(key, rfc_jwk.KeySet):
            key = key.keys[0]
        return rfc_jwt.encode({"alg": name, "kid": kid}, claims, key, algorithms=[name])

    def verify(self, token, key, alg):
        try:
            claims = rfc_jwt.decode(token, key, algorithms=[header_name(alg)]).claims
            rfc_jwt.JWTClaimsRegistry(aud={"essential": True, "value": AUDIENCE}).validate(claims)
            return claims
        except (joserfc.errors.JoseError, ValueError) as error:
            raise Refused(words(error)) from error

    def thumbprint(self, key):
        return key.thumbprint()


class JWCrypto(Peer):
    """jwcrypto. Algorithms are named in `algs` for the same reason."""

    name = "jwcrypto"
    formats = ("jwk", "jwks", "pem")

    def version(self):
        return importlib.metadata.version("jwcrypto")

    def make(self, alg):
        if is_symmetric(alg):
            return crypto_jwk.JWK.generate(kty="oct", size=octets(alg) * 8)
        if alg in CURVES:
            return crypto_jwk.JWK.generate(kty="EC", crv=CURVES[alg])
        if alg.startswith("Ed"):
            return crypto_jwk.JWK.generate(kty="OKP", crv=alg)
        return crypto_jwk.JWK.generate(kty="RSA", size=2048)

    def dump(self, key, form, private):
        if form in ("jwk", "jwks"):
            text = key.export(private_key=private or key.is_symmetric).encode()
            return text if form == "jwk" else as_set(text)
        if form == "pem":
            return key.export_to_pem(private_key=private, password=None)
        raise Unsupported("jwcrypto writes no DER")

    def load(self, data, form, alg):
        if form == "jwks":
            return crypto_jwk.JWKSet.from_json(as_text(data))
        if form == "jwk":
            return crypto_jwk.JWK.from_json(as_text(data))
        if form == "pem":
            return crypto_jwk.JWK.from_pem(data)
        raise Unsupported("jwcrypto reads no DER")

    def sign(self, key, alg, kid, claims, name=None):
        name = name or header_name(alg)
        if isinstance(key, crypto_jwk.JWKSet):
            key = next(iter(key["keys"]))
        header = {"alg": name, "kid": kid, "typ": "JWT"}
        token = crypto_jwt.JWT(header=header, claims=claims, algs=[name])
        token.make_signed_token(key)
        return token.serialize()

    def verify(self, token, key, alg):
        try:
            read = crypto_jwt.JWT(
                jwt=token, key=key, algs=[header_name(alg)],
                check_claims={"aud": AUDIENCE, "exp": None},
            )  # fmt: skip
            return json.loads(read.claims)
        except (jwcrypto.common.JWException, KeyError, ValueError) as error:
            raise Refused(words(error)) from error

    def thumbprint(self, key):
        return key.thumbprint()


class JoseProgram(Peer):
    """The `jose` program: a key is JSON text, and it judges signatures, not claims."""

    name = "jose"
    judges_claims = False
    formats = ("jwk", "jwks")

    def version(self):
        # It has no --version; the package manager may know.
        if shutil.which("jose") is None:
            return "not installed"
        if shutil.which("dpkg-query") is None:
            return "installed"
        asked = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version}", "jose"], capture_output=True, text=True
        )
        return asked.stdout or "installed"

    @staticmethod
    def _run(*arguments, stdin=None):
        try:
            done = subprocess.run(["jose", *arguments], input=stdin, capture_output=True, timeout=60)
        except FileNotFoundError as error:
            raise Unsupported("the jose program is not installed") from error
        if done.returncode != 0:
            said = " ".join(done.stderr.decode(errors="replace").split()) or "no words"
            raise Refused(f"jose {' '.join(arguments[:2])}: {said}, status {done.returncode}")
        return done.stdout

    def make(self, alg):
        if alg.startswith("Ed"):
            template = {"kty": "OKP", "crv": alg}
        else:
            template = {"alg": alg}
        return self._run("jwk", "gen", "-i", json.dumps(template))

    def dump(self, key, form, private):
        if form not in self.formats:
            raise Unsupported("jose knows no PEM or DER")
        text = key
        if not private and json.loads(key)["kty"] != "oct":
            text = self._run("jwk", "pub", "-i", "-", stdin=key)
        return text if form == "jwk" else as_set(text)

    def load(self, data, form, alg):
        if form not in self.formats:
            raise Unsupported("jose knows no PEM or DER")
        return data

    def sign(self, key, alg, kid, claims):
        held = json.loads(key)
        one = held["keys"][0] if "keys" in held else held
        protected = {"alg": header_name(alg), "kid": kid, "typ": "JWT"}
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        # The key goes in by standard input: an argument can be seen by every user.
        out = self._run(
            "jws", "sig", "-i", json.dumps({"payload": payload}),
            "-s", json.dumps({"protected": protected}), "-k", "-", "-c",
            stdin=json.dumps(one).encode(),
        )  # fmt: skip
        return out.decode().strip()

    def verify(self, token, key, alg):
        return json.loads(self._run("jws", "ver", "-i", token, "-k", "-", "-O", "-", stdin=key))

    def thumbprint(self, key):
        return self._run("jwk", "thp", "-i", "-", "-a", "S256", stdin=key).decode().strip()


PEERS = [PyJWT(), Joserfc(), JWCrypto(), JoseProgram()]
