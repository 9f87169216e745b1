// An operator's error about a ring or its users: what is wrong and what to do.

public struct KeyringError: Error, Equatable, CustomStringConvertible, Sendable {
  public enum Code: Sendable {
    case notARing, alreadyARing, badFormat, unsafePolicy, unsafePermissions
    case noSuchKey, keyExists, noActiveKey, noPrivateKey, wrongKind, clockBehind, notPublished
    case tooEarly, noPassphrase, wrongPassphrase
    case badVerifier, unsupported, badPassword, badName, noSuchUser, userExists
  }
  public var code: Code
  public var detail: String

  package init(_ code: Code, _ detail: String) {
    self.code = code
    self.detail = detail
  }

  public static func == (a: KeyringError, b: KeyringError) -> Bool { a.code == b.code }
  public var description: String { detail }
}
