// The table of `jotmill keys`: its commands, options and examples.
// Owns: their names and help texts, as CommandTable does for the others.

extension CommandTable {
  static let keys = Command(
    path: ["keys"], synopsis: "manage a keyring directory",
    examples: [
      ("jotmill keys init --alg ES256", "a new ring in keys/, with its first key"),
      ("jotmill keys rotate --if-due", "the line for cron: does what is due, or nothing"),
      ("jotmill keys list", "which key signs, which only verify, what is due when"),
    ],
    subcommands: [
      keysInit, keysGenerate, keysList, keysPolicy, keysRotate, keysPlan, keysPublish, keysRetire,
      keysRevoke, keysImport, keysExport, keysEncrypt, keysDecrypt, keysPrune, keysAudit,
    ])

  // MARK: Options that several share

  private static let ring = Option(
    "keyring", "DIR", group: "Ring", "the ring (default $JOTMILL_KEYRING, else keys)")
  private static let passphrase = Option(
    "passphrase-file", "FILE", group: "Ring",
    "an encrypted ring's passphrase (default $JOTMILL_PASSPHRASE_FILE, else asked for)")
  private static let at = Option(
    "at", "TIME", group: "Ring",
    "only show what would happen then (the clock of a ring for rehearsals)")
  private static let seenAt = Option("at", "TIME", group: "Ring", "as of this time")
  private static let json = Option("json", group: "Output", "a JSON object for programs")
  private static let quiet = Option(
    "quiet", short: "q", group: "Output", "nothing but errors")
  private static let changing = [ring, at, json, quiet]
  private static let reading = [ring, seenAt, json]

  private static let policy = [
    Option("alg", "ALG", group: "Policy", "algorithm of its keys (default RS256)"),
    Option("rsa-bits", "N", group: "Policy", "size of RSA keys (default 2048)"),
    Option("period", "SPAN", group: "Policy", "how long a key signs (default 30d)"),
    Option(
      "publish-ahead", "SPAN", group: "Policy",
      "how long it is published before (default 24h)"),
    Option("max-token-ttl", "SPAN", group: "Policy", "how long a token may live (default 8d)"),
    Option("leeway", "SPAN", group: "Policy", "the leeway that verifiers allow (default 60s)"),
    Option("clock-skew", "SPAN", group: "Policy", "how far hosts' clocks may differ (default 60s)"),
    Option(
      "jwks-max-age", "SPAN", group: "Policy", "how long verifiers cache the set (default 1h)"),
    Option(
      "publish-to", "FILE", repeatable: true, group: "Policy",
      "also write the published set there"),
  ]

  // MARK: Making and changing

  private static let keysInit = Command(
    path: ["keys", "init"], synopsis: "make a keyring with its first key",
    options: [ring] + policy + [
      Option("empty", group: "Key", "make no key: one will be imported"),
      Option("encrypt", group: "Key", "keep private halves under a passphrase, asked for twice"),
      Option(
        "passphrase-file", "FILE", group: "Key", "keep them under the passphrase in this file"),
      Option("rehearsal", group: "Key", "a ring to try things on: --at is its clock"),
      Option("at", "TIME", group: "Key", "with --rehearsal: when it is made"),
      json, quiet,
    ],
    examples: [
      ("jotmill keys init", "RS256 keys in keys/, a new one every 30 days"),
      (
        "jotmill keys init --keyring /etc/jotmill --alg EdDSA --period 90d",
        "elsewhere, with another policy"
      ),
    ])

  private static let keysGenerate = Command(
    path: ["keys", "generate"], synopsis: "make and publish the next key, if there is none",
    options: [ring, passphrase, at, json, quiet],
    examples: [
      ("jotmill keys generate", "the key that signs when the active one's period is over"),
      ("jotmill keys generate --keyring /etc/jotmill", "of another ring"),
    ])

  private static let keysPolicy = Command(
    path: ["keys", "policy"], operands: "[NAME=VALUE...]", operandCount: (0, .max),
    synopsis: "show the policy, or change it where that is safe",
    options: [ring, passphrase, at, json, quiet],
    examples: [
      ("jotmill keys policy", "what is in force"),
      (
        "jotmill keys policy alg=EdDSA period=90d",
        "the next key is an EdDSA one; keys after it sign for 90 days"
      ),
    ])

