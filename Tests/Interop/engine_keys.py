"""Keys and signatures for engines.py, made by the book: RSA of many small primes, P-256 by hand.

Owns the arithmetic. Such keys are safe for nothing but tests: a verifier can't tell, it sees the
public half. Signing with them is fast enough for millions, and anything at all can be signed.
"""

import base64
import hashlib
import os
import random

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
# Ed25519's L.
L = 2**252 + 27742317777372353535851937790883648493

HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}
# DigestInfo (RFC 8017 section 9.2, note 1).
INFOS = {
    "256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "512": bytes.fromhex("3051300d060960864801650304020305000440"),
}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def octets(number, count):
    return number.to_bytes(count, "big")


# RSA --------------------------------------------------------------------------------------------


def is_prime(n):
    if any(n % small == 0 for small in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)):
        return False
    return all(pow(base, n - 1, n) == 1 for base in (2, 3, 5, 7))


class RSA:
    """A key of `bits` bits, a product of primes of about 128."""

    def __init__(self, rng, bits, e=65537):
        self.octets, self.e = bits // 8, e
        primes, n = [], 1
        while len(primes) < bits // 128:
            if len(primes) == bits // 128 - 1:
                # The last one makes the modulus as long as it must be.
                candidate = rng.randrange(2 ** (bits - 1) // n + 1, 2**bits // n) | 1
            else:
                candidate = rng.getrandbits(128) | 1 << 127 | 1
            if candidate in primes or (candidate - 1) % e == 0 or not is_prime(candidate):
                continue
            primes.append(candidate)
            n *= candidate
        self.n = n
        self.parts = []
        for prime in primes:
            others = n // prime
            self.parts.append((prime, pow(e, -1, prime - 1), others * pow(others, -1, prime) % n))

    def jwk(self):
        e = octets(self.e, (self.e.bit_length() + 7) // 8)
        return {"kty": "RSA", "n": base64url(octets(self.n, self.octets)), "e": base64url(e)}

    def raw(self, message):
        number = int.from_bytes(message, "big")
        total = sum(pow(number % prime, d, prime) * unit for prime, d, unit in self.parts)
        return octets(total % self.n, self.octets)

    def sign(self, alg, message, **form):
        if alg.startswith("RS"):
            info = INFOS[alg[2:]] + HASHES[alg[2:]](message).digest()
            return self.raw(b"\0\1" + b"\xff" * (self.octets - 3 - len(info)) + b"\0" + info)
        return self.raw(pss(alg[2:], message, self.octets, **form))


def pss(bits, message, count, salt=None, trailer=0xBC, dirty=None):
    """EMSA-PSS (RFC 8017 section 9.1.1), or something near it."""
    digest = HASHES[bits]
    size = digest().digest_size
    seasoning = os.urandom(size if salt is None else salt)
    h = digest(bytes(8) + digest(message).digest() + seasoning).digest()
    length = count - size - 1
    block = bytearray(length - len(seasoning) - 1) + b"\1" + seasoning
    if dirty is not None:
        block[dirty] ^= 1
    mask = b"".join(digest(h + octets(i, 4)).digest() for i in range(length // size + 1))
    block = bytes(x ^ y for x, y in zip(block, mask))
    return bytes([block[0] & 0x7F]) + block[1:] + h + bytes([trailer])


# P-256 ------------------------------------------------------------------------------------------


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def multiply(factor, point=G):
    total = None
    for bit in bin(factor % N)[2:]:
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def point_at(x):
    """A point with this x, or None."""
    square = (x * x * x - 3 * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    return (x, y) if y * y % P == square else None


def p256_jwk(point):
    x, y = (base64url(octets(value, 32)) for value in point)
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def terms(u1, u2):
    """u1 G + u2 Q in signed odd digits: windows of 8 bits for Q, then of 11 for G, as (g, q)."""

    def digits(u, bits, count):
        rest, sign = (u, 1) if u % 2 else (N - u, -1)
        out = []
        for window in range(count):
            digit = rest % 2 ** (bits + 1) - 2**bits if window < count - 1 else rest
            rest = (rest - digit) >> bits
            out.append(sign * (digit << bits * window))
        return out

    return [(0, q) for q in digits(u2, 8, 32)] + [(g, 0) for g in digits(u1, 11, 24)]


def meetings(rng):
    """(d, u1, u2) for which two partial sums of u1 G + u2 dG are the same point or inverse ones."""
    ranges, width = [], 1
    while width < 56:
        starts = range(0, 56 - width, 2 * width)
        ranges += [(s, s + width, min(s + 2 * width, 56)) for s in starts]
        width *= 2
    ranges += [(0, end, end + 1) for end in range(33, 56)]
    for start, middle, end in ranges:
        for sign in (1, -1):
            u1, u2 = rng.randrange(1, N), rng.randrange(1, N)
            all_terms = terms(u1, u2)
            a, b = (sum(t[i] for t in all_terms[start:middle]) for i in (0, 1))
            c, d = (sum(t[i] for t in all_terms[middle:end]) for i in (0, 1))
            if (b - sign * d) % N and (sign * c - a) % N:
                yield (sign * c - a) * pow(b - sign * d, -1, N) % N, u1, u2


# Keys that cryptography makes -------------------------------------------------------------------


class Curve:
    """ECDSA, by a curve's class; r and s side by side."""

    SIZES = {"ES256": 32, "ES384": 48, "ES512": 66, "ES256K": 32}
    NAMES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "ES256K": "secp256k1"}
    KINDS = {
        "ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1, "ES256K": ec.SECP256K1,
    }  # fmt: skip
    DIGESTS = {"ES384": hashes.SHA384(), "ES512": hashes.SHA512()}

    def __init__(self, alg, d=None):
        self.alg, self.size = alg, self.SIZES[alg]
        kind = self.KINDS[alg]()
        self.d = d
        self.key = ec.derive_private_key(d, kind) if d else ec.generate_private_key(kind)

    def jwk(self):
        numbers = self.key.public_key().public_numbers()
        x, y = (base64url(octets(value, self.size)) for value in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": self.NAMES[self.alg], "x": x, "y": y}

    def sign(self, alg, message):
        signature = self.key.sign(message, ec.ECDSA(self.DIGESTS.get(alg, hashes.SHA256())))
        return b"".join(octets(value, self.size) for value in decode_dss_signature(signature))


class Edwards:
    def __init__(self, curve="Ed25519"):
        self.curve = curve
        kind = ed25519.Ed25519PrivateKey if curve == "Ed25519" else ed448.Ed448PrivateKey
        self.key = kind.generate()

    def jwk(self):
        x = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"kty": "OKP", "crv": self.curve, "x": base64url(x)}

    def sign(self, alg, message):
        return self.key.sign(message)


def seeded(seed):
    return random.Random(seed)
