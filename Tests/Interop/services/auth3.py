"""A service by fastapi-jwt-auth3, as its README builds one: models of claims that allow no others,
the library's dependency, its route for the published set, and its refresh tokens.

GET /access and POST /strict-refresh know the claims of the README and of the library's own refresh
tokens alone; GET /typed-access and POST /refresh also those that jotmill's pairs have.
"""

from typing import Literal, Optional

from fastapi import Depends, FastAPI, HTTPException
from fastapi_jwt_auth3.jwtauth import FastAPIJWTAuth, JWTPresetClaims, generate_jwt_token
from pydantic import BaseModel, ConfigDict, EmailStr

PACKAGES = ["fastapi", "PyJWT", "cryptography"]
PERSON = {"name": "Zoë", "email": "zoe@example.com"}


class AccessClaims(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    email: EmailStr
    iss: str
    aud: str
    exp: int
    sub: str
    iat: int
    jti: str


class TypedAccessClaims(AccessClaims):
    type: Literal["access"]


class OwnRefreshClaims(BaseModel):
    model_config = ConfigDict(extra="forbid")

    iss: str
    aud: str
    exp: int
    sub: str
    iat: int
    jti: str
    access_token_jti: str
    access_token_iat: int


class RefreshClaims(OwnRefreshClaims):
    type: Optional[Literal["refresh"]] = None
    family: Optional[str] = None
    kid: Optional[str] = None
    jku: Optional[str] = None


class Login(BaseModel):
    username: str


def app(settings):
    def auth(model):
        return FastAPIJWTAuth(
            algorithm=settings.alg,
            base_url=settings.base_url,
            secret_key=settings.private,
            public_key=settings.public,
            public_key_id=settings.kid or "shared",
            issuer=settings.issuer,
            audience=settings.audience,
            expiry=settings.access_seconds,
            refresh_token_expiry=settings.refresh_seconds,
            project_to=model,
        )

    access, typed_access = auth(AccessClaims), auth(TypedAccessClaims)
    refresh, own_refresh = auth(RefreshClaims), auth(OwnRefreshClaims)
    service = FastAPI()
    if not settings.symmetric:
        access.init_app(service)

    def access_token(subject):
        preset = JWTPresetClaims.factory(
            issuer=access.issuer, audience=access.audience, expiry=access.expiry, subject=subject
        )
        return generate_jwt_token(
            header=access.header, secret_key=access.secret_key, preset_claims=preset,
            claims=dict(PERSON), return_as_tuple=True,
        )  # fmt: skip

    def kept(claims):
        shown = claims.model_dump(exclude_none=True)
        if settings.revoked(shown):
            raise HTTPException(status_code=401, detail="Token has been revoked")
        return shown

    @service.post("/login")
    async def login(person: Login):
        token, _, put = access_token(person.username)
        return {
            "access_token": token,
            "refresh_token": access.generate_refresh_token(access_token=token),
            "put": put,
        }

    @service.get("/access")
    async def protected(claims: AccessClaims = Depends(access)):
        return {"claims": kept(claims)}

    @service.get("/typed-access")
    async def protected_by_type(claims: TypedAccessClaims = Depends(typed_access)):
        return {"claims": kept(claims)}

    @service.post("/refresh")
    async def refreshed(claims: RefreshClaims = Depends(refresh)):
        return {"claims": kept(claims), "access_token": access_token(claims.sub)[0]}

    @service.post("/strict-refresh")
    async def strictly_refreshed(claims: OwnRefreshClaims = Depends(own_refresh)):
        return {"claims": kept(claims)}

    return service
