// A token request, read from a line (RFC 6749 sections 4.3.2 and 6, as a JSON object).
// Owns: which requests are well formed. Must never: keep a password beyond the request.

internal import JOSE

/// Where the refresh token of a request is, TokenJudge knows.
struct GrantRequest {
  enum Kind {
    case password(username: ByteString, password: SecretBytes)
    case refreshToken
  }

  var kind: Kind
  /// nil: none was asked for.
  var scope: Scope?

  struct Failure: Error {
    var rejection: Rejection
    var detail: String
    init(_ rejection: Rejection, _ detail: String) {
      (self.rejection, self.detail) = (rejection, detail)
    }
  }

  /// Parameters that a request has no use for are passed over (RFC 6749 section 3.2).
  static func read(
    _ bytes: Span<UInt8>, _ text: Range<Int>, _ document: inout JSONDocument
  ) -> Result<GrantRequest, Failure> {
    do throws(Failure) { return .success(try GrantRequest(bytes, text, &document)) } catch {
      return .failure(error)
    }
  }

  private init(
    _ bytes: Span<UInt8>, _ text: Range<Int>, _ document: inout JSONDocument
  ) throws(Failure) {
    switch document.parse(bytes, text) {
    case .syntax:
      throw Failure(.badJSON, text.isEmpty ? "an empty line" : "the line is no JSON object")
    case .duplicateMember:
      throw Failure(.invalidRequest, "a parameter stands there twice")
    case nil: break
    }
    guard document.nodes[0].kind == .object else {
      throw Failure(.badJSON, "the line is no JSON object")
    }
    let type = try Self.parameter("grant_type", document, bytes)
    if document.equals(type, "password", in: bytes) {
      let username = document.unescaped(try Self.parameter("username", document, bytes), in: bytes)
      var password = document.unescaped(try Self.parameter("password", document, bytes), in: bytes)
      kind = .password(
        username: ByteString(username), password: SecretBytes(consuming: &password))
    } else if document.equals(type, "refresh_token", in: bytes) {
      _ = try Self.parameter("refresh_token", document, bytes)
      kind = .refreshToken
    } else {
      throw Failure(.unsupportedGrantType, "the grant types are password and refresh_token")
    }
    guard let node = document.member("scope", in: bytes) else { return }
    guard document.nodes[node].kind == .string,
      let scope = Scope(ByteString(document.unescaped(node, in: bytes)))
    else {
      throw Failure(
        .invalidScope, "the scope is not words with one space between them, in 4096 octets")
    }
    self.scope = scope.isEmpty ? nil : scope
  }

  /// The node of a parameter, which must be there and a string.
  private static func parameter(
    _ name: StaticString, _ document: borrowing JSONDocument, _ bytes: Span<UInt8>
  ) throws(Failure) -> Int {
    guard let node = document.member(name, in: bytes) else {
      throw Failure(.invalidRequest, "\(name) is missing")
    }
    guard document.nodes[node].kind == .string else {
      throw Failure(.invalidRequest, "\(name) is no string")
    }
    return node
  }
}
