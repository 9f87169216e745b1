"""jotmill's JSON Schema subset held against Python's jsonschema, on random schemas and values.

    python Tests/Interop/schema.py --write FILE [--count N] [--seed N]
    python Tests/Interop/schema.py PATH_TO_JOTMILL [--count N] [--seed N] [--verbose]

The first form writes the pairs as lines {"schema":…,"instance":…,"valid":…} for the Swift test
that reads JOTMILL_SCHEMA_PAIRS; the second signs the values as claims and runs
`jotmill verify --schema`.
Ends with `schema: N passed, N failed, N skipped`, or with what it wrote.

Numbers are judged as Decimals, so that jsonschema compares them exactly. Formats are jsonschema's,
tightened by `Formats`, whose comments say where jsonschema is lax; every pair on which that
decides is counted.
"""

import argparse
import calendar
import collections
import datetime
import decimal
import ipaddress
import json
import pathlib
import random
import re
import sys
import tempfile

try:
    from jsonschema import Draft202012Validator, FormatChecker
    from jsonschema.validators import extend

    from schema_maker import Maker
except ImportError as error:
    print(f"schema: {error}; install what Tests/Interop/requirements.txt lists", file=sys.stderr)
    sys.exit(2)


# The judge -----------------------------------------------------------------------------------


class Formats:
    """What each format takes beyond or short of jsonschema's own checker."""

    stock = Draft202012Validator.FORMAT_CHECKER

    @classmethod
    def takes(cls, name, text):
        own = cls.stock.conforms(text, name)
        return getattr(cls, name.replace("-", "_"))(text, own)

    @staticmethod
    def email(text, own):
        # jsonschema: any string with an @.
        atom = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
        quoted = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
        label = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
        octet = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
        six = r"\[(?i:IPv6):(?P<six>[0-9A-Fa-f:.]+)\]"
        domain = rf"{label}(?:\.{label})*|\[{octet}(?:\.{octet}){{3}}\]|{six}"
        match = re.fullmatch(rf"(?P<local>{atom}(?:\.{atom})*|{quoted})@(?:{domain})", text)
        if not match or len(match["local"]) > 64 or len(text) > 254:
            return False
        return match["six"] is None or is_ipv6(match["six"])

    @staticmethod
    def uuid(text, own):
        # jsonschema: what UUID() takes, so `_` and digits of other scripts too.
        return (
            own
            and re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text)
            is not None
        )

    @staticmethod
    def uri(text, own):
        # rfc3986-validator: a line feed at the end, zeros in front of an IPv6 address's octets.
        six = re.match(r"[^/?#]*//(?:[^/?#@]*@)?\[([^\]vV]*)\]", text)
        if six and not is_ipv6(six[1]):
            return False
        # It knows `v` only (RFC 5234 section 2.3: literals have no case).
        if re.match(r"[^/?#]*//(?:[^/?#@]*@)?\[V", text):
            own = Formats.stock.conforms(text.replace("[V", "[v", 1), "uri")
        return own and not text.endswith("\n")

    @staticmethod
    def date_time(text, own):
        # rfc3339-validator: a line feed at the end; no leap seconds, no year 0. jsonschema: upper()
        # first, which makes ASCII of a few other letters.
        if text.endswith("\n") or not text.isascii():
            return False
        if text.startswith("0000"):
            return Formats.stock.conforms("0400" + text[4:], "date-time")
        if text[17:19] == "60":
            plain = text[:17] + "59" + text[19:]
            if not Formats.stock.conforms(plain, "date-time"):
                return False
            offset = re.search(r"([+-])(\d\d):(\d\d)$", text)
            time = datetime.datetime.strptime(plain[:19].upper(), "%Y-%m-%dT%H:%M:%S")
            if offset:
                shift = datetime.timedelta(hours=int(offset[2]), minutes=int(offset[3]))
                time -= shift if offset[1] == "+" else -shift
            last = calendar.monthrange(time.year, time.month)[1]
            return (time.day, time.hour, time.minute) == (last, 23, 59)
        return own


MISSING = {"email", "uuid", "uri", "date-time"} - set(Formats.stock.checkers)
if MISSING:
    # jsonschema passes over a format without its library, and says nothing.
    print(
        f"schema: no checker of {', '.join(sorted(MISSING))}; install requirements.txt",
        file=sys.stderr,
    )
    sys.exit(2)


