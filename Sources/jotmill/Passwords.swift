// Where a user's new password comes from: the terminal, twice, or a line of standard input.
// Owns: asking. Must never: take one from an argument or the environment, echo it, or leave a copy.

internal import Files
internal import JOSE
internal import Keyring

enum Passwords {
  /// Asks for a new password. Throws `.badPassword` for one that could not be used.
  static func new(of username: ByteString) throws -> SecretBytes {
    guard OpenFile.standardInput.isTerminal else { return try fromStandardInput() }
    let name = Terminal.printable(username.description)
    guard let first = OpenFile.askTerminal("password of \(name): ") else {
      throw KeyringError(.badPassword, "there is no terminal to ask for a password")
    }
    let secret = try checked(first)
    guard let second = OpenFile.askTerminal("once more: ") else {
      throw KeyringError(.badPassword, "the password was not repeated; nothing was changed")
    }
    guard secret.equals(try checked(second)) else {
      throw KeyringError(.badPassword, "the two differ; nothing was changed")
    }
    return secret
  }

  private static func fromStandardInput() throws -> SecretBytes {
    let most = PasswordVerifier.mostPasswordOctets
    // One buffer, so that growth leaves no copy behind; room for a line end and one octet too many.
    var buffer = [UInt8](repeating: 0, count: most + 3)
    defer { buffer.wipe() }
    var filled = 0
    while filled < buffer.count {
      let n = try OpenFile.standardInput.read(
        into: &buffer, at: filled, count: buffer.count - filled)
      if n == 0 { break }
      filled += n
    }
    buffer.removeLast(buffer.count - filled)
    return try checked(&buffer)
  }

  private static func checked(_ answer: consuming [UInt8]) throws -> SecretBytes {
    defer { answer.wipe() }
    return try checked(&answer)
  }

  /// Without its line end. What no login could send is refused: grants are JSON, so UTF-8.
  private static func checked(_ bytes: inout [UInt8]) throws -> SecretBytes {
    func bad(_ what: String) -> KeyringError { KeyringError(.badPassword, what) }
    if bytes.last == UInt8(ascii: "\n") {
      bytes.removeLast()
      if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    }
    guard !bytes.isEmpty else { throw bad("the password is empty") }
    guard bytes.count <= PasswordVerifier.mostPasswordOctets else {
      throw bad("a password has \(PasswordVerifier.mostPasswordOctets) octets at most")
    }
    guard !bytes.contains(where: { $0 == 0x0a || $0 == 0x0d }) else {
      throw bad("the password is one line, and there are more")
    }
    guard !bytes.contains(0) else { throw bad("the password holds a NUL") }
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw bad("the password is not UTF-8")
    }
    return SecretBytes(consuming: &bytes)
  }
}
