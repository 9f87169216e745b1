"""A real nginx on the loopback that serves with the file of samples/nginx/.

Owns the process, its folder, and the few places in the sample that have to differ here: the port,
the certificate, the folders and, where asked, max-age. Each must be found in the sample, so that a
change of the sample shows. The nginx.conf around it holds settings that the sample has to override.
"""

import contextlib
import ctypes
import datetime
import http.client
import ipaddress
import os
import pathlib
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness import Disagreement
from peers import Unsupported

SAMPLE = pathlib.Path(__file__).resolve().parents[2] / "samples/nginx/jotmill.conf"
WEB_ROOT = "/var/www/jotmill"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def program():
    """The path of nginx, which is not in every user's PATH."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin:/usr/local/sbin")
    if found is None:
        raise Unsupported("nginx is not installed")
    return found


class Nginx:
    """Runs while the block does. `web` stands for /var/www/jotmill; `folder` is its own."""

    def __init__(self, folder, web, max_age=None):
        self.folder, self.web, self.max_age = folder, web, max_age
        self.process = None
        self.port = 0
        folder.mkdir()
        self._certify()
        self.context = ssl.create_default_context(cafile=str(folder / "cert.pem"))

    def __enter__(self):
        for _ in range(3):
            # Free now; should another program take it meanwhile, nginx says so and ends.
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
            self._configure()
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, preexec_fn=die_with_parent,
            )  # fmt: skip
            try:
                if self._answers():
                    return self
            except BaseException:
                self.__exit__()
                raise
            self.__exit__()
        said = (self.folder / "error.log").read_text(errors="replace")
        raise Disagreement(f"nginx does not answer: {' '.join(said.split()) or 'no words'}")

    def __exit__(self, *_):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def command(self, *more):
        error_log = str(self.folder / "error.log")
        conf = str(self.folder / "nginx.conf")
        return [program(), "-p", str(self.folder), "-e", error_log, "-c", conf, *more]

    def test(self):
        """What `nginx -t` says; it must find nothing to complain of."""
        done = subprocess.run(self.command("-t"), capture_output=True, text=True, timeout=30)
        if done.returncode != 0 or "[warn]" in done.stderr:
            raise Disagreement(f"nginx -t: status {done.returncode}: {done.stderr.strip()}")

    def url(self, path):
        return f"https://127.0.0.1:{self.port}{path}"

    def get(self, path, method="GET", body=None, **headers):
        """(status, headers, body). The path goes out as it is, `..` and all."""
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=10, context=self.context
        )
        with contextlib.closing(connection):
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def _answers(self):
        """Whether it listens, before long; not if it has ended."""
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return True
            time.sleep(0.02)
        return False

    def _configure(self):
        text = SAMPLE.read_text()
        changes = [
            ("listen 443 ssl;", f"listen 127.0.0.1:{self.port} ssl;"),
            ("listen [::]:443 ssl;", ""),
            ("/etc/ssl/certs/auth.example.com.pem", self.folder / "cert.pem"),
            ("/etc/ssl/private/auth.example.com.key", self.folder / "key.pem"),
            (f"root {WEB_ROOT};", f'root "{self.web}";'),
        ]
        if self.max_age is not None:
            changes.append(("max-age=3600", f"max-age={self.max_age}"))
        for old, new in changes:
            if text.count(old) != 1:
                raise Disagreement(f"{SAMPLE.name} has {old!r} {text.count(old)} times, not once")
            text = text.replace(old, str(new))
        (self.folder / "jotmill.conf").write_text(text)
        (self.folder / "nginx.conf").write_text(self._around())

    def _around(self):
        """An nginx.conf as a host might have it, with what would be bad for the sample's files."""
        lines = ["daemon off;", "worker_processes 1;", f"pid {self.folder}/nginx.pid;"]
        if os.getuid() == 0:
            # As on a host: the workers are somebody who owns none of the files.
            names = {entry.pw_name for entry in pwd.getpwall()}
            lines.append(f"user {'www-data' if 'www-data' in names else 'nobody'};")
        lines += ["events { worker_connections 64; }", "http {", "  default_type text/plain;"]
        lines += ["  open_file_cache max=100;", "  open_file_cache_valid 1h;", "  autoindex on;"]
        lines += ["  types { text/html json; }", f"  access_log {self.folder}/access.log;"]
        lines += [f"  {name}_temp_path {self.folder}/{name};" for name in TEMPORARY]
        return "\n".join([*lines, "  include jotmill.conf;", "}", ""])

    def _certify(self):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "interop")])
        now = datetime.datetime.now(datetime.timezone.utc)
        day = datetime.timedelta(days=1)
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        public = key.public_key()
        built = (
            x509.CertificateBuilder(name, name, public, x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + day)
            .add_extension(address, critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
            .sign(key, hashes.SHA256())
        )
        (self.folder / "cert.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
        (self.folder / "key.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )  # fmt: skip


def die_with_parent():
    """Should the tests be killed, nginx is told to end (prctl(2), PR_SET_PDEATHSIG)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)
