"""Services by libraries that know tokens and no services: python-jose, PyJWT, joserfc, jwcrypto.
FastAPI around them, as its tutorial has it; what a token is for is the application's to look at.

GET /users/me and POST /token are the tutorial to the letter, with neither issuer nor audience.
"""

import datetime
import json
import uuid

import jose.jwt
import joserfc.errors
import jwcrypto.common
import jwcrypto.jwk
import jwcrypto.jwt
import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer
from joserfc import jwk as rfc_jwk
from joserfc import jwt as rfc_jwt
from pydantic import BaseModel

from common import words

PACKAGES = ["fastapi", "cryptography"]


class PythonJose:
    refusals = (jose.JWTError,)

    def __init__(self, settings):
        self.settings = settings

    def encode(self, claims):
        return jose.jwt.encode(
            claims, self.settings.private,
            algorithm=self.settings.alg, headers=self.settings.headers,
        )  # fmt: skip

    def decode(self, token):
        return jose.jwt.decode(
            token, self.settings.jwks or self.settings.private, algorithms=[self.settings.alg],
            audience=self.settings.audience, issuer=self.settings.issuer,
            options={"require_exp": True, "require_aud": True, "require_iss": True},
        )  # fmt: skip

    def tutorial_encode(self, claims):
        return jose.jwt.encode(claims, self.settings.private, algorithm=self.settings.alg)

    def tutorial_decode(self, token):
        return jose.jwt.decode(token, self.settings.private, algorithms=[self.settings.alg])


class PyJWT:
    refusals = (jwt.PyJWTError,)

    def __init__(self, settings):
        self.settings = settings

    def encode(self, claims):
        return jwt.encode(
            claims, self.settings.private,
            algorithm=self.settings.alg, headers=self.settings.headers,
        )  # fmt: skip

    def decode(self, token):
        key = self.settings.private
        if self.settings.jwks:
            try:
                kid = jwt.get_unverified_header(token)["kid"]
                key = jwt.PyJWKSet.from_dict(self.settings.jwks)[kid]
            except KeyError as error:
                raise jwt.InvalidKeyError(words(error)) from error
        return jwt.decode(
            token, key, algorithms=[self.settings.alg], audience=self.settings.audience,
            issuer=self.settings.issuer, options={"require": ["exp", "iat", "sub", "iss", "aud"]},
        )  # fmt: skip

    def tutorial_encode(self, claims):
        return jwt.encode(claims, self.settings.private, algorithm=self.settings.alg)

    def tutorial_decode(self, token):
        return jwt.decode(token, self.settings.private, algorithms=[self.settings.alg])


class Joserfc:
    refusals = (joserfc.errors.JoseError, ValueError)

    def __init__(self, settings):
        self.settings = settings
        kind = {"HS": "oct", "RS": "RSA", "ES": "EC", "Ed": "OKP"}[settings.alg[:2]]
        self.private = rfc_jwk.import_key(settings.private, kind)
        self.public = self.private
        if settings.jwks:
            self.public = rfc_jwk.KeySet.import_key_set(settings.jwks)
        self.claims = rfc_jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "value": settings.audience},
            sub={"essential": True}, exp={"essential": True},
        )  # fmt: skip

    def encode(self, claims):
        header = {"alg": self.settings.alg, "typ": "JWT"} | self.settings.headers
        return rfc_jwt.encode(header, claims, self.private, algorithms=[self.settings.alg])

    def decode(self, token):
        read = rfc_jwt.decode(token, self.public, algorithms=[self.settings.alg])
        self.claims.validate(read.claims)
        return read.claims


