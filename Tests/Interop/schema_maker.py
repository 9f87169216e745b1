"""Random JSON Schemas of jotmill's subset and values near them, as JSON text.

Owns the generator: what stands in a schema, how near a value comes, how both are spelled. Judges
nothing. The same seed gives the same pairs.
"""

import json
import random


class Number(str):
    """A JSON number's text."""


NUMBERS = """0 -0 0.0 1 1.0 1e0 10e-1 0.1e1 -1 -1.0 2 2.5 25e-1 3 10 1e1 100 1e2 0.1 1e-1 0.10 0.3
    0.30000000000000004 0.1000000000000000055511151231257827 9007199254740992 9007199254740993
    9007199254740993.0 1e20 100000000000000000000 1e308 1.8e308 1e400 1000e397 -1e400 1.0E+400
    9.99e399 1e-400 -1e-400 12345678901234567890123456789012345678901234567890
    1234567890123456789012345678901234567890123456789.0e1 1e999999 10e999998
    4294967296 1798761600""".split()
# A canonical equivalent, an astral character, what JSON escapes, and what sorts oddly.
STRINGS = [
    "",
    "a",
    "b",
    "ab",
    "abc",
    "é",
    "e\u0301",
    "🔑",
    "🔑🔑",
    "a\nb",
    '"',
    "\\",
    "/",
    "\0",
    "\x7f",
    "\u2028",
    "0",
    "1",
    "null",
    "true",
]
NAMES = [
    "a",
    "b",
    "c",
    "ab",
    "ba",
    "",
    "é",
    "e\u0301",
    "🔑",
    "a/b",
    '"',
    "a~b",
    "\t",
    "sub",
    "scope",
]
FORMATS = {
    "email": [
        "joe@example.com",
        "a@b",
        "a.b@c.d",
        '"a b"@c',
        "a@[1.2.3.4]",
        "a@[IPv6:::1]",
        "a..b@c",
        "@",
        "a@",
        "a@b@c",
        "a b@c",
        "a@-b",
        "é@b.c",
        "a@b_c",
        "a" * 64 + "@b",
        "a" * 65 + "@b",
        "joe",
    ],
    "uuid": [
        "2eb8aa08-aa98-11ea-b4aa-73b441d16380",
        "2EB8AA08-AA98-11EA-B4AA-73B441D16380",
        "00000000-0000-0000-0000-000000000000",
        "2eb8aa08aa9811eab4aa73b441d16380",
        "{2eb8aa08-aa98-11ea-b4aa-73b441d16380}",
        "2eb8aa08-aa98-11ea-b4aa-73b4_1d16380",
        "2eb8aa08-aa98-11ea-b4aa-73b441d1638",
        "urn:uuid:2eb8aa08-aa98-11ea-b4aa-73b441d16380",
    ],
    "uri": [
        "http://example.com/a?b#c",
        "urn:a:b",
        "mailto:a@b.c",
        "x://[::1]:80/",
        "x://[2001:db8::1.2.3.4]",
        "x://[::01.2.3.4]",
        "x://[1:2:3:4:5:6:7::]",
        "x://[v1.a]",
        "x://[V1.a]",
        "a://u:p@h:8/%41",
        "a:",
        "/a",
        "a",
        "//a/b",
        "a:%4",
        "http://a b",
        "http://a:b",
        "x://[::1::2]",
        "http://é",
        "a:b#c#d",
        "x://[1:2:3]",
        "http://a\\b",
    ],
    "date-time": [
        "2026-11-21T07:00:00Z",
        "2026-11-21t07:00:00.5z",
        "2026-11-21T07:00:00+05:30",
        "2024-02-29T12:00:00-00:00",
        "2023-02-29T12:00:00Z",
        "2026-11-21 07:00:00Z",
        "2026-11-21T07:00:00",
        "2026-13-01T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "1998-12-31T23:59:60Z",
        "1998-12-31T22:59:60Z",
        "1998-12-31T15:59:60-08:00",
        "2026-11-21T07:00:60Z",
        "0000-01-01T00:00:00Z",
        "2026-11-21T07:00:00+24:00",
        "2026-11-21",
    ],
}
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]
ANNOTATIONS = {
    "title": "T",
    "description": "D",
    "$comment": "C",
    "default": None,
    "examples": [1],
    "deprecated": True,
    "readOnly": False,
    "writeOnly": False,
}


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def often(self, chance):
        return self.random.random() < chance

    def pick(self, values):
        return self.random.choice(list(values))

    def number(self):
        if self.often(0.7):
            return Number(self.pick(NUMBERS))
        n = self.random.randint(-50, 50)
        return Number(
            self.pick([f"{n}", f"{n}.0", f"{n}e0", f"{n}.50", f"{n * 10}e-1", f"{n}e-1", f"{n}E+1"])
        )

    def string(self):
        if self.often(0.4):
            return self.damaged(self.pick(FORMATS[self.pick(FORMATS)]))
        return "".join(self.pick(STRINGS) for _ in range(self.random.randint(0, 3)))

    def damaged(self, text):
        if text and self.often(0.4):
            at = self.random.randrange(len(text) + 1)
            text = (
                text[:at]
                + self.pick(["", *'aZ09:/.@-_%[]é\n +"\\'])
                + text[at + self.random.randint(0, 1) :]
            )
        return text

    def value(self, depth):
        kind = self.pick(TYPES if depth else TYPES[:5])
        if kind == "null":
            return None
        if kind == "boolean":
            return self.often(0.5)
        if kind in ("integer", "number"):
            return self.number()
        if kind == "string":
            return self.string()
        if kind == "array":
            return [self.value(depth - 1) for _ in range(self.random.randint(0, 3))]
        return {name: self.value(depth - 1) for name in self.names()}

    def names(self, most=4):
        return self.random.sample(NAMES, self.random.randint(0, most))

    def schema(self, depth):
        if self.often(0.05):
            return self.often(0.6)
        schema = {}
        kinds = self.random.sample(TYPES, self.pick([1, 1, 1, 2, 3]))
        if depth and self.often(0.6):
            kinds = [self.pick(["object", "object", "array"])]
        if self.often(0.8):
            schema["type"] = kinds if len(kinds) > 1 or self.often(0.1) else kinds[0]
        for kind in kinds:
            getattr(self, f"for_{kind}", lambda *_: None)(schema, depth)
        if self.often(0.12):
            schema["enum"] = [self.value(2) for _ in range(self.random.randint(0, 5))]
        if self.often(0.06):
            schema["const"] = self.value(2)
        if self.often(0.2):
            name = self.pick(ANNOTATIONS)
            schema[name] = ANNOTATIONS[name]
        items = list(schema.items())
        self.random.shuffle(items)
        return dict(items)

    def leaf(self):
        """One keyword alone, so that nothing else decides."""
        schema = {}
        kind = self.pick(["string", "string", "number", "object"])
        while not schema:
            getattr(self, f"for_{kind}")(schema, 1)
        name = self.pick(schema)
        return {name: schema[name], **({"type": kind} if self.often(0.8) else {})}

    def for_object(self, schema, depth):
        if self.often(0.8):
            schema["properties"] = {
                name: self.schema(depth - 1) if depth else True for name in self.names()
            }
        if self.often(0.5):
            known = list(schema.get("properties", {}))
            schema["required"] = list(
                dict.fromkeys(known[:2] if self.often(0.7) else self.names(2))
            )
        if self.often(0.5):
            schema["additionalProperties"] = (
                self.schema(depth - 1) if depth and self.often(0.5) else self.often(0.3)
            )

    def for_array(self, schema, depth):
        if self.often(0.8):
            schema["items"] = self.schema(depth - 1) if depth else self.often(0.7)

    def for_string(self, schema, depth):
        if self.often(0.5):
            schema["format"] = self.pick(FORMATS)
        if self.often(0.3):
            schema["minLength"] = Number(self.pick(["0", "1", "2", "2.0", "3", "20e-1"]))
        if self.often(0.3):
            schema["maxLength"] = Number(self.pick(["0", "1", "2", "3", "4.0", "1e2"]))

    def for_number(self, schema, depth):
        if self.often(0.5):
            schema["minimum"] = self.number()
        if self.often(0.5):
            schema["maximum"] = self.number()

    for_integer = for_number

    def near(self, schema, depth=4):
        """A value that fits `schema`, or nearly."""
        if isinstance(schema, bool) or self.often(0.06):
            return self.value(2)
        if "const" in schema and self.often(0.8):
            return self.respelled(schema["const"])
        if schema.get("enum") and self.often(0.8):
            return self.respelled(self.pick(schema["enum"]))
        kinds = schema.get("type", TYPES)
        kind = kinds if isinstance(kinds, str) else self.pick(kinds)
        if kind == "object":
            properties = schema.get("properties", {})
            value = {
                name: self.near(inner, depth - 1)
                for name, inner in properties.items()
                if self.often(0.9)
            }
            for name in schema.get("required", []):
                if name not in value and self.often(0.95):
                    value[name] = self.near(
                        properties.get(name, schema.get("additionalProperties", True)), depth - 1
                    )
            for name in self.names(2) if self.often(0.3) else []:
                if name not in value:
                    value[name] = self.near(schema.get("additionalProperties", True), depth - 1)
            return self.shuffled(value)
        if kind == "array":
            return [
                self.near(schema.get("items", True), depth - 1)
                for _ in range(self.random.randint(0, 3))
            ]
        if kind == "string":
            if "format" in schema and self.often(0.9):
                return self.damaged(self.damaged(self.pick(FORMATS[schema["format"]])))
            return self.string()
        if kind in ("integer", "number"):
            bounds = [schema[name] for name in ("minimum", "maximum") if name in schema]
            return (
                self.respelled(self.pick(bounds)) if bounds and self.often(0.4) else self.number()
            )
        return None if kind == "null" else self.often(0.5)

    def shuffled(self, members):
        items = list(members.items())
        self.random.shuffle(items)
        return dict(items)

    def respelled(self, value):
        """The same value in other words, or now and then one that only looks like it."""
        if isinstance(value, Number):
            if self.often(0.15):
                return self.number()
            return Number(self.respelled_number(value))
        if isinstance(value, list):
            value = [self.respelled(item) for item in value]
            return value[:-1] if self.often(0.1) else value
        if isinstance(value, dict):
            value = self.shuffled({name: self.respelled(item) for name, item in value.items()})
            if value and self.often(0.1):
                value.popitem()
            return value
        if isinstance(value, str) and self.often(0.1):
            return self.damaged(value)
        return value

    def respelled_number(self, text):
        mantissa, _, exponent = text.lower().partition("e")
        exponent = int(exponent or 0)
        choice = self.random.randrange(4)
        if choice == 0:
            return text
        if choice == 1:
            return f"{mantissa}{'' if '.' in mantissa else '.'}0e{exponent}"
        if choice == 2 and "." not in mantissa and mantissa.lstrip("-") != "0":
            return f"{mantissa}000E{exponent - 3}"
        if "." not in mantissa:
            sign = "-" if mantissa.startswith("-") else ""
            digits = mantissa.lstrip("-")
            return (
                f"{sign}0.{digits}e+{exponent + len(digits)}"
                if exponent + len(digits) >= 0
                else text
            )
        return text

    def text(self, value, spaced=None):
        """JSON text, with escapes and white space here and there."""
        gap = self.pick(["", " "]) if self.often(0.1) else ""
        if value is None or isinstance(value, bool):
            return json.dumps(value)
        if isinstance(value, (Number, int)):
            return str(value)
        if isinstance(value, str):
            return self.quoted(value)
        if isinstance(value, list):
            return "[" + gap + f",{gap}".join(self.text(item) for item in value) + "]"
        members = (
            f"{self.quoted(name)}{gap}:{gap}{self.text(item)}" for name, item in value.items()
        )
        return "{" + gap + f",{gap}".join(members) + gap + "}"

    def quoted(self, text):
        out = json.dumps(text, ensure_ascii=self.often(0.3))
        if self.often(0.1):
            out = (
                '"'
                + "".join(
                    (
                        f"\\u{unit:04x}"
                        if self.often(0.5) or unit > 0x7E or unit < 0x20 or chr(unit) in '"\\'
                        else chr(unit)
                    )
                    for unit in memoryview(text.encode("utf-16-le")).cast("H")
                )
                + '"'
            )
        return out.replace("/", "\\/") if self.often(0.1) else out

    def pair(self, of_object=False):
        schema = self.leaf() if self.often(0.35) else self.schema(3)
        instance = self.near(schema)
        if of_object and not isinstance(instance, dict):
            schema = {"properties": {"v": schema}, "required": ["v"]}
            instance = {"v": instance}
        return self.text(schema), self.text(instance)
