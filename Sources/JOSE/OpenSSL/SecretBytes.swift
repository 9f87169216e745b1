// Octets that must not outlive their use: wiped when the last owner lets go.
// Owns: secret memory. Must never: print, compare in variable time, or hand out a copy unasked.

internal import COpenSSL

/// Immutable secret octets at one address, wiped on deinit.
@safe public final class SecretBytes: @unchecked Sendable, CustomStringConvertible {
  // Sendable: written in init only.
  private let storage: UnsafeMutableBufferPointer<UInt8>

  /// Copies `bytes` and wipes the original.
  public init(consuming bytes: inout [UInt8]) {
    unsafe storage = .allocate(capacity: bytes.count)
    _ = unsafe storage.initialize(fromContentsOf: bytes)
    bytes.wipe()
  }

  /// `count` octets from OpenSSL's private random generator.
  public init(randomCount count: Int) throws(JOSEError) {
    unsafe storage = .allocate(capacity: count)
    unsafe storage.initialize(repeating: 0)
    guard unsafe RAND_priv_bytes(storage.baseAddress, Int32(count)) == 1 else {
      throw JOSEError(.openSSL, "the system's random generator failed")
    }
  }

  deinit {
    unsafe OPENSSL_cleanse(storage.baseAddress, storage.count)
    unsafe storage.deallocate()
  }

  public var count: Int { unsafe storage.count }

  /// Reveals the octets to `body` without copying them.
  package func reveal<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
    try body(unsafe storage.span)
  }

  /// Constant time in the contents.
  public func equals(_ other: SecretBytes) -> Bool {
    unsafe count == other.count
      && CRYPTO_memcmp(storage.baseAddress, other.storage.baseAddress, count) == 0
  }

  public var description: String { "(\(count) secret octets)" }
}

extension [UInt8] {
  /// Overwrites the octets with zeros, in a way the optimiser keeps, and empties the array.
  package mutating func wipe() {
    clear()
    removeAll()
  }

  /// The same, and keeps the zeros.
  package mutating func clear() {
    unsafe withUnsafeMutableBufferPointer { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
  }
}

/// Random octets for identifiers, which are public.
package func randomOctets(_ count: Int) -> [UInt8] {
  var out = [UInt8](repeating: 0, count: count)
  let done = unsafe out.withUnsafeMutableBufferPointer {
    unsafe RAND_bytes($0.baseAddress, Int32($0.count)) == 1
  }
  precondition(done, "OpenSSL's random generator must work")
  return out
}

/// SHA-256 of public octets.
package func sha256(_ bytes: [UInt8]) -> [UInt8] {
  var out = [UInt8](repeating: 0, count: 32)
  unsafe bytes.withUnsafeBufferPointer { from in
    unsafe out.withUnsafeMutableBufferPointer { to in
      unsafe jm_digest(256, from.baseAddress, from.count, to.baseAddress)
    }
  }
  return out
}

/// OpenSSL's own version line.
public var openSSLVersion: String { unsafe String(cString: OpenSSL_version(OPENSSL_VERSION)) }
