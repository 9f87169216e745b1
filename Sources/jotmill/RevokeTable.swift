// The table of `jotmill revoke`: its options and examples.
// Owns: their names and help texts, as CommandTable does for the others.

extension CommandTable {
  static let revoke = Command(
    path: ["revoke"], operands: files, operandCount: (0, .max),
    synopsis: "put the tokens and token ids of the lines on the denylist, durably",
    options: [
      Option(
        "denylist", "FILE", group: "Denylist",
        "the list that is written (default: the keyring's denylist.ndjson)"),
      Option(
        "prune", group: "Denylist",
        "drop entries, and a ring's spent tokens, that are of no use any more; reads no lines"),
      Option("json", group: "Denylist", "what --prune dropped, as a JSON object"),
    ] + sources + [
      Option("unverified", group: "Keys", "take tokens as they are: no key is needed or read")
    ] + input + [whichTokens] + streams + [Engine.option] + messages,
    examples: [
      (
        "jotmill revoke --field /refresh_token pairs.ndjson",
        "refresh tokens, their access tokens and their families"
      ),
      (
        "echo '{\"sub\":\"ada\"}' | jotmill revoke",
        "all that was issued to ada until now"
      ),
    ])
}