class JWCrypto:
    refusals = (jwcrypto.common.JWException, KeyError, ValueError)

    def __init__(self, settings):
        self.settings = settings
        if settings.jwks:
            self.private = jwcrypto.jwk.JWK.from_pem(settings.private.encode())
            self.public = jwcrypto.jwk.JWKSet.from_json(json.dumps(settings.jwks))
        else:
            k = jwcrypto.common.base64url_encode(settings.private)
            self.private = self.public = jwcrypto.jwk.JWK(kty="oct", k=k)

    def encode(self, claims):
        """jwcrypto gives a token its times and its jti, where they are left to it."""
        left = ("iat", "nbf", "jti")
        given = {name: claims[name] for name in claims if name not in left}
        given["exp"] = int(claims["exp"].timestamp())
        token = jwcrypto.jwt.JWT(
            header={"alg": self.settings.alg, "typ": "JWT"} | self.settings.headers,
            claims=given, default_claims=dict.fromkeys(left), algs=[self.settings.alg],
        )  # fmt: skip
        token.make_signed_token(self.private)
        return token.serialize()

    def decode(self, token):
        read = jwcrypto.jwt.JWT(
            jwt=token, key=self.public, algs=[self.settings.alg],
            check_claims={
                "iss": self.settings.issuer, "aud": self.settings.audience,
                "sub": None, "exp": None,
            },
        )  # fmt: skip
        return json.loads(read.claims)


LIBRARIES = {
    "python-jose": PythonJose, "PyJWT": PyJWT, "joserfc": Joserfc, "jwcrypto": JWCrypto,
}  # fmt: skip
USERS = {"zoe": {"username": "zoe", "email": "zoe@example.com"}}

bearer = OAuth2PasswordBearer(tokenUrl="token")


class Login(BaseModel):
    username: str


def unauthorized(detail):
    return HTTPException(status_code=401, detail=detail, headers={"WWW-Authenticate": "Bearer"})


def app(settings):
    library = LIBRARIES[settings.library](settings)
    service = FastAPI()

    def given(token: str = Depends(bearer)):
        try:
            claims = library.decode(token)
        except library.refusals as error:
            raise unauthorized(words(error)) from error
        if settings.revoked(claims):
            raise unauthorized("Token has been revoked")
        return claims

    def of_type(wanted):
        def typed(claims: dict = Depends(given)):
            if claims.get("type") != wanted:
                raise unauthorized(f"Only {wanted} tokens are allowed")
            return claims

        return typed

    def put_into(kind, subject, seconds, **more):
        now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        return {
            "iss": settings.issuer, "sub": subject, "aud": settings.audience,
            "iat": now, "nbf": now, "exp": now + datetime.timedelta(seconds=seconds),
            "jti": str(uuid.uuid4()), "type": kind, **more,
        }  # fmt: skip

    def access_token(subject, fresh):
        return library.encode(put_into("access", subject, settings.access_seconds, fresh=fresh))

    @service.post("/login")
    def login(person: Login):
        token = access_token(person.username, True)
        put = library.decode(token)
        of_access = {"access_token_jti": put["jti"], "access_token_iat": put["iat"]}
        refresh = put_into("refresh", person.username, settings.refresh_seconds, **of_access)
        return {"access_token": token, "refresh_token": library.encode(refresh), "put": put}

    @service.get("/access")
    def protected(claims: dict = Depends(of_type("access"))):
        return {"claims": claims}

    @service.get("/fresh")
    def fresh(claims: dict = Depends(of_type("access"))):
        if claims.get("fresh") is not True:
            raise unauthorized("Fresh token required")
        return {"claims": claims}

    @service.post("/refresh")
    def refreshed(claims: dict = Depends(of_type("refresh"))):
        return {"claims": claims, "access_token": access_token(claims["sub"], False)}

    @service.post("/token")
    def token(person: Login):
        expire = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=30)
        token = library.tutorial_encode({"sub": person.username, "exp": expire})
        return {"access_token": token, "token_type": "bearer"}

    @service.get("/users/me")
    def me(token: str = Depends(bearer)):
        try:
            username = library.tutorial_decode(token).get("sub")
        except library.refusals as error:
            raise unauthorized(f"Could not validate credentials: {words(error)}") from error
        if username not in USERS:
            raise unauthorized("Could not validate credentials")
        return USERS[username]

    return service
