// bcrypt, which the system's crypt(3) knows and OpenSSL does not.
// Owns: calling it. Must never: keep a password or a digest.

internal import CSystem

package enum Bcrypt {
  package enum Failure: Error {
    case noMemory
    /// The system's crypt(3) knows no bcrypt.
    case unsupported
  }

  package static let digestLetters = 31

  /// The letters of the digest of `password`, of which bcrypt takes the first 72 octets and none
  /// after a NUL. `setting` is `$2b$`, two digits of cost, `$` and 22 letters of salt. The caller
  /// wipes the answer.
  package static func digest(
    _ password: Span<UInt8>, setting: [UInt8]
  ) throws(Failure) -> [UInt8] {
    precondition(setting.count == 29 && !setting.contains(0), "a setting has 29 letters")
    var out = [UInt8](repeating: 0, count: digestLetters)
    let text = setting.map { CChar(bitPattern: $0) } + [0]
    // An empty buffer has no address.
    let none: [UInt8] = [0]
    let done = unsafe password.withUnsafeBufferPointer { octets in
      unsafe none.withUnsafeBufferPointer { none in
        unsafe csystem_bcrypt(octets.baseAddress ?? none.baseAddress, octets.count, text, &out)
      }
    }
    switch done {
    case 1: return out
    case 0: throw .noMemory
    default: throw .unsupported
    }
  }
}