def is_ipv6(text):
    try:
        ipaddress.IPv6Address(text)
        return "%" not in text
    except ValueError:
        return False


def is_integer(_, value):
    if isinstance(value, bool):
        return False
    return (
        isinstance(value, int)
        or isinstance(value, decimal.Decimal)
        and value == value.to_integral_value()
    )


Exact = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer),
)
TIGHT = FormatChecker(formats=())
for _name in ("email", "uuid", "uri", "date-time"):
    TIGHT.checkers[_name] = (
        lambda value, name=_name: not isinstance(value, str) or Formats.takes(name, value),
        (),
    )


def parsed(text):
    return json.loads(text, parse_float=decimal.Decimal)


def judge(schema, instance):
    """The keywords that `instance` fails, and whether jsonschema's own formats decide the same."""
    schema, instance = parsed(schema), parsed(instance)
    errors = {
        error.validator or "false"
        for error in Exact(schema, format_checker=TIGHT).iter_errors(instance)
    }
    stock = Exact(schema, format_checker=Formats.stock).is_valid(instance)
    return errors, stock == (not errors)


# What is done with the pairs -----------------------------------------------------------------


def pairs(options, of_object=False):
    maker = Maker(options.seed)
    for _ in range(options.count):
        schema, instance = maker.pair(of_object)
        # By the meta-schema, to which a Decimal is no integer.
        Draft202012Validator.check_schema(json.loads(schema))
        errors, agrees = judge(schema, instance)
        yield schema, instance, errors, agrees


def write(options):
    counts, alone = collections.Counter(), collections.Counter()
    with open(options.write, "w", encoding="utf-8") as out:
        for schema, instance, errors, agrees in pairs(options):
            valid = not errors
            counts[valid] += 1
            if len(errors) == 1:
                alone.update(errors)
            counts["tightened"] += not agrees
            out.write(f'{{"schema":{schema},"instance":{instance},"valid":{json.dumps(valid)}}}\n')
    print(
        f"schema: wrote {counts[True]} valid and {counts[False]} invalid pairs; on"
        f" {counts['tightened']} of them jsonschema's own formats would have it otherwise"
    )
    print(
        "schema: invalid for one keyword only: "
        + ", ".join(f"{k} {n}" for k, n in alone.most_common())
    )


def drive(options):
    from harness import Jotmill

    jotmill = Jotmill(str(pathlib.Path(options.jotmill).resolve()))
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        secret, file = folder / "secret", folder / "schema.json"
        secret.write_bytes(random.randbytes(32))
        secret.chmod(0o600)
        made = [pair for pair in pairs(options, of_object=True)]
        records = "".join(instance + "\n" for _, instance, *_ in made).encode()
        tokens = jotmill.output(
            "sign", "--as-is", "--secret", secret, "--alg", "HS256", stdin=records
        )
        for (schema, instance, errors, _), token in zip(
            made, tokens.decode().splitlines(), strict=True
        ):
            valid = not errors
            file.write_text(schema, encoding="utf-8")
            done = jotmill.run(
                "verify", "-q", "--secret", secret, "--schema", file, stdin=token.encode() + b"\n"
            )
            verdict = json.loads(done.stdout or b"{}")
            # A claim such as exp can't come up, so `schema` is all that can be wrong.
            if verdict.get("valid") == valid and verdict.get("errors", []) == (
                [] if valid else ["schema"]
            ):
                passed += 1
                continue
            failed += 1
            print(f"failed: {schema} {instance}: should be {valid}: {jotmill.last} {verdict}")
    print(f"schema: {passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not passed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("jotmill", nargs="?")
    parser.add_argument("--write", metavar="FILE")
    parser.add_argument("--count", type=int, default=None)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument(
        "--verbose", action="store_true", help="accepted, for the sake of the others"
    )
    options = parser.parse_args()
    if bool(options.jotmill) == bool(options.write):
        parser.error("either PATH_TO_JOTMILL or --write FILE")
    options.count = options.count or (6000 if options.write else 300)
    print(f"schema: seed {options.seed}")
    return write(options) if options.write else drive(options)


if __name__ == "__main__":
    sys.exit(main())
