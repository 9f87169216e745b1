// The one table of commands and options. Parsing and help come from it.
// Owns: names, placeholders, groups and help texts.

struct Option: Sendable {
  var name: String
  var short: Character?
  /// Placeholder of the value; nil for a switch.
  var value: String?
  var choices: [String] = []
  var isRepeatable = false
  var group: String
  var help: String

  init(
    _ name: String, short: Character? = nil, _ value: String? = nil, choices: [String] = [],
    repeatable: Bool = false, group: String, _ help: String
  ) {
    self.name = name
    self.short = short
    self.value = choices.isEmpty ? value : choices.joined(separator: "|")
    self.choices = choices
    isRepeatable = repeatable
    self.group = group
    self.help = help
  }
}

struct Command: Sendable {
  /// The words after `jotmill`.
  var path: [String]
  var operands = ""
  var operandCount: (least: Int, most: Int) = (0, 0)
  var synopsis: String
  var options: [Option] = []
  var examples: [(command: String, what: String)] = []
  var subcommands: [Command] = []

  var name: String { path.last ?? "jotmill" }
  var invocation: String { (["jotmill"] + path).joined(separator: " ") }
}

enum CommandTable {
  static let root = Command(
    path: [],
    synopsis: "sign and verify JSON Web Tokens by the line, and keep the keys they are signed with",
    examples: [
      (
        "jotmill keys init && jotmill sign claims.ndjson >tokens.txt", "make a keyring, sign a file"
      ),
      ("jotmill verify tokens.txt", "one verdict a line, with the keyring's keys"),
      (
        "jotmill verify --jwks jwks.json --only invalid access.ndjson",
        "what a log holds that is no good"
      ),
      ("jotmill inspect <tokens.txt", "decode tokens without verifying them"),
      ("jotmill keys publish", "write jwks.json for any web server"),
    ],
    subcommands: [verify, sign, inspect, grant, revoke, keys, users, summary, bench])

  static let files = "[FILE...]"

  static let streams = [
    Option(
      "output", short: "o", "FILE", group: "Streams",
      "write there; the file appears when the run is done"),
    Option(
      "workers", short: "j", "N", group: "Streams",
      "how many work at once (default: the usable cores)"),
    Option(
      "max-line", "BYTES", group: "Streams",
      "longest line that is looked at, such as 64K or 4M (default 1M)"),
    Option(
      "rejects", "FILE", group: "Streams", "keep the rejected input lines there, byte for byte"),
    Option("exit-zero", group: "Streams", "exit 0 also when records were rejected"),
  ]

  static let messages = [
    Option("quiet", short: "q", group: "Messages", "nothing on standard error but errors"),
    Option("no-progress", group: "Messages", "no progress bar"),
    Option("summary", group: "Messages", "counts at the end (default on a terminal)"),
    Option("no-summary", group: "Messages", "no counts at the end"),
    Option(
      "summary-json", "FILE", group: "Messages", "counts as JSON; sums of several runs can be added"
    ),
    Option(
      "color", choices: ["auto", "always", "never"], group: "Messages",
      "colours on standard error and in inspect"),
  ]

  /// Where the keys come from that verify.
  static let sources = [
    Option(
      "keyring", "DIR", repeatable: true, group: "Keys",
      "a keyring (default $JOTMILL_KEYRING, else keys, if no key is named)"),
    Option(
      "passphrase-file", "FILE", group: "Keys", "passphrase of an encrypted ring of secrets"),
    Option("jwks", "FILE", repeatable: true, group: "Keys", "a JWK set"),
    Option(
      "key", "FILE", repeatable: true, group: "Keys",
      "a PEM or DER key or certificate, a JWK or a JWK set"),
    Option("secret", "FILE", repeatable: true, group: "Keys", "raw octets of an HMAC secret"),
    Option(
      "trust", "FILE", group: "Keys",
      "JSON: each issuer with its own keys, algorithms, audiences and typ"),
    Option(
      "alg", "LIST", repeatable: true, group: "Keys",
      "allow only these algorithms, such as RS256,ES256"),
    Option("try-all", group: "Keys", "without a kid, try every key that fits, up to 16"),
    Option(
      "allow-weak-keys", group: "Keys", "use RSA keys under 2048 bits and short secrets too"),
  ]

