"""An ordinary three months at the gateway of Example Freight: people at work, and machines.

Owns how a request becomes a line of the log, what the gateway could know when it answered, and the
traffic of every day, from a seeded generator: the same each time. Knows nothing of keys: who signs
a token is a word here, and make.py signs it.
"""

import base64
import calendar
import dataclasses
import json
import random
import time
import uuid
import zlib

SEED = 20260803
MINUTE, HOUR, DAY = 60, 3600, 86400
ISSUER, PARTNER = "https://auth.example.net/", "https://login.partner.example/"


def at(text):
    """Seconds since 1970 of `MM-DD HH:MM:SS` in 2026, UTC."""
    return calendar.timegm(time.strptime("2026-" + text, "%Y-%m-%d %H:%M:%S"))


def rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


START, END = at("08-03 00:00:00"), at("11-02 00:00:00")
FIRST_ROTATION = at("08-31 10:05:00")
# The private half of the second key gets out; it is noticed, and the key is revoked.
LEAK, REVOKED = at("09-17 15:38:00"), at("09-17 16:05:00")
# The gateway fetches the set each hour, and reads its copy of the denylist once a night.
GATEWAY_FORGETS = at("09-17 17:07:00")
DENYLIST_READ, GATEWAY_LEEWAY = 2 * HOUR, MINUTE
VICTIM, LEAVER = "u-0214", "u-0117"
LEFT = at("09-30 17:00:00")

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:142.0) Gecko/20100101 Firefox/142.0"
BROWSERS = [
    FIREFOX,
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/139.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36",
]
TABLET = (
    "Mozilla/5.0 (Linux; Android 14; Tablet) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/138.0.0.0 Safari/537.36 depot-app/4.2"
)
APP = "https://app.example.net/"
PAGES = [APP, *(APP + p for p in ("shipments", "depots/7/stock", "invoices?page=2", "reports"))]
ASSETS = ["app.6f1d.css", "app.93ab.js", "logo.svg", "font.woff2"]
# Requests by the hour, from midnight on; a working day's sessions, from Monday on.
BY_HOUR = [1, 1, 0, 0, 0, 1, 4, 12, 20, 22, 21, 20, 14, 18, 21, 20, 17, 11, 6, 4, 3, 2, 2, 1]
BY_DAY = [13, 13, 14, 13, 11, 3, 2]


@dataclasses.dataclass(eq=False)
class Token:
    claims: dict
    # "ring"; "leaked": the second key in other hands; "partner": another issuer's ring.
    signer: str
    text: str = ""

    @property
    def iat(self):
        return self.claims.get("iat", 0)


@dataclasses.dataclass
class Request:
    time: int
    address: str
    agent: str
    request: str
    status: int
    size: int
    referer: str = "-"
    authorization: str = "-"
    # What replaces {0}, {1} of the other members: functions, called when all is signed.
    words: tuple = ()

    def line(self):
        """nginx's "combined", and the Authorization header."""
        words = [word() for word in self.words]
        stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(self.time))
        fields = (self.request, self.referer, self.agent, self.authorization)
        request, *quoted = (field.format(*words) for field in fields)
        quoted = " ".join(f'"{field}"' for field in quoted)
        start = f'{self.address} - - [{stamp}] "{request} HTTP/1.1"'
        return f"{start} {self.status} {self.size} {quoted}"


