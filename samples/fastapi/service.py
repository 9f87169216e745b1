"""A warehouse behind access tokens, which jotmill issues, refreshes and revokes.

Owns the routes and what each asks of a token. Keys, passwords and spent tokens are jotmill's: the
service reads what is published, and talks to jotmills that run beside it.

    JOTMILL_KEYRING=keys uvicorn --app-dir samples/fastapi service:app
"""

import contextlib
import logging
import os
import pathlib
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from pydantic import BaseModel, Field, SecretStr

from child import Child, Unavailable
from users import NotAccepted, Users
from verifier import CannotTell, Refused, Verifier

PROGRAM = os.environ.get("JOTMILL", "jotmill")
RING = pathlib.Path(os.environ.get("JOTMILL_KEYRING", "keys"))
ISSUER = os.environ.get("ISSUER", "https://auth.example.com")
AUDIENCE = os.environ.get("AUDIENCE", "warehouse")
REUSE_GRACE = os.environ.get("REUSE_GRACE", "30s")

GRANT = (
    PROGRAM, "grant", "-q", "--keyring", RING, "--iss", ISSUER, "--aud", AUDIENCE,
    "--scope", "items:write", "--rotate-refresh", "--reuse-grace", REUSE_GRACE,
)  # fmt: skip
# Passwords are slow on purpose, and answers come in order: a refresh would wait for the logins
# before it.
logins, refreshes = Child(*GRANT), Child(*GRANT)
revocations = Child(PROGRAM, "revoke", "-q", "--keyring", RING)
users = Users(PROGRAM, RING)
verifier = Verifier(RING / "jwks.json", RING / "denylist.ndjson", ISSUER, AUDIENCE)
log = logging.getLogger(__name__)
items = [{"name": "crate", "quantity": 12}]


@contextlib.asynccontextmanager
async def lifespan(_):
    yield
    for child in (logins, refreshes, revocations):
        await child.close()


app = FastAPI(title="Warehouse", lifespan=lifespan)


@app.exception_handler(Unavailable)
@app.exception_handler(CannotTell)
async def unavailable(request: Request, error: Exception):
    log.error("%s %s: %s", request.method, request.url.path, error)
    return JSONResponse({"detail": "Try again"}, 503, {"Retry-After": "1"})


# What a request may have to show ----------------------------------------------------------------


def unauthorized(detail, challenge="Bearer"):
    return HTTPException(401, detail, {"WWW-Authenticate": challenge})


INVALID = 'Bearer error="invalid_token"'
SCOPES = {"items:write": "add items"}
bearer = OAuth2PasswordBearer(tokenUrl="token", scopes=SCOPES, auto_error=False)


# Dependencies are async, so that they run on the event loop and not in threads.
async def bearer_token(token: Annotated[str | None, Depends(bearer)]) -> str:
    if not token:
        raise unauthorized("Missing Authorization Header")
    return token


Token = Annotated[str, Depends(bearer_token)]


def claims_of(kind):
    async def check(token: Token) -> dict:
        try:
            return verifier.verify(token, kind)
        except Refused as error:
            raise unauthorized("Could not validate credentials", INVALID) from error

    return check


AccessClaims = Annotated[dict, Depends(claims_of("access"))]
RefreshClaims = Annotated[dict, Depends(claims_of("refresh"))]


async def fresh_claims(claims: AccessClaims) -> dict:
    """Of a token for a password, not for a refresh token."""
    if claims.get("fresh") is not True:
        challenge = 'Bearer error="insufficient_user_authentication"'
        raise unauthorized("Fresh token required", challenge)
    return claims


async def may_write(claims: Annotated[dict, Depends(fresh_claims)]) -> dict:
    """The scope is what the token may do. What its user may do is for the service to know."""
    if "items:write" not in claims.get("scope", "").split():
        challenge = 'Bearer error="insufficient_scope", scope="items:write"'
        raise HTTPException(403, "Not enough permissions", {"WWW-Authenticate": challenge})
    return claims