  private static let keysRotate = Command(
    path: ["keys", "rotate"], synopsis: "do what is due: make the next key, retire, clean up",
    options: [
      Option("if-due", group: "What", "what is due, else nothing: safe to run every minute"),
      Option("now", group: "What", "that, and the next key signs as soon as caches have it"),
      Option("emergency", group: "What", "with --now: also where caches may not have it yet"),
      Option(
        "reset-clock", group: "What",
        "undo what a clock that ran ahead wrote down for times to come"),
      ring, passphrase, at, json, quiet,
    ],
    examples: [
      ("jotmill keys rotate --if-due -q", "for cron or a systemd timer, as often as you like"),
      ("jotmill keys rotate --now", "the next key signs from now on"),
    ])

  private static let keysRetire = Command(
    path: ["keys", "retire"], operands: "KID", operandCount: (1, 1),
    synopsis: "let the active key stop signing; its tokens stay good",
    options: [
      Option("emergency", group: "What", "also where caches may not have the next key yet"),
      ring, passphrase, at, json, quiet,
    ],
    examples: [
      ("jotmill keys retire 0_RFALzxio5rM6buk3bn-uKrFjFjBCM6eQvGDGPOdFo", "the next key signs"),
      ("jotmill keys retire --at now KID", "what that would do"),
    ])

  private static let keysRevoke = Command(
    path: ["keys", "revoke"], operands: "[KID...]", operandCount: (0, .max),
    synopsis: "take keys out at once: no token of theirs is good any more",
    options: [
      Option("all", group: "What", "every key that may still sign or verify: a leaked directory"),
      Option("since", "TIME", group: "What", "tokens issued before this time stay good"),
      Option("reason", "TEXT", group: "What", "kept with the key, for whoever asks later"),
      ring, passphrase, at, json, quiet,
    ],
    examples: [
      (
        "jotmill keys revoke --reason 'laptop stolen' KID",
        "and the next key signs, or a new one is made"
      ),
      ("jotmill keys revoke --all --reason 'backup leaked'", "a ring with one fresh key"),
    ])

  private static let keysEncrypt = Command(
    path: ["keys", "encrypt"], synopsis: "put the private halves under a passphrase",
    options: [
      ring,
      Option(
        "passphrase-file", "FILE", group: "Ring", "the passphrase (default: asked for, twice)"),
      at, json, quiet,
    ],
    examples: [
      ("jotmill keys encrypt", "asks for the new passphrase"),
      ("jotmill keys encrypt --passphrase-file /etc/jotmill.pass", "for runs without a terminal"),
    ])

  private static let keysDecrypt = Command(
    path: ["keys", "decrypt"], synopsis: "take the private halves out from under the passphrase",
    options: [ring, passphrase, at, json, quiet],
    examples: [
      ("jotmill keys decrypt", "asks for the passphrase"),
      ("jotmill keys decrypt && jotmill keys encrypt", "another passphrase"),
    ])

  private static let keysPrune = Command(
    path: ["keys", "prune"], synopsis: "delete what is no longer needed",
    options: [
      Option(
        "before", "TIME", group: "What",
        "forget keys whose tokens were all dead by then; a span such as 365d means ago"),
      Option("orphans", group: "What", "remove private files that belong to no key of the ring"),
      ring, at, json, quiet,
    ],
    examples: [
      ("jotmill keys prune", "private halves that have stopped signing"),
      ("jotmill keys prune --before 730d", "and keys that no audit will ask for"),
    ])

  // MARK: In, out and looking

