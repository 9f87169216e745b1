// The kinds of key that CLanes has kernels for, and what a kernel needs of one key.
// Owns: a key's table. Must never: be given a private half.

internal import CLanes
internal import Synchronization

enum Lane: UInt8, CaseIterable {
  case rsa2048, rsa3072, rsa4096, p256, ed25519

  /// The kernel for a key; nil leaves it to OpenSSL.
  init?(_ key: JWK) {
    switch key.material {
    case .rsa(let n, let e):
      guard e == [1, 0, 1], n[0] & 0x80 != 0, n[n.count - 1] & 1 == 1 else { return nil }
      switch n.count {
      case 256: self = .rsa2048
      case 384: self = .rsa3072
      case 512: self = .rsa4096
      default: return nil
      }
    case .ec(.p256, _, _): self = .p256
    case .okp(.ed25519, _): self = .ed25519
    default: return nil
    }
  }

  var isRSA: Bool { self == .rsa2048 || self == .rsa3072 || self == .rsa4096 }

  /// One that its keys sign with.
  var algorithm: Algorithm {
    switch self {
    case .rsa2048, .rsa3072, .rsa4096: .rs256
    case .p256: .es256
    case .ed25519: .edDSA
    }
  }

  var signatureOctets: Int {
    switch self {
    case .rsa2048: 256
    case .rsa3072: 384
    case .rsa4096: 512
    case .p256, .ed25519: 64
    }
  }

  /// What a table takes in memory, in octets.
  var tableOctets: Int {
    switch self {
    case .rsa2048, .rsa3072, .rsa4096: clanes_rsa_key_bytes(signatureOctets)
    case .p256: clanes_p256_key_bytes()
    case .ed25519: clanes_ed25519_key_bytes()
    }
  }

  /// From how many signatures on a table has paid for being made, where OpenSSL would have verified
  /// them: milliseconds for a curve, tens of microseconds for a modulus.
  var worthwhileUses: Int { isRSA ? 8 : 48 }
}

/// One key's table, made at its first use, which may be on any thread.
@safe final class LaneTable: @unchecked Sendable {
  // Sendable: `made` changes under the lock and only once; what it points to is never written again.

  /// Good as long as the table lives.
  @unsafe struct Made {
    var table: OpaquePointer
    /// The modulus, x and y, or the encoded point.
    var octets: UnsafePointer<UInt8>
  }

  private let lane: Lane
  private let octets: UnsafeMutableBufferPointer<UInt8>
  private let lock = Mutex(())
  private var table: OpaquePointer?
  private var isTried = false

  init(_ lane: Lane, _ octets: [UInt8]) {
    self.lane = lane
    unsafe self.octets = .allocate(capacity: octets.count)
    _ = unsafe self.octets.initialize(from: octets)
  }

  deinit {
    unsafe octets.deallocate()
    guard let table = unsafe table else { return }
    switch lane {
    case .rsa2048, .rsa3072, .rsa4096: unsafe clanes_rsa_key_free(table)
    case .p256: unsafe clanes_p256_key_free(table)
    case .ed25519: unsafe clanes_ed25519_key_free(table)
    }
  }

  /// nil if the kernel has no use for the key.
  var made: Made? {
    unsafe lock.withLock { _ in
      if !isTried {
        isTried = true
        let octets = unsafe UnsafePointer(self.octets.baseAddress!)
        switch lane {
        case .rsa2048, .rsa3072, .rsa4096:
          unsafe table = clanes_rsa_key_new(octets, lane.signatureOctets)
        case .p256: unsafe table = clanes_p256_key_new(octets)
        case .ed25519: unsafe table = clanes_ed25519_key_new(octets)
        }
      }
      return unsafe table.map { unsafe Made(table: $0, octets: octets.baseAddress!) }
    }
  }
}

extension JWK {
  /// What a table is made of.
  var laneOctets: [UInt8] {
    switch material {
    case .rsa(let n, _): n
    case .ec(_, let x, let y): x + y
    case .okp(_, let x): x
    case .oct: preconditionFailure("a secret has no place in the lanes")
    }
  }
}
