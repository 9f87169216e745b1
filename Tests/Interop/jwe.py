"""Private keys under a passphrase, in the hands of joserfc, jwcrypto and the `jose` program.

Owns verbs that open and write a JWE (RFC 7517 Appendix C) with each of them. As in peers.py, a verb
decodes, checks and repairs nothing itself, and throws Unsupported or Refused. A passphrase is text;
its octets are UTF-8. PyJWT knows no JWE.

Each peer has a limit of its own for `p2c`, and only jwcrypto's can be set: it alone opens what
jotmill writes unasked (310,000). See MOST. joserfc_without_limit() goes around joserfc's.
"""

import base64
import contextlib
import json
import tempfile

import joserfc.errors
import jwcrypto.common
from joserfc import jwe as rfc_jwe
from joserfc import jwk as rfc_jwk
from jwcrypto import jwa as crypto_jwa
from jwcrypto import jwe as crypto_jwe
from jwcrypto import jwk as crypto_jwk

from peers import JoseProgram, Refused, Unsupported, words

ALG = "PBES2-HS512+A256KW"
ENC = "A256GCM"
# The most iterations that each peer reads and writes; all three count 1,000 as enough.
MOST = {"joserfc": 300_000, "jwcrypto": 1_000_000, "jose": 32_768}
# jwcrypto's own setting; it stops at 16,384 otherwise.
crypto_jwa.default_max_pbkdf2_iterations = MOST["jwcrypto"]


def open_with_joserfc(text, passphrase):
    """The JWK in `text`."""
    try:
        read = rfc_jwe.decrypt_compact(text, _joserfc_key(passphrase), registry=_registry())
        return json.loads(read.plaintext)
    except (joserfc.errors.JoseError, ValueError) as error:
        raise Refused(words(error)) from error


@contextlib.contextmanager
def joserfc_without_limit():
    """joserfc has its limit in a function, which a class attribute names: another for the while."""
    try:
        from joserfc._rfc7518.jwe_algs import PBES2HSAlgKeyEncryption as owner
        from joserfc.registry import HeaderParameter

        kept = owner.more_header_registry
        other = HeaderParameter(kept["p2c"].description, "int", kept["p2c"].required)
    except (ImportError, AttributeError, KeyError, TypeError) as error:
        raise Unsupported(f"joserfc's limit can't be raised any more: {words(error)}") from error
    owner.more_header_registry = kept | {"p2c": other}
    try:
        yield
    finally:
        owner.more_header_registry = kept


def open_with_jwcrypto(text, passphrase):
    """The JWK in `text`."""
    try:
        read = crypto_jwe.JWE(algs=[ALG, ENC])
        read.deserialize(text, crypto_jwk.JWK.from_password(passphrase))
        return json.loads(read.payload)
    except (jwcrypto.common.JWException, ValueError) as error:
        raise Refused(words(error)) from error


def open_with_jose(text, passphrase):
    """The JWK in `text`."""
    with _password_file(passphrase) as key:
        out = JoseProgram._run("jwe", "dec", "-i", "-", "-k", key.name, stdin=text.encode())
    return json.loads(out)


def write_with_joserfc(jwk, passphrase, p2c=10_000):
    """The compact serialization of a JWK; joserfc chooses the salt, 16 octets."""
    header = {"alg": ALG, "enc": ENC, "cty": "jwk+json", "p2c": p2c}
    try:
        return rfc_jwe.encrypt_compact(
            header, json.dumps(jwk).encode(), _joserfc_key(passphrase), registry=_registry()
        )
    except (joserfc.errors.JoseError, ValueError) as error:
        raise Refused(words(error)) from error


def write_with_jose(jwk, passphrase, p2c=10_000):
    """The compact serialization of a JWK; jose chooses the salt, 32 octets."""
    template = {"protected": {"alg": ALG, "enc": ENC, "p2c": p2c, "cty": "jwk+json"}}
    with _password_file(passphrase) as key:
        out = JoseProgram._run(
            "jwe", "enc", "-i", json.dumps(template), "-I", "-", "-k", key.name, "-c",
            stdin=json.dumps(jwk).encode(),
        )  # fmt: skip
    return out.decode().strip()


def _registry():
    return rfc_jwe.JWERegistry(algorithms=[ALG, ENC])


def _joserfc_key(passphrase):
    return rfc_jwk.OctKey.import_key(passphrase.encode())


def _password_file(passphrase):
    """A password as jose takes one without a terminal: an oct JWK, in a file of mode 0600."""
    k = base64.urlsafe_b64encode(passphrase.encode()).decode().rstrip("=")
    file = tempfile.NamedTemporaryFile("w", prefix="jotmill-interop-", suffix=".jwk")
    json.dump({"kty": "oct", "k": k}, file)
    file.flush()
    return file
