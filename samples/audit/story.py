"""What happened at the gateway of Example Freight beside its everyday traffic. README.md tells it.

Owns the incidents, the mistakes of clients, and the noise of bots and strangers.
"""

import base64
import hashlib
import hmac
import json

from traffic import (
    APP, BROWSERS, DAY, FIREFOX, HOUR, ISSUER, LEAVER, LEFT, MINUTE, PARTNER, TABLET, VICTIM,
    Gateway, at, compact, rfc3339, segment,
)  # fmt: skip

STAGING = "https://auth.staging.example.net/"
# A tablet's token is stolen; it is noticed, and the token is put on the denylist.
THEFT_NOTICED = at("10-09 09:26:40")
NEXT_YEAR = at("12-31 00:00:00")
THIEF = "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0"
SCRIPT, SCANNER = "python-requests/2.32.3", "scan/0.3"


class Story(Gateway):
    # For those who forge: a published key, once there is one.
    public_key = None

    def happen(self):
        # Ahead of the traffic, so that the gateway knows of it while that goes by.
        self.revoke(rfc3339(LEFT), "left the company", sub=LEAVER, before=rfc3339(LEFT))
        self.revoke("2026-08-21T11:00:00Z", "another issuer's", iss=PARTNER, family="f-19")
        self.everyday()
        for sub in ("u-0031", LEAVER, "u-0158", VICTIM, "u-0266"):
            self.tablet(sub)
        self.leak()
        self.clock_ahead()
        self.bots()
        self.forgers()
        self.strangers()
        self.clients()
        self.denylist.sort(key=lambda entry: entry["revoked_at"])

    def say(self, now, who, request, word, status=401, **more):
        """A request with a word of its own, given as a function, in place of a token."""
        more = {"authorization": "Bearer {0}"} | more
        self.ask(now, who, request, status, words=(word,), **more)

    # The stolen token

    def tablet(self, sub):
        """A depot's tablet: a token of seven days, two rounds each working day."""
        who = (f"198.51.100.{self.rng.randrange(1, 250)}", TABLET)
        requests = [f"{what}?depot={self.rng.randrange(1, 25)}" for what in
                    ("GET /v1/sync", "POST /v1/scans")]  # fmt: skip
        token = None
        for day, weekday in self.days():
            for hour in (7, 13) if weekday < 5 else ():
                now = day + hour * HOUR + self.rng.randrange(2 * HOUR)
                has_left = sub == LEAVER and now > LEFT
                if has_left and now > LEFT + 7 * DAY:
                    return
                if sub == VICTIM and hour == 7 and day <= THEFT_NOTICED < day + DAY:
                    token = self.noticed(token, who, requests)
                    continue
                if token is None or now > token.iat + 6 * DAY and not has_left:
                    token = self.pair(sub, who, now)
                now += 2
                for _ in range(self.rng.randrange(2, 7)):
                    if self.bear(now, who, self.rng.choice(requests), token) == 401:
                        if has_left:
                            break
                        token = self.pair(sub, who, now + 20)
                        now += 22
                    now += self.rng.randrange(1, 12)
            if sub == VICTIM and day == at("10-07 00:00:00"):
                self.theft(token)

    def pair(self, sub, who, now):
        self.ask(now, who, "POST /v1/devices/pair", 201)
        return self.token(sub, int(now) + 1, 7 * DAY, scope="depot")

    def noticed(self, stolen, who, requests):
        """The owner's tablet asks twice more before it is paired again."""
        for when, request in ("09:20:03", 0), ("09:31:44", 0), ("09:31:49", 1):
            self.bear(at(f"10-09 {when}"), who, requests[request], stolen)
        return self.pair(VICTIM, who, at("10-09 09:40:12"))

    def theft(self, stolen):
        who, page = ("203.0.113.77", THIEF), 0

        def visit(start, count, who=who):
            nonlocal page
            now = at(start)
            for _ in range(count):
                page += 1
                self.bear(now, who, f"GET /v1/customers?page={page}", stolen)
                now += self.rng.randrange(1, 25)

        visit("10-07 21:48:11", 12)
        visit("10-08 01:10:40", 31)
        visit("10-08 20:02:05", 36)
        # In the second in which it is revoked: whether before, the log can't say.
        visit("10-09 09:26:40", 1)
        when = rfc3339(THEFT_NOTICED)[:-1] + ".250Z"
        what = {name: stolen.claims[name] for name in ("jti", "exp")}
        self.revoke(when, "stolen, ticket 4711", **what)
        visit("10-09 11:30:52", 25)
        visit("10-09 22:14:09", 30)
        # Behind another issuer's token, for those who look at a line's first one alone.
        decoy = self.token("guest", at("10-09 22:00:00"), HOUR, "partner", iss=PARTNER)
        self.ask(
            at("10-09 22:31:00"), (who[0], THIEF + " {0}"), "GET /v1/customers/export",
            authorization="Bearer {1}", words=(lambda: decoy.text, lambda: stolen.text),
        )  # fmt: skip
        visit("10-10 02:00:21", 4)
        visit("10-10 02:01:55", 2, ("203.0.113.91", SCRIPT))
        visit("10-10 14:20:00", 3)
        visit("10-14 09:05:30", 2)

    # The leaked key

    def leak(self):
        """Whoever opened that ticket signs tokens with the second key."""

        def forge(iat, ttl):
            return self.token("u-0007", at(iat), ttl, "leaked", scope="admin")

        def use(token, start, count, address="203.0.113.202", step=40):
            now = at(start)
            for page in range(1, count + 1):
                self.bear(now, (address, SCRIPT), f"GET /v1/admin/customers?page={page}", token)
                now += self.rng.randrange(1, step)

        # People who sign in while nobody knows: nothing tells their tokens from forged ones.
        for sub, when in ("u-0143", "15:41:20"), ("u-0052", "15:49:07"), ("u-0288", "16:01:33"):
            self.session(sub, at(f"09-17 {when}"))
        # Backdated to before the key was revoked, not to before it got out.
        use(forge("09-17 15:52:10", 8 * HOUR), "09-17 16:22:35", 34, "203.0.113.201")
        # Later than the key signed; the gateway knows the key until it fetches the set again.
        use(forge("09-17 16:41:00", DAY), "09-17 16:43:02", 41, "203.0.113.201", step=75)
        use(forge("09-20 03:00:00", 30 * DAY), "09-21 03:12:54", 6)
        use(forge("09-17 16:50:00", DAY), "09-29 23:40:00", 3)
        # Backdated to long before; but the key does not live until the end of the year.
        iat = "09-10 12:00:00"
        use(forge(iat, NEXT_YEAR - at(iat)), "10-03 04:31:17", 7)
        timeless = forge("10-03 05:00:00", 5 * DAY)
        del timeless.claims["iat"]
        use(timeless, "10-03 05:02:02", 2)

    def clock_ahead(self):
        """For two hours the auth server's clock is 45 seconds ahead: the gateway's leeway is 60."""
        start = at("10-14 13:00:00")
        for _ in range(7):
            sub = f"u-{self.rng.randrange(220, 320):04}"
            self.session(sub, start + self.rng.randrange(2 * HOUR), clock=45)
        # A second early, whatever part of the second it was.
        token = self.token("u-0044", start + 1801, 30 * MINUTE)
        self.bear(start + 1800, self.people["u-0044"], "GET /v1/reports/daily", token)

    # Noise

    def bots(self):
        """With an account of its own, one tries the claims of others under its own signature."""
        own = self.token("u-0300", at("08-26 03:11:00"), 30 * MINUTE)
        who, now = ("203.0.113.44", SCANNER), at("08-26 03:12:00")
        self.bear(now, who, "GET /v1/shipments?page=1", own)

        def claiming(sub):
            header, _, signature = own.text.split(".")
            return f"{header}.{compact(own.claims | {'sub': sub, 'scope': 'admin'})}.{signature}"

        for n in range(1, 61):
            now += self.rng.randrange(1, 4)
            self.say(now, who, f"GET /v1/admin/users/{n}", lambda n=n: claiming(f"u-{n:04}"))
        for path in ("/.env", "/wp-login.php", "/v1/admin", "/actuator/health", "/.git/config"):
            now += self.rng.randrange(1, 9)
            self.ask(now, who, f"GET {path}", 404)
        decoy = self.token("guest", at("08-26 02:00:00"), DAY, "partner", iss=PARTNER)
        who = (who[0], "Mozilla/5.0 (compatible; {0})")
        self.say(now + 3, who, "GET /v1/users/me", lambda: decoy.text, authorization="-")

    def forgers(self):
        """Without any key: `none`, and HS256 with a public key for its secret."""
        who, now = ("203.0.113.45", SCANNER), at("09-06 04:40:00")
        claims = {"iss": ISSUER, "sub": "u-0001", "scope": "admin", "exp": NEXT_YEAR}
        for n in range(48):
            header = {"alg": ("none", "None", "NONE", "nOnE")[n % 4], "typ": "JWT"}
            word = f"{compact(header)}.{compact(claims | {'sub': f'u-{n:04}'})}."
            self.say(now + 3 * n, who, "GET /v1/admin/users", lambda word=word: word)

        def confused():
            text = f"{compact({'alg': 'HS256', 'kid': self.public_key['kid']})}.{compact(claims)}"
            secret = json.dumps(self.public_key).encode()
            return f"{text}.{segment(hmac.digest(secret, text.encode(), hashlib.sha256))}"

        for n in range(12):
            self.say(now + 600 + 2 * n, who, f"GET /v1/admin/users/{n}", confused)

    def strangers(self):
        """Tokens and passwords that were meant for somebody else."""
        rng = self.rng
        # A partner's new client asks with what its own issuer gave it.
        for day, hours in ("08-19", 9), ("08-20", 8):
            for hour in range(hours):
                now = at(f"{day} 06:30:00") + hour * HOUR
                token = self.token("acme", now, HOUR, "partner", iss=PARTNER)
                for n in range(rng.randrange(5, 10)):
                    self.bear(now, ("198.51.100.251", SCRIPT), f"GET /v1/orders?page={n}", token)
                    now += rng.randrange(2, 60)
        # Staging was set up with a copy of the ring. Left open, it is expired as well.
        now, page = at("09-02 13:10:00"), "https://app.staging.example.net/"
        token = self.token("u-0012", now, 30 * MINUTE, iss=STAGING)
        for _ in range(24):
            self.bear(now, self.people["u-0012"], self.path(), token, referer=page)
            now += rng.randrange(20, 170)
        for day, _ in self.days():
            for _ in range(rng.choice([0, 1, 1, 2])):
                pair = base64.b64encode(f"backup:{rng.randrange(10**9)}".encode()).decode()
                who = ("192.0.2.77", "curl/8.5.0")
                basic = {"authorization": f"Basic {pair}"}
                self.ask(self.some_time(day), who, "GET /v1/export/shipments", 401, **basic)
            if rng.random() < 0.6:
                page = rng.choice(["www.example.org", "docs.partner.example", "a.b.example/x.y.z"])
                who = (f"203.0.113.{rng.randrange(100, 190)}", FIREFOX)
                self.ask(self.some_time(day), who, "GET /", 302, referer=f"https://{page}/")

    def clients(self):
        """Clients with bugs."""
        rng = self.rng
        # A build that cuts the header: within the signature, before it, in the claims.
        for n, cut in enumerate([1, 2, 6, 25, 86, 87, 150, 240] * 3):
            sub, now = f"u-{rng.randrange(1, 320):04}", at("09-23 08:00:00") + n * 1170
            token = self.token(sub, now - 60, 30 * MINUTE)
            word = lambda token=token, cut=cut: token.text[:-cut]  # noqa: E731
            self.say(now, self.people[sub], "GET /v1/shipments?page=1", word)
        parts = [rng.getrandbits(8 * n).to_bytes(n, "big") for n in (256, 12, 180, 16)]
        jwe = ".".join(
            [compact({"alg": "RSA-OAEP-256", "enc": "A256GCM"}), *map(segment, parts)]
        )
        who = ("198.51.100.251", SCRIPT)
        self.say(at("10-22 10:41:19"), who, "GET /v1/orders?page=0", lambda: jwe)
        # A dashboard on a wall, over a weekend.
        now = at("09-11 16:02:00")
        token = self.token("u-0090", now, HOUR)
        while now < at("09-14 06:30:00"):
            who = ("192.0.2.39", BROWSERS[2])
            self.bear(now, who, "GET /v1/depots/3/stock", token, referer=APP + "wall")
            now += 20 * MINUTE + rng.randrange(3)
        # Around the very second in which a token expires.
        token = self.token("u-0061", at("10-20 09:00:00"), 15 * MINUTE)
        for seconds in (-2, -1, 0, 1):
            now = token.claims["exp"] + seconds
            self.bear(now, self.people["u-0061"], "GET /v1/reports/daily", token, referer=APP)
