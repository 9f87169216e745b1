// Claims and header members that a command line gives to tokens.
// Owns: what can be given, and each thing once. Must never: take what jotmill sets by itself.

internal import JOSE

enum ClaimOptions {
  typealias Member = (name: ByteString, json: [UInt8])

  /// `--iss`, `--sub`, `--aud`, `--token-type`, `--fresh`, `--claim`, in this order.
  static func claims(_ arguments: Arguments) throws -> [Member] {
    var claims: [Member] = []
    func text(_ value: String) -> [UInt8] { JSONValue.string(value).text() }
    if let iss = arguments["iss"] { claims.append(("iss", text(iss))) }
    if let sub = arguments["sub"] { claims.append(("sub", text(sub))) }
    let audiences = arguments.all("aud")
    if audiences.count == 1 { claims.append(("aud", text(audiences[0]))) }
    if audiences.count > 1 {
      claims.append(("aud", JSONValue.array(audiences.map { .string($0) }).text()))
    }
    if let type = arguments["token-type"], type != "none" { claims.append(("type", text(type))) }
    if arguments.has("fresh") { claims.append(("fresh", Array("true".utf8))) }
    for pair in arguments.all("claim") {
      claims.append(try member(pair, "--claim", arguments))
    }
    if let twice = repeated(claims) {
      throw arguments.usage("the claim \"\(twice)\" is given twice")
    }
    return claims
  }

  /// `--typ` as it stands in a header: nil for none.
  static func typ(_ arguments: Arguments) -> ByteString? {
    arguments["typ"] == "none" ? nil : ByteString(arguments["typ"] ?? "JWT")
  }

  /// `--header` and `--jku`.
  static func header(_ arguments: Arguments) throws -> [Member] {
    var header: [Member] = []
    for pair in arguments.all("header") { header.append(try member(pair, "--header", arguments)) }
    if let url = arguments["jku"] { header.append(("jku", JSONValue.string(url).text())) }
    let taken: [ByteString] = ["alg", "kid", "typ", "crit", "b64"]
    if let name = header.map(\.name).first(where: taken.contains) {
      throw arguments.usage("--header can't set \"\(name)\"")
    }
    if let twice = repeated(header) {
      throw arguments.usage("the header member \"\(twice)\" is given twice")
    }
    return header
  }

  private static func repeated(_ members: [Member]) -> ByteString? {
    let names = members.map(\.name)
    return names.first { name in names.filter { $0 == name }.count > 1 }
  }

  /// `NAME=JSON`.
  private static func member(
    _ pair: String, _ option: String, _ arguments: Arguments
  ) throws -> Member {
    let bytes = Array(pair.utf8)
    guard let equals = bytes.firstIndex(of: UInt8(ascii: "=")), equals > 0 else {
      throw arguments.usage("\(option) is NAME=JSON, such as role='\"admin\"', not \"\(pair)\"")
    }
    // As a member of an object, so that depth is counted as it will be.
    let text = Array("{\"x\":".utf8) + bytes[(equals + 1)...] + [UInt8(ascii: "}")]
    let name = ByteString(Array(bytes[..<equals]))
    var document = JSONDocument()
    let failure = document.parse(text)
    guard failure == nil, document.nodes[0].next == document.nodes[2].next else {
      throw arguments.usage(
        failure == .duplicateMember
          ? "\(option) \(name): a member name stands there twice"
          : "\(option) \(name): the value is no JSON; a text needs its quotes, such as '\"admin\"'")
    }
    return (name, JSONValue(document, 2, text.span).text())
  }
}