async def current_user(claims: AccessClaims) -> dict:
    """A user who is removed or disabled is nobody at once, not when the token expires."""
    user = (await users.all()).get(claims["sub"])
    if user is None or user["disabled"]:
        raise unauthorized("Could not validate credentials", INVALID)
    return user


# Logging in and out -----------------------------------------------------------------------------


class Login(BaseModel):
    username: str = Field(max_length=200)
    password: SecretStr = Field(max_length=4096)
    scope: str = Field("", max_length=200)


class NewUser(BaseModel):
    username: str = Field(max_length=200, pattern="^[^\0]*$")
    email: str = Field(max_length=200, pattern="^[^\0]*$")
    password: SecretStr = Field(max_length=4096)


def granted(answer: dict, refusal: str | None = None):
    """jotmill's answer to a token request; 401 with `refusal`, or with jotmill's own words."""
    if "error" not in answer:
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})
    if answer["error"] == "invalid_grant":
        raise unauthorized(refusal or answer["error_description"])
    raise HTTPException(400, answer["error_description"])


async def grant_password(username: str, password: str, scope: str, refusal: str):
    request = {"grant_type": "password", "username": username, "password": password}
    return granted(await logins.ask(request | {"scope": scope}), refusal)


async def revoke(token: str):
    answer = await revocations.ask({"token": token})
    if not answer["revoked"]:
        raise HTTPException(400, f"Not revoked: {', '.join(answer['errors'])}")


@app.post("/login")
async def login(asked: Login):
    password = asked.password.get_secret_value()
    refusal = "Bad username or password"
    return await grant_password(asked.username, password, asked.scope, refusal)


@app.post("/token")
async def token(form: Annotated[OAuth2PasswordRequestForm, Depends()]):
    refusal = "Incorrect username or password"
    return await grant_password(form.username, form.password, " ".join(form.scopes), refusal)


@app.post("/refresh")
async def refresh(token: Token):
    """Another access token, and the refresh token to come with next time: this one is spent."""
    request = {"grant_type": "refresh_token", "refresh_token": token}
    return granted(await refreshes.ask(request))


@app.delete("/access-revoke")
async def revoke_access(token: Token, _: AccessClaims):
    await revoke(token)
    return {"detail": "Access token has been revoked"}


@app.delete("/refresh-revoke")
async def revoke_refresh(token: Token, _: RefreshClaims):
    """Ends the session: its access tokens are of the same family."""
    await revoke(token)
    return {"detail": "Refresh token has been revoked"}


@app.post("/users/", status_code=201)
async def register(new: NewUser):
    known = (await users.all()).values()
    if new.email.casefold() in ((user["email"] or "").casefold() for user in known):
        raise HTTPException(400, "Email already registered")
    try:
        await users.add(new.username, new.email, new.password.get_secret_value())
    except NotAccepted as error:
        raise HTTPException(400, "This name, address or password is not accepted") from error
    return {"username": new.username, "email": new.email}


# The warehouse ----------------------------------------------------------------------------------


class Item(BaseModel):
    name: str
    quantity: int


@app.get("/welcome")
async def welcome():
    return {"message": "Welcome to the warehouse"}


@app.get("/user")
async def user(claims: AccessClaims):
    return {"user": claims["sub"]}


@app.get("/users/me/")
async def me(user: Annotated[dict, Depends(current_user)]):
    return {"username": user["username"], "email": user["email"]}


@app.get("/items", dependencies=[Depends(claims_of("access"))])
async def list_items():
    return items


@app.post("/items", status_code=201, dependencies=[Depends(may_write)])
async def add_item(item: Item):
    items.append(item.model_dump())
    return items[-1]


@app.get("/.well-known/jwks.json")
async def published_keys():
    """The ring's own file. `max-age` is its policy's jwks_max_age."""
    headers = {"Cache-Control": "public, max-age=3600"}
    return Response((RING / "jwks.json").read_bytes(), 200, headers, "application/json")
