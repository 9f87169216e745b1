// The table of `jotmill grant`: its options and examples.
// Owns: their names and help texts, as CommandTable does for the others.

extension CommandTable {
  static let grant = Command(
    path: ["grant"], operands: files, operandCount: (0, .max),
    synopsis: "answer an OAuth 2.0 token request a line",
    options: [
      Option(
        "keyring", "DIR", group: "Keyring",
        "sign with its active key, know its users, denylist and spent tokens (default "
          + "$JOTMILL_KEYRING, else keys)"),
      Option(
        "passphrase-file", "FILE", group: "Keyring",
        "an encrypted ring's passphrase (default $JOTMILL_PASSPHRASE_FILE, else asked for)"),
      Option("at", "TIME", group: "Keyring", "the clock of a ring made by keys init --rehearsal"),
      Option("users", "FILE", group: "Users", "who may log in (default: the ring's users.ndjson)"),
      Option(
        "no-users", group: "Users",
        "exchange refresh tokens whoever their subject is; no passwords"),
      Option(
        "scrypt", "N,R,P", group: "Users",
        "the cost of new verifiers: an older one is replaced at a right password (default "
          + "16384,8,1)"),
      Option("iss", "ISSUER", group: "Tokens", "who grants; a refresh token must say the same"),
      Option(
        "aud", "AUDIENCE", repeatable: true, group: "Tokens",
        "whom tokens are for (given again: an array); a refresh token must name them all"),
      Option("claim", "NAME=JSON", repeatable: true, group: "Tokens", "add any claim"),
      Option(
        "omit", "NAMES", repeatable: true, group: "Tokens",
        "leave these out of access tokens: type, fresh, family"),
      Option(
        "scope", "WORDS", repeatable: true, group: "Tokens",
        "grant no more than these, such as \"read write\" (default: what is asked for)"),
      Option("access-ttl", "SPAN", group: "Tokens", "how long access tokens live (default 15m)"),
      Option("refresh-ttl", "SPAN", group: "Tokens", "how long refresh tokens live (default 7d)"),
      Option("nbf", "SPAN", group: "Tokens", "add nbf this long from now, such as 0s"),
      Option(
        "typ", "TYPE", group: "Tokens",
        "typ of access tokens (default JWT; at+jwt asks for RFC 9068's claims; none: no typ)"),
      Option("header", "NAME=JSON", repeatable: true, group: "Tokens", "add a header member"),
      Option("jku", "URL", group: "Tokens", "add jku"),
      Option(
        "rotate-refresh", group: "Rotation",
        "a refresh token is good for one exchange, which answers the next one"),
      Option(
        "reuse-grace", "SPAN", group: "Rotation",
        "one that comes again later than this revokes its family (default 30s)"),
    ] + streams.filter { $0.name != "rejects" } + [Engine.option] + messages,
    examples: [
      (
        "jotmill grant --iss https://auth.example.com/ --rotate-refresh requests.ndjson",
        "logins and refreshes, an answer a line"
      ),
      (
        "echo '{\"grant_type\":\"refresh_token\",\"refresh_token\":\"…\"}' | jotmill grant --no-users",
        "for a service with users of its own"
      ),
    ])
}