  static let input = [
    Option(
      "input", choices: ["auto", "token", "json", "log"], group: "Input",
      "what a line is (default auto: by its first character)"),
    Option(
      "field", "POINTER", group: "Input",
      "where a JSON record holds its token, such as /request/token"),
  ]
  static let whichTokens = Option(
    "tokens", choices: ["first", "all"], group: "Input",
    "which tokens of a line are judged (default first)")

  static let verify = Command(
    path: ["verify"], operands: files, operandCount: (0, .max),
    synopsis: "check the token of each line and write one verdict a line",
    options: sources + [
      Option(
        "reload", group: "Keys",
        "follow changes of rings, sets, key files, denylists and users, at most a second late"),
      Option(
        "denylist", "FILE", repeatable: true, group: "Denylist",
        "revoked tokens (default: the keyring's denylist.ndjson)"),
      Option(
        "denylist-types", "LIST", repeatable: true, group: "Denylist",
        "look up only these tokens: access, refresh (default both)"),
    ] + input + [
      whichTokens,
      Option("raw", group: "Input", "any JWS: the payload need not be claims"),
      Option(
        "iss", "ISSUER", repeatable: true, group: "Claims",
        "iss must be this (given again: or that)"),
      Option(
        "aud", "AUDIENCE", repeatable: true, group: "Claims",
        "aud must name this (given again: or that)"),
      Option("sub", "SUBJECT", group: "Claims", "sub must be this"),
      Option("typ", "TYPE", group: "Claims", "the header's typ must be this, such as at+jwt"),
      Option(
        "token-type", choices: ["access", "refresh"], group: "Claims", "the claim type must be this"
      ),
      Option("fresh", group: "Claims", "the claim fresh must be true"),
      Option(
        "require", "NAMES", repeatable: true, group: "Claims",
        "these claims must be there, such as sub,jti"),
      Option(
        "max-age", "SPAN", group: "Claims", "iat must be no longer ago than this, such as 12h"),
      Option(
        "users", "FILE", group: "Claims",
        "sub must be a user of this file who is not disabled, as of now"),
      Option("schema", "FILE", group: "Claims", "the claims must be valid by this JSON Schema"),
      Option("leeway", "SPAN", group: "Time", "how far clocks may differ (default 0s)"),
      Option("at", "TIME", group: "Time", "judge as of this time: now, RFC 3339 or Unix seconds"),
      Option("at-log", group: "Time", "judge each log line as of its own time stamp"),
      Option(
        "at-field", "POINTER", group: "Time",
        "judge each JSON record as of the time there, such as /time"),
      Option(
        "print", choices: ["verdict", "claims", "line", "none"], group: "Output",
        "what a line becomes (default verdict)"),
      Option(
        "redact", group: "Output",
        "with --print line: a note in the place of each token, so that the log can be shared"),
      Option("only", choices: ["valid", "invalid"], group: "Output", "write only these"),
      Option(
        "report", "FILE", group: "Output",
        "also write a page for people: one HTML file with pictures"),
    ] + streams + [
      Option(
        "cache", "SIZE", group: "Streams",
        "remember checked signatures in this much memory (default 16M, 0: don't)"),
      Engine.option,
    ] + messages,
    examples: [
      (
        "jotmill verify --jwks jwks.json --iss https://auth.example.com/ tokens.txt",
        "by a published set, for one issuer"
      ),
      (
        "jotmill verify --at-log --print none --report audit.html access.log",
        "a log's tokens as of when they were used, as a page"
      ),
    ])

