"""What the services have in common: their settings, and the denylist they share with jotmill."""

import dataclasses
import json
import pathlib


@dataclasses.dataclass
class Settings:
    """`private` is PEM, or the secret, whose `public` and `jwks` are None."""

    library: str
    alg: str
    kid: str | None
    private: str
    public: str | None
    jwks: dict | None
    issuer: str
    audience: str
    base_url: str
    access_seconds: int
    refresh_seconds: int
    denylist: str

    @property
    def symmetric(self):
        return self.public is None

    @property
    def headers(self):
        return {"kid": self.kid} if self.kid else {}

    def revoked(self, claims):
        """Whether jotmill's denylist names the token, or the access token that it was made with."""
        lines = pathlib.Path(self.denylist).read_text().splitlines()
        listed = {json.loads(line).get("jti") for line in lines} - {None}
        return bool(listed & {claims.get("jti"), claims.get("access_token_jti")})


def words(error):
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
