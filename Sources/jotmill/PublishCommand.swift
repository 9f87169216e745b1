// jotmill keys: publish and audit.
// Owns: what is said of copies, and the metrics' text. Must never: reach for the network.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline

enum PublishCommand {
  static func publish(_ arguments: Arguments) throws -> Int32 {
    if let path = arguments["check"] { return try check(arguments, path) }
    for name in ["issuer", "jwks-uri"] where arguments.has(name) && !arguments.has("discovery") {
      throw arguments.usage("--\(name) goes with --discovery")
    }
    let issuer = arguments["issuer"]
    guard issuer != nil || !arguments.has("discovery") else {
      throw arguments.usage("--discovery needs the tokens' issuer: --issuer URL")
    }
    for name in ["issuer", "jwks-uri"] {
      guard let url = arguments[name] else { continue }
      let isURL = ["https://", "http://"].contains { url.hasPrefix($0) && url.count > $0.count }
      guard isURL, !url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f }) else {
        throw arguments.usage("--\(name) is a URL such as https://auth.example.com, not \"\(url)\"")
      }
    }
    let context = try KeysContext(arguments)
    if let path = arguments["out"] { try context.directory.checkIsOutside(path) }
    var places = ["\(context.directory.path)/jwks.json"]
    var outcome = try context.update { update in
      // The copy first: a target of the policy that can't be written must not keep it old.
      if let path = arguments["out"], !context.directory.isDryRun {
        let file = try OutputFile(path, mode: 0o644)
        do { try file.file.write(update.ring.publishedSet) } catch {
          file.discard()
          throw error
        }
        try file.commit()
      }
      try update.settle(rewriting: true)
    }
    for place in outcome.ring.policy.publishTo + arguments.all("out")
    where try !places.contains(where: { try ByteString($0) == ByteString(OpenFile.absolute(place)) }
    ) {
      places.append(place)
    }
    if let issuer {
      let base = issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer
      let uri = arguments["jwks-uri"] ?? "\(base)/.well-known/jwks.json"
      let written = try context.directory.publishDiscovery(
        outcome.ring, issuer: issuer, jwksURI: uri, beside: arguments["out"])
      outcome.events += written.map { .wroteSet($0) }
    }
    let age = outcome.ring.policy.jwksMaxAge.count
    if arguments.has("json") { return try context.report(outcome) }
    guard outcome.problem == nil, !arguments.has("quiet") else {
      if let problem = outcome.problem { throw problem }
      return 0
    }
    let count = outcome.ring.publishedKeys.count
    let keys = count == 1 ? "1 key" : "\(count) keys"
    if context.directory.isDryRun {
      try Jotmill.print("this would be written; nothing was changed:\n")
    }
    for place in places { try Jotmill.print("\(place): \(keys)\n") }
    for event in outcome.events {
      if case .wroteSet(let path) = event, path.hasSuffix("/openid-configuration") {
        try Jotmill.print("\(path): for \(issuer ?? "")\n")
      }
    }
    try Jotmill.print("Cache-Control: public, max-age=\(age)\n")
    return 0
  }

  /// Compares a copy from where verifiers get it with what they need.
  private static func check(_ arguments: Arguments, _ path: String) throws -> Int32 {
    for name in ["out", "discovery"] where arguments.has(name) {
      throw arguments.usage("--check writes nothing, so --\(name) has no place beside it")
    }
    let context = try KeysContext(arguments, changes: false)
    let ring = try context.directory.load()
    let shown = path == "-" ? "the copy" : path
    let bytes = try KeySources.read(path)
    let set: JWKSet
    do { set = try JWKSet.parse(bytes) } catch {
      throw JOSEError(error.code, "\(shown): \(error.detail)")
    }
    let found = ring.shortcomings(of: set, at: context.now)
    if arguments.has("json") {
      try OpenFile.standardOutput.write(
        JSONValue.object([
          "ok": .bool(found.isEmpty), "findings": .array(found.map { .string($0) }),
        ]).text(pretty: true))
    } else if !found.isEmpty {
      for line in found { try Jotmill.print(Terminal.printable("\(shown): \(line)") + "\n") }
    } else if !arguments.has("quiet") {
      try Jotmill.print("\(shown): holds every key that verifiers need, and none that is revoked\n")
    }
    return found.isEmpty ? 0 : 1
  }

  // MARK: Audit

  static func audit(_ arguments: Arguments) throws -> Int32 {
    let context = try KeysContext(arguments, changes: false)
    let now = context.now
    let ring = try context.directory.load()
    let findings = try context.directory.audit(at: now)
    if arguments["prometheus"] == "-" {
      try OpenFile.standardOutput.write(metrics(ring, findings, context.directory.path, now))
      return findings.isEmpty ? 0 : 1
    }
    if let path = arguments["prometheus"] {
      try context.directory.checkIsOutside(path)
      let file = try OutputFile(path, mode: 0o644)
      do { try file.file.write(metrics(ring, findings, context.directory.path, now)) } catch {
        file.discard()
        throw error
      }
      try file.commit()
    }
    if arguments.has("json") {
      try OpenFile.standardOutput.write(
        JSONValue.object([
          "at": .string(now.rfc3339),
          "findings": .array(
            findings.map { finding in
              .object(["code": .string(finding.code.rawValue), "detail": .string(finding.detail)])
            }),
        ]).text(pretty: true))
    } else if findings.isEmpty {
      guard !arguments.has("quiet") else { return 0 }
      try Jotmill.print("\(context.directory.path): nothing to mend\n")
    } else {
      for finding in findings {
        try Jotmill.print("\(finding.code.rawValue): \(Terminal.printable(finding.detail))\n")
      }
    }
    return findings.isEmpty ? 0 : 1
  }

  /// The text format of Prometheus, for node_exporter's textfile collector.
  private static func metrics(
    _ ring: Ring, _ findings: [Finding], _ path: String, _ now: Timestamp
  ) -> [UInt8] {
    var out = ""
    func label(_ text: String) -> String {
      text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
    let place = "ring=\"\(label(path))\""
    func metric(_ name: String, _ help: String, _ samples: [(labels: String, value: Int64)]) {
      out += "# HELP jotmill_\(name) \(help)\n# TYPE jotmill_\(name) gauge\n"
      for sample in samples {
        let more = sample.labels.isEmpty ? "" : ",\(sample.labels)"
        out += "jotmill_\(name){\(place)\(more)} \(sample.value)\n"
      }
    }
    metric(
      "audit_findings", "What an audit of the keyring found, by code.",
      Finding.Code.allCases.map { code in
        ("code=\"\(code.rawValue)\"", Int64(findings.count { $0.code == code }))
      })
    metric(
      "keys", "Keys of the keyring, by phase.",
      RingKey.Phase.allCases.map { phase in
        ("phase=\"\(phase.rawValue)\"", Int64(ring.keys.count { $0.phase(at: now) == phase }))
      })
    let active = ring.activeKey(at: now)
    metric(
      "signing_key_activation_seconds", "When the key that signs began to, as Unix time.",
      active?.activation.map { [("kid=\"\(active?.kid.description ?? "")\"", $0.seconds)] } ?? [])
    let next = ring.successor(at: now)
    metric(
      "next_key_activation_seconds", "When the next key will sign, as Unix time.",
      next?.activation.map { [("kid=\"\(next?.kid.description ?? "")\"", $0.seconds)] } ?? [])
    metric("audit_time_seconds", "When the audit was made, as Unix time.", [("", now.seconds)])
    return Array(out.utf8)
  }
}
