// The file that `--trust` names: each issuer with its own keys, algorithms, audiences and typ.
// Owns: its form. Must never: pass over a member that it does not know: a misspelt restriction
// would be none.

internal import JOSE
internal import Pipeline

struct TrustFile {
  struct Issuer {
    var name: ByteString
    /// Paths of JWK sets, key files and keyrings.
    var jwks: [String] = []
    var keys: [String] = []
    var keyrings: [String] = []
    var algorithms: [AlgorithmName]?
    var audiences: [ByteString] = []
    var typ: ByteString?
  }

  let issuers: [Issuer]

  /// Reads the file at `path`, beside which the files stand that it names.
  init(_ path: String) throws {
    let value: JSONValue
    do { value = try JSONValue(parsing: try KeySources.read(path)) } catch let failure
      as JSONFailure
    {
      throw Self.bad(
        path, failure == .syntax ? "not valid JSON" : "a member stands there twice")
    }
    guard case .object(let top) = value, top.map(\.name) == ["issuers"],
      case .object(let entries) = top[0].value, !entries.isEmpty
    else {
      throw Self.bad(
        path, "must be {\"issuers\":{\"https://issuer.example/\":{\"jwks\":\"FILE\"}}}")
    }
    let folder = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[...$0]) } ?? ""
    issuers = try entries.map { entry in
      do { return try Self.issuer(entry, folder) } catch let problem as Problem {
        throw Self.bad(path, "issuer \"\(entry.name.shortened)\": \(problem.text)")
      }
    }
  }

  private struct Problem: Error { var text: String }

  private static func bad(_ path: String, _ what: String) -> JOSEError {
    JOSEError(.badJSON, "\(path): \(what)")
  }

  private static func issuer(_ entry: JSONValue.Member, _ folder: String) throws -> Issuer {
    guard case .object(let members) = entry.value else { throw Problem(text: "not an object") }
    var issuer = Issuer(name: entry.name)
    for member in members {
      let name = member.name.description
      switch name {
      case "jwks": issuer.jwks = try paths(member, folder)
      case "key": issuer.keys = try paths(member, folder)
      case "keyring": issuer.keyrings = try paths(member, folder)
      case "audiences": issuer.audiences = try texts(member)
      case "typ":
        guard let typ = member.value.string else { throw Problem(text: "typ is no string") }
        issuer.typ = typ
      case "algorithms":
        issuer.algorithms = try texts(member).map { text in
          guard let algorithm = AlgorithmName(text.description) else {
            throw Problem(text: "the algorithm \"\(text.shortened)\" is not known")
          }
          return algorithm
        }
      default:
        throw Problem(
          text:
            "the member \"\(member.name.shortened)\" is not known; known are jwks, key, keyring, "
            + "algorithms, audiences, typ")
      }
    }
    guard !(issuer.jwks + issuer.keys + issuer.keyrings).isEmpty else {
      throw Problem(text: "no jwks, key or keyring")
    }
    return issuer
  }

  /// A string, or some in an array; an empty array would be a restriction that is none.
  private static func texts(_ member: JSONValue.Member) throws -> [ByteString] {
    if let text = member.value.string { return [text] }
    let texts = member.value.array?.compactMap(\.string) ?? []
    guard !texts.isEmpty, texts.count == member.value.array?.count else {
      throw Problem(text: "\(member.name) is no string and no array of strings")
    }
    return texts
  }

  private static func paths(_ member: JSONValue.Member, _ folder: String) throws -> [String] {
    try texts(member).map { text in
      guard !text.isEmpty, !text.bytes.contains(0) else {
        throw Problem(text: "\(member.name) names no file")
      }
      return text.bytes[0] == UInt8(ascii: "/") ? text.description : folder + text.description
    }
  }
}