  private static let keysImport = Command(
    path: ["keys", "import"], operands: "FILE", operandCount: (1, 1),
    synopsis: "take a key from a PEM, DER or JWK file into the ring",
    options: [
      ring, passphrase, at, json, quiet,
      Option(
        "as", choices: ["active", "next", "archived"], group: "Key",
        "what it becomes (default next; active only in an empty ring)"),
      Option("alg", "ALG", group: "Key", "its algorithm, where the key leaves it open"),
      Option("kid", "KID", group: "Key", "its kid (default: the file's, else the thumbprint)"),
      Option(
        "file-passphrase", "FILE", group: "Key",
        "the passphrase of a JWE, where it is not the ring's"),
    ],
    examples: [
      (
        "jotmill keys init --empty && jotmill keys import --as active private.pem",
        "a ring around an existing key"
      ),
      (
        "jotmill keys import --as archived old-public.pem",
        "a key whose old tokens are to be judged"
      ),
    ])

  private static let keysExport = Command(
    path: ["keys", "export"], operands: "[KID]", operandCount: (0, 1),
    synopsis: "write a key of the ring (default: the active one)",
    options: [
      ring, passphrase,
      Option(
        "format", choices: ["jwk", "jwks", "pem", "der", "jwe"], group: "Output",
        "how it is written (default jwk; jwe: the private half under the passphrase)"),
      Option("private", group: "Output", "the private half too"),
      Option(
        "iterations", "N", group: "Output",
        "with jwe: rounds of PBKDF2 (default 310000; some programs open no more than 32768)"),
      Option(
        "output", short: "o", "FILE", group: "Output",
        "write there (mode 0600 for a private half)"),
    ],
    examples: [
      (
        "jotmill keys export --format pem",
        "the active public key, for a service that wants a file"
      ),
      ("jotmill keys export --private -o secret.jwk", "an HMAC ring's secret, to hand over"),
    ])

  private static let keysPublish = Command(
    path: ["keys", "publish"], synopsis: "write jwks.json once more, and say how to serve it",
    options: [
      Option("out", "FILE", group: "What", "also write the set there"),
      Option("discovery", group: "What", "also write openid-configuration, for --issuer"),
      Option("issuer", "URL", group: "What", "the tokens' iss"),
      Option(
        "jwks-uri", "URL", group: "What",
        "where the set is served (default ISSUER/.well-known/jwks.json)"),
      Option(
        "check", "FILE", group: "What",
        "write nothing: say what a copy from where verifiers get it (- for standard input) lacks"),
    ] + changing,
    examples: [
      (
        "jotmill keys publish --out /var/www/.well-known/jwks.json",
        "a copy for the web server, and the Cache-Control that matches the policy"
      ),
      (
        "curl -fsS https://auth.example.com/jwks.json | jotmill keys publish --check -",
        "whether verifiers get every key that they need"
      ),
    ])

  private static let keysList = Command(
    path: ["keys", "list"], synopsis: "list the keys with their phases and what is due",
    options: reading,
    examples: [
      ("jotmill keys list", "a table"),
      (
        "jotmill keys list --json | jq -r '.keys[] | select(.phase==\"active\").kid'",
        "the kid that signs"
      ),
    ])

  private static let keysPlan = Command(
    path: ["keys", "plan"], operands: "[NAME=VALUE...]", operandCount: (0, .max),
    synopsis: "show what will happen, and prove that it is safe",
    options: [
      Option("for", "SPAN", group: "What", "how far to look ahead (default 90d)"),
      Option("every", "SPAN", group: "What", "how often rotate --if-due will run (default 1m)"),
      Option("svg", "FILE", group: "Output", "also draw it"),
    ] + reading,
    examples: [
      ("jotmill keys plan --for 90d --svg plan.svg", "the next three months, as a picture"),
      ("jotmill keys plan period=7d max_token_ttl=1d", "what another policy would bring"),
    ])

  private static let keysAudit = Command(
    path: ["keys", "audit"], synopsis: "look for what is not as it should be",
    options: [
      Option(
        "prometheus", "FILE", group: "Output",
        "write metrics for node_exporter's textfile collector (- for standard output)"),
      Option("quiet", short: "q", group: "Output", "nothing but findings"),
    ] + reading,
    examples: [
      ("jotmill keys audit", "exit status 1 if there is anything to mend"),
      (
        "jotmill keys audit --prometheus /var/lib/node_exporter/jotmill.prom",
        "for an alert when rotation stops"
      ),
    ])
}