def segment(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def compact(value):
    return segment(json.dumps(value, separators=(",", ":")).encode())


class Gateway:
    """Requests, the tokens they carry, and the denylist. A `who` is an address and a browser."""

    def __init__(self):
        self.rng = random.Random(SEED)
        self.requests, self.tokens, self.denylist = [], [], []
        self.people = {f"u-{n:04}": self.person(n) for n in range(1, 321)}

    def person(self, n):
        where = self.rng.random()
        if where < 0.5:
            address = f"192.0.2.{self.rng.randrange(10, 40)}"
        elif where < 0.85:
            address = f"198.51.100.{self.rng.randrange(1, 250)}"
        else:
            address = f"2001:db8:40:{n:x}::{self.rng.randrange(1, 65535):x}"
        return address, self.rng.choice(BROWSERS)

    # Tokens and requests

    def token(self, sub, iat, ttl, signer="ring", scope="web", iss=ISSUER, **more):
        jti = str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
        claims = {"iss": iss, "sub": sub, "aud": "api", "scope": scope, "iat": iat}
        token = Token(claims | {"exp": iat + ttl, "jti": jti} | more, signer)
        self.tokens.append(token)
        return token

    def revoke(self, revoked_at, reason, **what):
        self.denylist.append({"iss": ISSUER} | what | {"revoked_at": revoked_at, "reason": reason})

    def accepts(self, token, now):
        """What the gateway could know at the time, which is not what an audit finds."""
        claims = token.claims
        if token.signer == "partner" or claims["iss"] != ISSUER:
            return False
        if claims["exp"] + GATEWAY_LEEWAY <= now or claims.get("nbf", 0) > now + GATEWAY_LEEWAY:
            return False
        by_second_key = token.signer == "leaked" or FIRST_ROTATION <= token.iat < REVOKED
        if by_second_key and now >= GATEWAY_FORGETS:
            return False
        night = now - (now - DENYLIST_READ) % DAY
        return not any(
            entry.get("jti") == claims["jti"]
            or entry.get("sub") == claims["sub"] and token.iat < LEFT
            for entry in self.denylist
            if entry["iss"] == ISSUER and entry["revoked_at"] <= rfc3339(night)
        )

    def ask(self, now, who, request, status=200, size=None, **more):
        if size is None:
            known = {101: 0, 204: 0, 304: 0, 401: 153}.get(status)
            size = self.rng.randrange(180, 9000) if known is None else known
        self.requests.append(Request(int(now), *who, request, status, size, **more))
        return status

    def bear(self, now, who, request, token, status=200, **more):
        """A request that carries a token where it belongs. Returns the status."""
        if not self.accepts(token, int(now)):
            status = 401
        if "words" not in more:
            more |= {"authorization": "Bearer {0}", "words": (lambda: token.text,)}
        return self.ask(now, who, request, status, **more)

    def path(self):
        number = self.rng.randrange(100000, 999999)
        small = number % 25 + 1
        paths = {
            f"GET /v1/shipments?page={small}": 20,
            f"GET /v1/shipments/{number}": 18,
            f"GET /v1/shipments/{number}/events": 12,
            f"GET /v1/depots/{small}/stock": 10,
            f"GET /v1/invoices?month=2026-{small % 4 + 5:02}": 8,
            f"GET /v1/search?q={number // 10}": 9,
            "GET /v1/reports/daily": 4,
            "POST /v1/shipments": 4,
            f"PATCH /v1/shipments/{number}": 6,
        }
        return self.rng.choices(list(paths), list(paths.values()))[0]

    def status(self, request):
        usual = self.rng.choices([200, 304, 404, 500], [90, 6, 3.6, 0.4])[0]
        return {"POST": 201, "PATCH": 204}.get(request.split()[0], usual)

    # Every day

    def days(self):
        for day in range(START, END, DAY):
            yield day, time.gmtime(day).tm_wday

    def some_time(self, day):
        hour = self.rng.choices(range(24), BY_HOUR)[0]
        return day + hour * HOUR + self.rng.randrange(HOUR)

    def everyday(self):
        people = [sub for sub in self.people if sub not in (VICTIM, LEAVER)]
        for day, weekday in self.days():
            usual = BY_DAY[weekday] + (day - START) / DAY / 45
            for _ in range(max(1, round(self.rng.gauss(usual, usual / 6)))):
                self.session(self.rng.choice(people), self.some_time(day))
            for hour in range(24):
                now = day + hour * HOUR + 17
                self.ask(now, ("192.0.2.250", "probe/1.9"), "GET /healthz", size=15)
            for _ in range(self.rng.randrange(3)):
                who = self.people[self.rng.choice(people)]
                self.ask(self.some_time(day), who, "POST /v1/session", 401, referer=APP)
            self.services(day, weekday)

    def session(self, sub, now, clock=0):
        """Somebody signs in and works for a while. `clock`: how far the signer's is ahead."""
        who, rng = self.people[sub], self.rng
        for name in rng.sample(ASSETS, 3):
            status = rng.choice([200, 304, 304])
            size = zlib.crc32(name.encode()) % 90000 if status == 200 else 0
            self.ask(now, who, f"GET /assets/{name}", status, size, referer=APP)
        first = token = self.sign_in(sub, who, now + 2, clock)
        now += 3
        habit = rng.random()
        if habit < 0.05:
            words = (lambda: first.text,)
            self.ask(now, who, "GET /v1/stream?access_token={0}&v=2", 101, words=words)
        for n in range(rng.randrange(5, 31)):
            request, more = self.path(), {"referer": rng.choice(PAGES)}
            status = self.status(request)
            if 0.05 < habit < 0.07 and n < 4 or habit > 0.95 and token is not first:
                # The page that signing in leads back to has the session in its address, for whoever
                # logs referers; later on, that is no longer the session's token.
                words = (lambda: first.text, lambda token=token: token.text)
                referer = APP + "return;session={0}"
                more = {"referer": referer, "authorization": "Bearer {1}", "words": words}
            if self.bear(now, who, request, token, status, **more) == 401:
                # Clients only learn of it from a refusal, and of those some are stubborn.
                for _ in range(rng.choice([0, 0, 1, 2])):
                    now += 1 + rng.expovariate(1 / 4)
                    self.bear(now, who, request, token)
                token = self.sign_in(sub, who, now + 2, clock)
                now += 3
            now += rng.choice([0, 1, 2, rng.expovariate(1 / 40), rng.expovariate(1 / 130)])
        if rng.random() < 0.06 and now < token.claims["exp"]:
            self.sign_out(who, token, now)

    def sign_in(self, sub, who, now, clock=0):
        self.ask(now, who, "POST /v1/session", 201, referer=APP)
        return self.token(sub, int(now) + clock, self.rng.choice([15, 30, 30, 30]) * MINUTE)

    def sign_out(self, who, token, now):
        self.bear(now, who, "DELETE /v1/session", token, 204, referer=APP)
        when = f"{rfc3339(now)[:-1]}.{self.rng.randrange(1, 1000):03}Z"
        self.revoke(when, "signed out", jti=token.claims["jti"])
        if self.rng.random() < 0.1:
            # Another tab, which has not heard of it.
            self.bear(now + 40, who, "GET /v1/reports/daily", token, referer=APP + "reports")

    def services(self, day, weekday):
        """Machines: an export each night, and a ledger three times on working days."""
        start = day + 2 * HOUR + 10 * MINUTE + self.rng.randrange(50)
        # Its auth library writes times with fractions.
        token = self.token("svc-export", start + 0.25, 3600.5, scope="export")
        for page in range(1, self.rng.randrange(14, 24)):
            request = f"GET /v1/export/shipments?page={page}"
            self.bear(start, ("192.0.2.201", "export/2.4"), request, token)
            start += self.rng.randrange(1, 9)
        for hour in (7, 12, 17) if weekday < 5 else ():
            start = day + hour * HOUR + self.rng.randrange(120)
            # Once a week its token is good only from two minutes later on; it asks until it is.
            early = weekday == 0 and hour == 7
            nbf = {"nbf": start + 2 * MINUTE} if early else {}
            token = self.token("svc-ledger", start, HOUR, scope="ledger", **nbf)
            for page in range(1, self.rng.randrange(8, 16)):
                request = f"GET /v1/invoices/export?page={page}"
                self.bear(start, ("192.0.2.202", "ledger/7.0"), request, token)
                start += 30 if early else self.rng.randrange(1, 20)
