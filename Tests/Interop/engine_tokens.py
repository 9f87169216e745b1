"""Tokens for engines.py: good ones of every algorithm, mutated ones, and crafted ones.

Owns what is in the file that all engines read, and the JWK set to it. No token is told apart by
what is expected of it: OpenSSL's engine says that.
"""

import hashlib
import hmac
import json

from engine_keys import (
    G, L, N, P, RSA, Curve, Edwards, base64url, meetings, multiply, octets, p256_jwk, point_at,
)  # fmt: skip

RSA_NAMES = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
LANES = RSA_NAMES + ["ES256", "EdDSA"]


class Secret:
    def __init__(self, rng):
        self.octets = rng.randbytes(64)

    def jwk(self):
        return {"kty": "oct", "k": base64url(self.octets)}

    def sign(self, alg, message):
        digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384}.get(alg, hashlib.sha512)
        return hmac.digest(self.octets, message, digest)


class Tokens:
    """Lines and the JWK set that they need."""

    def __init__(self, rng):
        self.rng = rng
        self.jwks = []
        self.signers = []
        self.lines = []
        self.serial = 0

    # Keys ---------------------------------------------------------------------------------------

    def add_key(self, jwk):
        jwk["kid"] = f"k{len(self.jwks)}"
        self.jwks.append(jwk)
        return jwk["kid"]

    def add(self, key, algs):
        kid = self.add_key(key.jwk())
        self.signers.append((key, kid, algs))

    def make_keys(self, scale):
        """All kinds; most of them are such as the lanes take."""
        rng = self.rng
        for bits, count in ((2048, 24), (3072, 8), (4096, 8)):
            for _ in range(count * scale):
                self.add(RSA(rng, bits), RSA_NAMES)
        # An exponent and lengths for which there is no kernel.
        for bits, e in ((2048, 3), (2048, 17), (2176, 65537), (3200, 65537), (8192, 65537)):
            self.add(RSA(rng, bits, e), RSA_NAMES)
        for _ in range(80 * scale):
            self.add(Curve("ES256"), ["ES256"])
            self.add(Edwards(), ["EdDSA"])
        for d in (1, 2, 3, N - 1):
            self.add(Curve("ES256", d), ["ES256"])
        for alg in ("ES384", "ES512", "ES256K"):
            self.add(Curve(alg), [alg])
        self.add(Edwards("Ed448"), ["EdDSA"])
        for _ in range(3):
            self.add(Secret(rng), ["HS256", "HS384", "HS512"])

    # Tokens -------------------------------------------------------------------------------------

    def signing_input(self, alg, kid):
        self.serial += 1
        header = {"alg": alg, "kid": kid} if kid else {"alg": alg}
        claims = {"n": self.serial, "jti": f"j{self.serial % 1000}", "pad": "x" * self.length()}
        return ".".join(base64url(json.dumps(part).encode()) for part in (header, claims)).encode()

    def length(self):
        return self.rng.choice((0, 10, 50, 300, 450, 1200, self.rng.randrange(2200)))

    def token(self, message, signature):
        return message.decode() + "." + base64url(signature)

    def good(self, alg=None, with_kid=True):
        """A good signature: its key, name and parts."""
        while True:
            key, kid, algs = self.rng.choice(self.signers)
            name = self.rng.choice(algs)
            if alg in (None, name):
                break
        message = self.signing_input(name, kid if with_kid else None)
        return key, name, message, key.sign(name, message)

    def mutate(self, key, name, message, signature, other):
        rng = self.rng
        kind = rng.randrange(14)
        count = len(signature)
        if kind <= 4:
            changed = bytearray(signature)
            changed[rng.randrange(count)] ^= 1 << rng.randrange(8)
            signature = bytes(changed)
        elif kind == 5:
            signature = other
        elif kind == 6:
            signature = signature[count // 2 :] + signature[: count // 2]
        elif kind == 7:
            signature = signature[: rng.randrange(count)]
        elif kind == 8:
            signature += rng.randbytes(1 + rng.randrange(3))
        elif kind == 9:
            signature = rng.choice((b"\0", b"\xff")) * count
        elif kind == 10:
            signature = rng.randbytes(count)
        elif kind == 11:
            signature = self.shifted(key, name, signature)
        elif kind == 12:
            at = rng.randrange(len(message))
            letter = rng.choice(b"ABCxyz0189-_.")
            message = message[:at] + bytes([letter]) + message[at + 1 :]
        else:
            # The text of the signature: another last letter, or something that is none.
            text = base64url(signature)
            last = rng.choice(("", "A", "B", "=", "+", "!", " "))
            return message.decode() + "." + text[:-1] + last
        return self.token(message, signature)

    def shifted(self, key, name, signature):
        """A number more or less by what it is taken by."""
        if isinstance(key, RSA):
            number = int.from_bytes(signature, "big")
            more = number + key.n
            fits = more < 256 ** len(signature)
            return octets(more if fits else key.n - number, len(signature))
        if name == "ES256":
            return signature[:32] + octets(N - int.from_bytes(signature[32:], "big"), 32)
        if name == "EdDSA" and len(signature) == 64:
            s = int.from_bytes(signature[32:], "little") + L * self.rng.randrange(1, 8)
            return signature[:32] + s.to_bytes(32, "little")
        return signature[::-1]

    def mix(self, count, alg=None, with_kid=True):
        """As many good tokens and as many mutated ones, in any order."""
        lines, other = [], b"\0" * 64
        for _ in range(count):
            made = self.good(alg, with_kid)
            lines += [self.token(*made[2:]), self.mutate(*made, other)]
            other = made[3]
        self.rng.shuffle(lines)
        return lines

    # Crafted ones -------------------------------------------------------------------------------

    def crafted(self):
        return self.crafted_p256() + self.crafted_rsa() + self.crafted_edwards()

    def forge(self, lines, kid, choose):
        """A token of ES256 by `choose`, which gets the digest and gives r and s."""
        message = self.signing_input("ES256", kid)
        e = int.from_bytes(hashlib.sha256(message).digest(), "big") % N
        r, s = choose(e)
        lines.append(self.token(message, octets(r % 2**256, 32) + octets(s % 2**256, 32)))

    def crafted_p256(self):
        rng, lines = self.rng, []
        edges = [0, 1, N - 1, N, N + 1, P, 2**256 - 1, P - N, P - N - 1]
        kid = self.add_key(p256_jwk(multiply(rng.randrange(1, N))))
        for r in edges:
            for s in edges:
                self.forge(lines, kid, lambda e, r=r, s=s: (r, s))
        # Whoever knows d chooses u1 and u2: s = e / u1, r = u2 s. No such signature holds.
        for d, u1, u2 in meetings(rng):
            kid = self.add_key(p256_jwk(multiply(d)))
            for _ in range(3):

                def meet(e, u1=u1, u2=u2):
                    s = e * pow(u1, -1, N) % N
                    return u2 * s % N, s

                self.forge(lines, kid, meet)
        # A key for one message: u1 G = u2 Q, and the sum of both is R. That one holds.
        for _ in range(6):
            message = self.signing_input("ES256", f"k{len(self.jwks)}")
            e = int.from_bytes(hashlib.sha256(message).digest(), "big") % N
            u1 = rng.randrange(1, N)
            r = multiply(2 * u1)[0] % N
            self.add_key(p256_jwk(multiply(e * pow(r, -1, N))))
            s = e * pow(u1, -1, N) % N
            lines.append(self.token(message, octets(r, 32) + octets(s, 32)))
        # R whose x is n or more: r is x - n. And the reverse, where r + n is no x.
        for x in [N + i for i in range(1, 12)] + [P - i for i in range(1, 9)] + list(range(1, 9)):
            if not (point := point_at(x)):
                continue
            message = self.signing_input("ES256", f"k{len(self.jwks)}")
            e = int.from_bytes(hashlib.sha256(message).digest(), "big") % N
            r = x % N if rng.randrange(4) else (P - N + x) % N
            s = rng.randrange(1, N)
            # Q = (s R - e G) / r, by two products that are added.
            inverse = pow(r, -1, N)
            left, right = multiply(s * inverse, point), multiply(-e * inverse)
            if left[0] == right[0]:
                continue
            slope = (right[1] - left[1]) * pow(right[0] - left[0], -1, P)
            qx = (slope * slope - left[0] - right[0]) % P
            self.add_key(p256_jwk((qx, (slope * (left[0] - qx) - left[1]) % P)))
            lines.append(self.token(message, octets(r, 32) + octets(s, 32)))
        assert multiply(1) == G
        return lines

    def crafted_rsa(self):
        lines = []
        for bits in (2048, 3072, 4096):
            key = RSA(self.rng, bits)
            kid = self.add_key(key.jwk())
            for alg in RSA_NAMES:
                top = 2**bits
                for number in (0, 1, key.n - 1, key.n, key.n + 1, top - 1, top - key.n):
                    message = self.signing_input(alg, kid)
                    lines.append(self.token(message, octets(number, bits // 8)))
            for alg in ("PS256", "PS384", "PS512"):
                size = int(alg[2:]) // 8
                forms = [{"salt": n} for n in (0, 1, size - 1, size, size + 1, bits // 8 - size - 2)]
                forms += [{"trailer": 0xBD}, {"dirty": 0}, {"dirty": 9}]
                for form in forms:
                    message = self.signing_input(alg, kid)
                    lines.append(self.token(message, key.sign(alg, message, **form)))
        return lines

    def crafted_edwards(self):
        """Points of small order as key and as R; s = 0 makes one in eight hold, or all."""
        lines = []
        texts = [
            octets(number, 32)[::-1]
            for number in (0, 1, 2**255, 2**255 + 1, 2**255 - 20, 2**255 - 19, 2**255 - 18)
        ]
        for text in texts:
            kid = self.add_key({"kty": "OKP", "crv": "Ed25519", "x": base64url(text)})
            for r in texts:
                for s in (0, 0, 0, 0, 1, L):
                    message = self.signing_input("EdDSA", kid)
                    lines.append(self.token(message, r + s.to_bytes(32, "little")))
        return lines
