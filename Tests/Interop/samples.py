"""The samples as an operator uses them: nginx's file in a real nginx, systemd's units in
systemd-analyze, the commands of units and of cron run for real, the metrics read by Prometheus' own
parser.

    python Tests/Interop/samples.py PATH_TO_JOTMILL [--verbose]

Ends with `samples: N passed, N failed, N skipped`; what needs a tool that is missing is skipped.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

try:
    from prometheus_client.parser import text_string_to_metric_families

    from cases import must_equal
    from harness import Disagreement, start
    from nginx import WEB_ROOT, Nginx, program
    from peers import Unsupported
except ImportError as error:
    print(f"samples: {error}; install what Tests/Interop/requirements.txt lists", file=sys.stderr)
    sys.exit(2)

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "samples"
UNITS = sorted((SAMPLES / "systemd").iterdir())
DOCUMENTS = ("/.well-known/jwks.json", "/.well-known/openid-configuration")
ISSUER = "https://auth.example.com"
PASSPHRASE = "correct horse battery staple\n"
# systemd-analyze security tells exposure from 0 to 10; in tenths, as its --threshold takes it.
EXPOSURE = 5


class Host:
    """The places of samples/README.md, in a folder, with a ring under a passphrase."""

    def __init__(self, jotmill, folder):
        self.jotmill, self.folder = jotmill, folder
        self.ring, self.web = folder / "lib/keys", folder / "www"
        self.metrics, self.passphrase = folder / "lib/metrics", folder / "etc/passphrase"
        for made in (self.metrics, self.web / ".well-known", self.passphrase.parent):
            made.mkdir(parents=True, mode=0o755)
        self.passphrase.write_text(PASSPHRASE)
        self.passphrase.chmod(0o400)
        # By a name without blanks, whatever folder the tests are run in.
        self.program = folder / "bin/jotmill"
        self.program.parent.mkdir()
        self.program.symlink_to(jotmill.path)
        self.copy = self.web / DOCUMENTS[0][1:]
        self.do("init", "--publish-to", self.copy)
        self.do("rotate", "--if-due")
        self.cache_control = self.do(
            "publish", "--discovery", "--issuer", ISSUER, "--out", self.copy
        ).splitlines()[-1]

    def do(self, command, *arguments):
        os.environ["JOTMILL_PASSPHRASE_FILE"] = str(self.passphrase)
        try:
            done = self.jotmill.output("keys", command, "--keyring", self.ring, *arguments)
        finally:
            del os.environ["JOTMILL_PASSPHRASE_FILE"]
        return done.decode()

    def moved(self, text):
        """The text of a sample with its places replaced by the ones here."""
        for old, new in (
            ("/usr/local/bin/jotmill", self.program),
            ("/var/lib/jotmill/keys", self.ring),
            ("/var/lib/jotmill/metrics", self.metrics),
            (WEB_ROOT, self.web),
            ("/etc/jotmill/passphrase", self.passphrase),
        ):
            text = text.replace(old, str(new))
        return text


# nginx ----------------------------------------------------------------------------------------


def nginx_cases(host, server):
    def get(path, **more):
        status, headers, body = server.get(path, **more)
        must_equal(f"status of {path}", status, 200)
        return headers, body

    for path in DOCUMENTS:

        def served(path=path):
            headers, body = get(path)
            must_equal("the body", body, (host.web / path[1:]).read_bytes())
            must_equal("Content-Type", headers["Content-Type"], "application/json")
            must_equal("CORS", headers["Access-Control-Allow-Origin"], "*")
            must_equal("Server", headers["Server"], "nginx")
            json.loads(body)

        def age(path=path):
            headers, _ = get(path)
            said = f"Cache-Control: {', '.join(headers.get_all('Cache-Control'))}"
            must_equal("what `keys publish` prints", host.cache_control, said)

        def unchanged(path=path):
            etag = get(path)[0]["ETag"]
            status, headers, body = server.get(path, If_None_Match=etag)
            must_equal("status", (status, body), (304, b""))
            said = f"Cache-Control: {headers['Cache-Control']}"
            must_equal("what `keys publish` prints", host.cache_control, said)

        def head(path=path):
            headers, body = get(path, method="HEAD")
            length = (host.web / path[1:]).stat().st_size
            must_equal("length and body", (headers["Content-Length"], body), (str(length), b""))

        def other_methods(path=path):
            for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
                status, headers, _ = server.get(path, method=method, body=b"{}")
                must_equal(f"{method}", (status, headers["Allow"]), (405, "GET, HEAD"))

        yield f"{path}: the copy, as JSON, for any page", served
        yield f"{path}: the Cache-Control that `keys publish` prints", age
        yield f"{path}: 304 for its own ETag", unchanged
        yield f"{path}: HEAD", head
        yield f"{path}: 405 for other methods, with Allow", other_methods

    def nothing_else():
        # As if somebody had put the ring below the web root, for all to read.
        private = host.web / "private"
        private.mkdir(mode=0o755)
        (private / "KID.jwk").write_text("SECRET")
        (host.web / ".well-known/.jwks.json.new").write_text("SECRET")
        (host.web / ".well-known/jwks.json.bak").write_text("SECRET")
        wanted = [
            "/", "/.well-known", "/.well-known/", "/private", "/private/", "/private/KID.jwk",
            "/.well-known/.jwks.json.new", "/.well-known/jwks.json.bak", "/.well-known/jwks.json/",
            "/.well-known/../private/KID.jwk", "/.well-known/%2e%2e/private/KID.jwk",
            "/.well-known/..%2fprivate/KID.jwk", "/.well-known/jwks.json%00", "/jwks.json",
            "/../lib/keys/keyring.json", "/%2e%2e/lib/keys/keyring.json", "/keyring.json",
            "//private/KID.jwk", "/.well-known/jwks.json/../../private/KID.jwk",
        ]  # fmt: skip
        for path in wanted:
            status, headers, body = server.get(path)
            # nginx answers 400 to a path that leaves the root.
            leaves = any(part in path for part in ("%00", "..", "%2e"))
            if status != 404 and not (status == 400 and leaves):
                raise Disagreement(f"{path}: status {status}")
            if b"SECRET" in body or headers["Cache-Control"]:
                raise Disagreement(f"{path}: says too much, or may be cached")

    yield "404 for all else, a private folder included", nothing_else

    def no_links():
        path = host.web / DOCUMENTS[1][1:]
        kept = path.read_bytes()
        path.unlink()
        path.symlink_to(host.ring / "keyring.json")
        try:
            status, _, body = server.get(DOCUMENTS[1])
            if status not in (403, 404) or b"policy" in body:
                raise Disagreement(f"status {status}")
        finally:
            path.unlink()
            path.write_bytes(kept)

    yield "a symbolic link leads nowhere", no_links

    def replaced():
        headers, body = get(DOCUMENTS[0])
        host.do("rotate", "--now", "--emergency")
        # At once: nothing between the file and the verifier keeps the old one.
        status, fresh, now = server.get(DOCUMENTS[0], If_None_Match=headers["ETag"])
        must_equal("status", status, 200)
        must_equal("the set", now, (host.ring / "jwks.json").read_bytes())
        if now == body or fresh["ETag"] == headers["ETag"]:
            raise Disagreement("the set or its ETag is the old one")

    yield "a new set is served at once", replaced


# systemd --------------------------------------------------------------------------------------


def systemd_analyze(*arguments):
    tool = shutil.which("systemd-analyze")
    if tool is None:
        raise Unsupported("systemd-analyze is not installed")
    return subprocess.run(
        [tool, *map(str, arguments)], capture_output=True, text=True, timeout=60,
        env=os.environ | {"SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": "", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip


def systemd_cases(host):
    folder = host.folder / "units"
    folder.mkdir()
    for unit in UNITS:
        (folder / unit.name).write_text(host.moved(unit.read_text()))

    def accepted():
        done = systemd_analyze("verify", *(folder / unit.name for unit in UNITS))
        said = (done.stdout + done.stderr).strip()
        # It speaks of the host's own units too.
        if done.returncode != 0 or "jotmill" in said:
            raise Disagreement(f"systemd-analyze verify: status {done.returncode}: {said}")

    yield "systemd-analyze accepts the units", accepted
    for unit in UNITS:
        if unit.suffix != ".service":
            continue

        def exposed(unit=unit):
            asked = ("--offline=yes", f"--threshold={EXPOSURE}", folder / unit.name)
            done = systemd_analyze("security", *asked)
            if "unrecognized option" in done.stderr:
                raise Unsupported("this systemd-analyze can't rate a file")
            found = re.search(r"Overall exposure level.*: ([\d.]+)", done.stdout)
            if done.returncode != 0 or not found:
                raise Disagreement(f"{done.returncode}: {done.stdout[-300:]} {done.stderr}")
            print(f"systemd-analyze security {unit.name}: {found[1]}")

        yield f"{unit.name} is hardly exposed", exposed

        def command(unit=unit):
            text = host.moved(unit.read_text())
            (line,) = re.findall(r"^ExecStart=(.*)$", text, re.M)
            environment = {}
            for name, source in re.findall(r"^LoadCredential=([^:]+):(.*)$", text, re.M):
                folder = host.folder / f"credentials-{unit.stem}"
                folder.mkdir(mode=0o700)
                shutil.copy2(source, folder / name)
                environment["CREDENTIALS_DIRECTORY"] = str(folder)
            (umask,) = re.findall(r"^UMask=(\d+)$", text, re.M)
            done = host.jotmill.run(
                *line.split()[1:], env=os.environ | environment, umask=int(umask, 8)
            )
            must_equal("its status and words", (done.returncode, done.stderr), (0, b""))

        yield f"{unit.name}: its command does it", command

    def readable():
        # The umask of the units must close neither the copies nor the metrics.
        for path in (host.copy, host.ring / "jwks.json", host.metrics / "jotmill.prom"):
            must_equal(f"mode of {path.name}", oct(path.stat().st_mode & 0o777), oct(0o644))

    yield "what is published is readable by all", readable

    def timers():
        for unit in UNITS:
            for when in re.findall(r"^OnCalendar=(.*)$", unit.read_text(), re.M):
                if systemd_analyze("calendar", when).returncode != 0:
                    raise Disagreement(f"{unit.name}: no time: {when}")
            if unit.suffix == ".timer" and not unit.with_suffix(".service").exists():
                raise Disagreement(f"{unit.name} starts nothing")

    yield "each timer names times and a service", timers


# cron -----------------------------------------------------------------------------------------


def cron_cases(host):
    """crontab(5): assignments, and lines of five fields, a user and a command up to a `%`."""
    sample = SAMPLES / "cron/jotmill"
    environment, jobs = {}, []
    for line in host.moved(sample.read_text()).splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if found := re.fullmatch(r"(\w+)=(.*)", line):
            environment[found[1]] = found[2]
        else:
            jobs.append(line.split(None, 6))

    def run(job):
        # The program as PATH would find it, and nothing else of the caller's environment.
        path = f"{host.program.parent}:{environment['PATH']}"
        return subprocess.run(
            [environment["SHELL"], "-c", job[6]], capture_output=True, text=True, timeout=60,
            env=environment | {"PATH": path}, cwd="/",
        )  # fmt: skip

    def well_formed():
        must_equal("jobs", len(jobs), 2)
        for job in jobs:
            times = re.fullmatch(r"[\d*/,-]+", "".join(job[:5]))
            if not times or job[5] != "jotmill" or "%" in job[6]:
                raise Disagreement(f"{job}")
        if not sample.read_text().endswith("\n") or sample.stat().st_mode & 0o111:
            raise Disagreement("cron wants a newline at the end, and needs no program")

    def quiet():
        for job in jobs:
            done = run(job)
            must_equal(f"{job[6]}", (done.returncode, done.stdout, done.stderr), (0, "", ""))

    def tells():
        half = next((host.ring / "private").iterdir())
        half.chmod(0o644)
        try:
            audit = run(next(job for job in jobs if "audit" in job[6]))
        finally:
            half.chmod(0o600)
        if "permissions: " not in audit.stdout:
            raise Disagreement(f"the audit says {audit.stdout!r}")

    yield "cron's file is well formed", well_formed
    yield "cron's commands say nothing where all is well", quiet
    yield "cron's audit says what is wrong", tells


# Metrics --------------------------------------------------------------------------------------


def metrics_cases(host):
    file = host.folder / "test.prom"

    def families(ring, status):
        done = host.jotmill.run("keys", "audit", "--json", "--keyring", ring, "--prometheus", file)
        must_equal("the audit's status", done.returncode, status)
        text = file.read_text()
        parsed = {family.name: family for family in text_string_to_metric_families(text)}
        for name, family in parsed.items():
            must_equal(f"type of {name}", (family.type, bool(family.documentation)), ("gauge", True))
            for sample in family.samples:
                must_equal(f"ring of {name}", sample.labels["ring"], str(ring))
        return parsed, json.loads(done.stdout)

    def agrees():
        parsed, audit = families(host.ring, 0)
        listed = json.loads(host.do("list", "--json"))["keys"]
        phases = {sample.labels["phase"]: sample.value for sample in parsed["jotmill_keys"].samples}
        for phase in phases:
            must_equal(phase, phases[phase], sum(key["phase"] == phase for key in listed))
        must_equal("all keys", sum(phases.values()), len(listed))
        must_equal("findings", total(parsed), len(audit["findings"]))
        (signing,) = parsed["jotmill_signing_key_activation_seconds"].samples
        (kid,) = [key["kid"] for key in listed if key["signs"]]
        must_equal("who signs", signing.labels["kid"], kid)

    def total(parsed):
        return sum(sample.value for sample in parsed["jotmill_audit_findings"].samples)

    def finds():
        half = next((host.ring / "private").iterdir())
        half.chmod(0o644)
        try:
            parsed, audit = families(host.ring, 1)
        finally:
            half.chmod(0o600)
        must_equal("findings", total(parsed), len(audit["findings"]))
        found = {s.labels["code"]: s.value for s in parsed["jotmill_audit_findings"].samples}
        must_equal("permissions", found["permissions"], 1)

    def odd_names():
        ring = host.folder / 'a "ring" \\n in\na folder'
        host.jotmill.output("keys", "init", "--keyring", ring, "--alg", "EdDSA")
        families(ring, 0)

    yield "metrics agree with list and audit", agrees
    yield "metrics tell of findings", finds
    yield "metrics name a ring with an odd name", odd_names


# All of it ------------------------------------------------------------------------------------


def places_cases():
    """README.md and the samples must speak of the same places."""
    readme = (SAMPLES / "README.md").read_text()
    known = {
        "/var/lib/jotmill", "/var/lib/jotmill/keys", "/var/lib/jotmill/metrics",
        "/var/lib/jotmill/metrics/jotmill.prom", WEB_ROOT, f"{WEB_ROOT}/.well-known",
        f"{WEB_ROOT}/.well-known/jwks.json", "/etc/jotmill", "/etc/jotmill/passphrase",
    }  # fmt: skip
    files = [SAMPLES / "README.md", SAMPLES / "cron/jotmill", SAMPLES / "nginx/jotmill.conf", *UNITS]

    def same():
        for file in files:
            named = re.findall(r"/(?:var|etc)/(?:lib/|www/)?jotmill[\w./-]*", file.read_text())
            if strange := {path.rstrip("./") for path in named} - known:
                raise Disagreement(f"{file.name} names {strange}")

    def listed():
        for folder in ("cron", "nginx", "systemd"):
            for file in (SAMPLES / folder).iterdir():
                if f"{folder}/{file.stem}" not in readme:
                    raise Disagreement(f"README.md does not name {file.name}")

    yield "all samples name the same places", same
    yield "README.md names each file", listed


def main():
    jotmill, tally = start("jotmill's samples in nginx, systemd, cron and Prometheus")

    def all_of(group, cases):
        for name, body in cases:
            tally.case(group, "-", name, body)

    with tempfile.TemporaryDirectory(prefix="jotmill-samples-") as name:
        folder = pathlib.Path(name)
        # nginx's workers may be another user.
        folder.chmod(0o711)
        host = Host(jotmill, folder)
        all_of("README", places_cases())
        try:
            program()
            server = Nginx(folder / "nginx", host.web)
            with server:
                tally.case("nginx", "-", "nginx -t", server.test)
                all_of("nginx", nginx_cases(host, server))
        except (Unsupported, Disagreement) as error:
            tally.outcome("nginx", "nginx serves the sample", error)
        all_of("systemd", systemd_cases(host))
        all_of("cron", cron_cases(host))
        all_of("Prometheus", metrics_cases(host))
    tally.show_skips("a tool is missing")
    return tally.finish("samples")


if __name__ == "__main__":
    sys.exit(main())
