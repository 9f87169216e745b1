// A ring with users and refresh tokens, for the tests of grant.
// Owns: making them, and reading requests' answers.

import Foundation
import Testing

struct Grants {
  let space: Workspace
  /// Requests to exchange refresh tokens, one for each token.
  private(set) var requests: [String] = []

  /// The password is `a`.
  static let verifier = "$2b$04$ablpJ9LkizaGQ6AMrBfxh.PMtW00XGOtZ85sFtlMCEUJpa5LCiHUC"

  /// A ring of `algorithm` with the users `ada` and `bob`, and `count` refresh tokens of theirs.
  init(_ algorithm: String = "HS256", count: Int) throws {
    space = try Workspace()
    let made = try space.shell(
      """
      set -e
      jotmill keys init -q --alg \(algorithm)
      printf 'username,hashed_password\\nada,%s\\nbob,%s\\n' '\(Self.verifier)' '\(Self.verifier)' |
      jotmill users import -q -
      seq \(count) | sed 's/.*/{"sub":"ada"}/' | jotmill sign -q --refresh | jq -c '{grant_type: "refresh_token", refresh_token}'
      """, seconds: 1800)
    #expect(made.status == 0, "\(made.errors)")
    requests = made.lines.map(String.init)
    #expect(requests.count == count)
  }

  static func login(_ username: String, _ password: String = "a") -> String {
    #"{"grant_type":"password","username":"\#(username)","password":"\#(password)"}"# + "\n"
  }

  /// The claims of a token that stands in `text` behind `member`.
  static func claims(_ member: String, of text: some StringProtocol) throws -> [String: Any] {
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let token = try #require(object[member] as? String, "\(text)")
    var payload = token.split(separator: ".")[1].replacing("-", with: "+").replacing("_", with: "/")
    payload += String(repeating: "=", count: (4 - payload.count % 4) % 4)
    let decoded = try #require(Data(base64Encoded: String(payload)))
    return try #require(try JSONSerialization.jsonObject(with: decoded) as? [String: Any])
  }

  /// The id of the refresh token that a request is about.
  static func id(_ request: some StringProtocol) throws -> String {
    try #require(try claims("refresh_token", of: request)["jti"] as? String)
  }

  /// The ids of the ledger, which holds each once, in whole lines.
  func spent(isWhole: Bool = true) throws -> Set<String> {
    let text = String(decoding: space.read("keys/grants.ndjson"), as: UTF8.self)
    #expect(!isWhole || text.isEmpty || text.hasSuffix("\n"))
    var ids: Set<String> = []
    for line in text.split(separator: "\n") {
      guard
        let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        let id = object["jti"] as? String
      else {
        #expect(!isWhole, "\(line)")
        continue
      }
      #expect(ids.insert(id).inserted, "\(id) stands there twice")
    }
    return ids
  }
}