  static let sign = Command(
    path: ["sign"], operands: files, operandCount: (0, .max),
    synopsis: "sign a JSON object a line as a token a line",
    options: [
      Option(
        "keyring", "DIR", group: "Key",
        "sign with its active key (default $JOTMILL_KEYRING, else keys)"),
      Option(
        "passphrase-file", "FILE", group: "Key",
        "an encrypted ring's passphrase (default $JOTMILL_PASSPHRASE_FILE, else asked for)"),
      Option("at", "TIME", group: "Key", "the clock of a ring made by keys init --rehearsal"),
      Option("key", "FILE", group: "Key", "sign with this private key: PEM, JWK or a JWK set"),
      Option("secret", "FILE", group: "Key", "sign with the raw octets of an HMAC secret"),
      Option(
        "kid", "KID", group: "Key",
        "which key of the file; without a kid of its own, the kid to write"),
      Option("alg", "ALG", group: "Key", "the algorithm, where the key leaves it open"),
      Option("allow-weak-keys", group: "Key", "use RSA keys under 2048 bits and short secrets too"),
      Option("iss", "ISSUER", group: "Claims", "add iss where the record has none"),
      Option(
        "aud", "AUDIENCE", repeatable: true, group: "Claims", "add aud (given again: an array)"),
      Option("sub", "SUBJECT", group: "Claims", "add sub"),
      Option("ttl", "SPAN", group: "Claims", "add exp this long from now (default 15m)"),
      Option("nbf", "SPAN", group: "Claims", "add nbf this long from now, such as 0s"),
      Option(
        "refresh", group: "Claims", "make pairs: an access token and a refresh token, as JSON"),
      Option(
        "refresh-ttl", "SPAN", group: "Claims", "how long refresh tokens live (default 7d)"),
      Option(
        "jti", choices: ["uuid", "none"], group: "Claims", "add a random jti (default), or none"),
      Option(
        "token-type", choices: ["access", "refresh", "none"], group: "Claims",
        "add the claim type; none: access tokens of --refresh get none either"),
      Option("fresh", group: "Claims", "add the claim fresh, true"),
      Option("claim", "NAME=JSON", repeatable: true, group: "Claims", "add any claim"),
      Option("override", group: "Claims", "replace what the record has by what is given here"),
      Option("as-is", group: "Claims", "add nothing, sign the record's bytes"),
      Option(
        "typ", "TYPE", group: "Header",
        "typ (default JWT; at+jwt asks for RFC 9068's claims; none: no typ)"),
      Option("header", "NAME=JSON", repeatable: true, group: "Header", "add a header member"),
      Option("jku", "URL", group: "Header", "add jku"),
      Option(
        "format", choices: ["token", "json"], group: "Output",
        "a token a line (default), or a JSON object"),
    ] + streams + messages,
    examples: [
      (
        "jotmill sign --iss https://auth.example.com/ --ttl 1h claims.ndjson >tokens.txt",
        "with the keyring in keys/"
      ),
      ("echo '{\"sub\":\"ada\"}' | jotmill sign --key private.pem --alg PS256", "with a key file"),
    ])

  static let inspect = Command(
    path: ["inspect"], operands: files, operandCount: (0, .max),
    synopsis: "decode tokens without verifying them",
    options: [
      Option("json", group: "Output", "a JSON object a line, for programs")
    ] + input + streams.filter { $0.name != "rejects" }
      + messages.filter { !$0.name.hasPrefix("summary") && $0.name != "no-summary" },
    examples: [
      ("pbpaste | jotmill inspect", "what is in the token on the clipboard"),
      ("jotmill inspect --json access.log | jq .header.kid", "every kid that a log mentions"),
    ])

  static let bench = Command(
    path: ["bench"], synopsis: "this machine's rates beside raw OpenSSL's, in one run",
    options: [
      Option(
        "alg", "LIST", repeatable: true, group: "Bench",
        "only these algorithms (default HS256,RS256,PS256,ES256,EdDSA)"),
      Option("seconds", "N", group: "Bench", "how long each measurement takes (default 2)"),
      Option(
        "workers", short: "j", "N", group: "Bench",
        "how many work at once (default: the usable cores)"),
      Option("json", group: "Bench", "a JSON object in place of the table"),
      Option("quiet", short: "q", group: "Messages", "nothing on standard error but errors"),
    ],
    examples: [
      ("jotmill bench", "all algorithms"),
      ("jotmill bench --alg ES256 --seconds 10 --json", "one, for a record"),
    ])
}
