"""Cases of webservice.py: users who come and go, the jotmills beside the service, and its end.

Owns what happens to processes. Ends only those of the service that was started here, by their ids.
"""

import json
import os
import pathlib
import re
import signal
import threading
import time

from cases import must_equal
from harness import Disagreement
from warehouse import DISABLED, PASSWORDS, answer, claims_of, refused


# Users who come and go ------------------------------------------------------------------------


def user_cases(house):
    ring = house.ring

    def me_is_gone(access):
        refused(house.ask("GET", "/users/me/", access))

    def has_no_login(name):
        asked = {"username": name, "password": PASSWORDS[name]}
        refused(house.ask("POST", "/login", json=asked), "Bad username or password", None)

    def disabled():
        tokens = house.login("rose")
        access, refresh = tokens["access_token"], tokens["refresh_token"]
        ring.users("disable", "rose")
        me_is_gone(access)
        house.is_no_refresh(refresh)
        has_no_login("rose")
        # As README.md says: routes that ask for a token only go by what it says.
        house.is_good(access)
        ring.users("enable", "rose")
        answer(house.ask("GET", "/users/me/", access), 200)
        # The attempt has not spent it.
        house.refresh(refresh)

    def removed():
        tokens = house.login("rose")
        ring.users("remove", "rose")
        me_is_gone(tokens["access_token"])
        house.is_no_refresh(tokens["refresh_token"])
        has_no_login("rose")

    def strangers():
        for sub in ("nobody", "ADA", "ada@example.com"):
            me_is_gone(ring.sign({"sub": sub, "fresh": True}))

    def registered():
        new = {"username": "-hedy", "email": "hedy@example.com", "password": "88 piano keys"}
        body = answer(house.ask("POST", "/users/", json=new), 201)
        must_equal("what it says", body, {"username": "-hedy", "email": "hedy@example.com"})
        asked = {"username": "-hedy", "password": new["password"]}
        tokens = answer(house.ask("POST", "/login", json=asked), 200)
        me = answer(house.ask("GET", "/users/me/", tokens["access_token"]), 200)
        must_equal("me", me, body)

    def known():
        for email in ("ada@example.com", "Ada@Example.com"):
            new = {"username": "other", "email": email, "password": "pass word"}
            answer(house.ask("POST", "/users/", json=new), 400, "Email already registered")
        for change in (
            {"username": "ADA"}, {"username": "a b"}, {"username": ""}, {"email": "no address"},
            {"password": ""}, {"password": "two\nlines"}, {"password": "a line\n"},
        ):  # fmt: skip
            new = {"username": "other", "email": "o@example.com", "password": "pass word"} | change
            answer(house.ask("POST", "/users/", json=new), 400)
        for change in ({"username": "a\0b"}, {"password": None}, {"email": "x" * 300}):
            new = {"username": "other", "email": "o@example.com", "password": "pass word"} | change
            answer(house.ask("POST", "/users/", json=new), 422)
        if "other" in ring.users("list"):
            raise Disagreement("a user was added who was refused")

    yield "a user who is disabled, and enabled again", disabled
    yield "a user who is removed", removed
    yield "tokens of nobody", strangers
    yield "a user who registers", registered
    yield "who can't register", known


# The jotmills beside it -----------------------------------------------------------------------


def child_cases(house):
    def killed(word):
        pids = house.children(word)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return len(pids)

    def restarted():
        tokens = house.login()
        access, refresh = tokens["access_token"], tokens["refresh_token"]
        must_equal("grants killed", killed("grant"), 2)
        house.is_good(house.login()["access_token"])
        must_equal("one login's child is back", len(house.children("grant")), 1)
        house.is_good(house.refresh(refresh)["access_token"])
        must_equal("both are back", len(house.children("grant")), 2)
        must_equal("revokes killed", killed("revoke"), 1)
        answer(house.ask("DELETE", "/access-revoke", access), 200)
        house.is_refused(access)

    def in_flight():
        """Who had no answer when it died is answered by the next one."""
        (pid,) = [pid for pid in house.children("grant") if is_login(pid)]
        os.kill(pid, signal.SIGSTOP)
        asked = {"username": "ada", "password": PASSWORDS["ada"]}
        timer = threading.Timer(0.5, lambda: os.kill(pid, signal.SIGKILL))
        timer.start()
        answers = house.at_once(*[("POST", "/login", None, {"json": asked})] * 4)
        timer.join()
        for response in answers:
            house.is_good(answer(response, 200)["access_token"])

    def is_login(pid):
        """The one that a login wakes: its processor time grows."""
        before = spent_time(pid)
        house.login()
        return spent_time(pid) > before

    def many():
        """Fifty at once, each answered for what it asked."""
        names = ["ada", "grace", "joevu", "nobody", DISABLED]
        asked = [(names[n % 5], n % 7 != 0) for n in range(50)]
        requests = []
        for name, is_right in asked:
            password = PASSWORDS.get(name, "x") if is_right else "wrong"
            body = {"username": name, "password": password}
            requests.append(("POST", "/login", None, {"json": body}))
        began = time.monotonic()
        answers = house.at_once(*requests)
        print(f"webservice: {len(asked)} logins at once in {time.monotonic() - began:.1f} s")
        for (name, is_right), response in zip(asked, answers, strict=True):
            if is_right and name in ("ada", "grace", "joevu"):
                tokens = answer(response, 200)
                must_equal("whose", claims_of(tokens["access_token"])["sub"], name)
            else:
                refused(response, "Bad username or password", None)

    def full():
        """A jotmill that stands still holds up no more than a hundred."""
        busy = []

        def seen(response):
            if response.status_code == 503:
                busy.append(response)
            if len(busy) == 20:
                tell(signal.SIGCONT)

        def tell(number):
            for pid in house.children("grant"):
                os.kill(pid, number)

        tell(signal.SIGSTOP)
        try:
            answers = house.at_once(*[("POST", "/refresh", "x", {})] * 120, seen=seen)
        finally:
            tell(signal.SIGCONT)
        statuses = sorted(response.status_code for response in answers)
        must_equal("statuses", statuses, [401] * 100 + [503] * 20)
        must_equal("Retry-After", {one.headers["Retry-After"] for one in busy}, {"1"})

    yield "children killed between requests", restarted
    yield "a child killed while logins wait for it", in_flight
    yield "fifty logins at once", many
    yield "no more than a hundred wait", full


def spent_time(pid):
    """Of the processor, in ticks: utime and stime of proc(5)."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


# The end --------------------------------------------------------------------------------------


def last_cases(house, pid):
    def same():
        must_equal("the service's process", (house.process.pid, house.process.poll()), (pid, None))

    def quiet():
        text = house.said()
        for name, password in PASSWORDS.items():
            spellings = (password, password.split()[0], json.dumps(password)[1:-1])
            if any(spelling in text for spelling in spellings):
                raise Disagreement(f"the log has {name}'s password")
        if re.search(r"eyJ[\w-]{10,}", text):
            raise Disagreement("the log has a piece of a token")

    def ends():
        pids = house.children("grant") + house.children("revoke")
        must_equal("children", len(pids), 3)
        must_equal("exit status", house.stop() in (0, -signal.SIGTERM), True)
        left = [pid for pid in pids if pathlib.Path(f"/proc/{pid}").exists()]
        must_equal("children left", left, [])

    yield "all this was one process", same
    yield "no password and no token in the log", quiet
    yield "it ends, and its children with it", ends
