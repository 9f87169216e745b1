"""A service by fastapi-jwt-auth, as its documentation builds one: settings, the AuthJWT dependency,
fresh and refresh tokens, and a denylist that the library asks.

The settings belong to a class of the library's, so that there is one service at a time.
"""

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi_jwt_auth import AuthJWT
from fastapi_jwt_auth.exceptions import AuthJWTException
from pydantic import BaseModel

PACKAGES = ["fastapi", "PyJWT", "cryptography"]


class Login(BaseModel):
    username: str


def app(settings):
    class Library(BaseModel):
        authjwt_algorithm: str = settings.alg
        authjwt_secret_key: str = settings.private
        authjwt_private_key: str = settings.private
        authjwt_public_key: str = settings.public or settings.private
        authjwt_encode_issuer: str = settings.issuer
        authjwt_decode_issuer: str = settings.issuer
        authjwt_decode_audience: str = settings.audience
        authjwt_access_token_expires: int = settings.access_seconds
        authjwt_refresh_token_expires: int = settings.refresh_seconds
        authjwt_denylist_enabled: bool = True

    AuthJWT.load_config(Library)
    AuthJWT.token_in_denylist_loader(lambda claims: settings.revoked(claims))
    service = FastAPI()
    more = {"audience": settings.audience, "headers": settings.headers}

    @service.exception_handler(AuthJWTException)
    def refused(request: Request, error: AuthJWTException):
        return JSONResponse(status_code=error.status_code, content={"detail": error.message})

    @service.post("/login")
    def login(person: Login, auth: AuthJWT = Depends()):
        token = auth.create_access_token(person.username, fresh=True, **more)
        return {
            "access_token": token,
            "refresh_token": auth.create_refresh_token(person.username, **more),
            "put": auth.get_raw_jwt(token),
        }

    @service.get("/access")
    def protected(auth: AuthJWT = Depends()):
        auth.jwt_required()
        return {"claims": auth.get_raw_jwt()}

    @service.get("/fresh")
    def fresh(auth: AuthJWT = Depends()):
        auth.fresh_jwt_required()
        return {"claims": auth.get_raw_jwt()}

    @service.post("/refresh")
    def refreshed(auth: AuthJWT = Depends()):
        auth.jwt_refresh_token_required()
        token = auth.create_access_token(auth.get_jwt_subject(), fresh=False, **more)
        return {"claims": auth.get_raw_jwt(), "access_token": token}

    return service
