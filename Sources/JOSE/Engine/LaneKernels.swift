// Calls the kernels of CLanes on signatures of a batch.
// Owns: the arrays that they take and fill. Must never: decide whose answer stands.

internal import CLanes
internal import COpenSSL

/// One signature for a kernel: where it and what it signs stand, and its key.
@unsafe struct LaneCheck {
  var algorithm: Algorithm
  /// What LaneTable gave; Ed25519 hashes the encoded point.
  var table: OpaquePointer
  var publicKey: UnsafePointer<UInt8>
  /// As long as the lane says.
  var signature: UnsafePointer<UInt8>
  var input: UnsafeBufferPointer<UInt8>
}

/// One a worker: its storage is used from call to call.
@safe struct LaneKernels {
  @unsafe private var ecdsa: [clanes_p256_check] = unsafe []
  @unsafe private var edDSA: [clanes_ed25519_check] = unsafe []
  private var opened = [UInt8](repeating: 0, count: 8 * 512)

  /// Puts what the kernel says of each of `checks` into `answers`: bits of CLANES_VALID and
  /// CLANES_REDONE.
  @unsafe mutating func judge(
    _ lane: Lane, _ unit: clanes_unit, _ checks: [LaneCheck], into answers: inout [UInt8]
  ) {
    answers.removeAll(keepingCapacity: true)
    answers.append(contentsOf: repeatElement(0, count: unsafe checks.count))
    switch lane {
    case .rsa2048, .rsa3072, .rsa4096:
      unsafe judgeRSA(lane.signatureOctets, unit, checks, &answers)
    case .p256: unsafe judgeECDSA(unit, checks, &answers)
    case .ed25519: unsafe judgeEdDSA(unit, checks, &answers)
    }
    LaneFault.apply(to: &answers)
  }

  @unsafe private mutating func judgeRSA(
    _ octets: Int, _ unit: clanes_unit, _ checks: [LaneCheck], _ answers: inout [UInt8]
  ) {
    for start in stride(from: 0, to: unsafe checks.count, by: 8) {
      let count = unsafe min(8, checks.count - start)
      unsafe withUnsafeTemporaryAllocation(of: OpaquePointer?.self, capacity: 8) { keys in
        unsafe withUnsafeTemporaryAllocation(of: UnsafePointer<UInt8>?.self, capacity: 8) { all in
          for i in 0..<count {
            unsafe keys[i] = checks[start + i].table
            unsafe all[i] = checks[start + i].signature
          }
          let below = unsafe clanes_rsa_open(
            unit, octets, keys.baseAddress!, all.baseAddress!, count, &opened)
          for i in 0..<count where below >> UInt32(i) & 1 == 1 {
            let isValid = unsafe opened.withUnsafeBufferPointer {
              unsafe Self.isEncoding($0.baseAddress! + i * octets, octets, checks[start + i])
            }
            answers[start + i] = isValid ? UInt8(CLANES_VALID) : 0
          }
        }
      }
    }
  }

  @unsafe private static func isEncoding(
    _ message: UnsafePointer<UInt8>, _ octets: Int, _ check: LaneCheck
  ) -> Bool {
    let bits = Int32(unsafe check.algorithm.hashBits)
    return unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { digest in
      unsafe jm_digest(
        bits, check.input.baseAddress, check.input.count, digest.baseAddress)
      return unsafe check.algorithm.family == .rsaPSS
        ? jm_is_pss_encoding(message, octets, bits, digest.baseAddress) == 1
        : jm_is_pkcs1_encoding(message, octets, bits, digest.baseAddress) == 1
    }
  }

  @unsafe private mutating func judgeECDSA(
    _ unit: clanes_unit, _ checks: [LaneCheck], _ answers: inout [UInt8]
  ) {
    unsafe ecdsa.removeAll(keepingCapacity: true)
    for i in unsafe checks.indices {
      let check = unsafe checks[i]
      var item = unsafe clanes_p256_check()
      unsafe item.key = unsafe check.table
      unsafe item.signature = unsafe check.signature
      unsafe withUnsafeMutableBytes(of: &item.digest) {
        unsafe jm_digest(
          256, check.input.baseAddress, check.input.count,
          $0.baseAddress!.assumingMemoryBound(to: UInt8.self))
      }
      unsafe ecdsa.append(item)
    }
    unsafe clanes_p256_verify(unit, ecdsa, ecdsa.count, &answers)
  }

  @unsafe private mutating func judgeEdDSA(
    _ unit: clanes_unit, _ checks: [LaneCheck], _ answers: inout [UInt8]
  ) {
    unsafe edDSA.removeAll(keepingCapacity: true)
    for i in unsafe checks.indices {
      let check = unsafe checks[i]
      var item = unsafe clanes_ed25519_check()
      unsafe item.key = unsafe check.table
      unsafe item.signature = unsafe check.signature
      unsafe edDSA.append(item)
    }
    unsafe edDSA.withUnsafeMutableBufferPointer { items in
      let isWide = unit == CLANES_IFMA
      for start in stride(from: 0, to: unsafe checks.count, by: isWide ? 8 : 1) {
        if isWide {
          unsafe Self.hashEight(checks, start, items)
        } else {
          unsafe withUnsafeMutableBytes(of: &items[start].hash) {
            unsafe jm_ed25519_hash(
              checks[start].signature, checks[start].publicKey, checks[start].input.baseAddress,
              checks[start].input.count, $0.baseAddress!.assumingMemoryBound(to: UInt8.self))
          }
        }
      }
    }
    unsafe clanes_ed25519_verify(unit, edDSA, edDSA.count, &answers)
  }

  @unsafe private static func hashEight(
    _ checks: [LaneCheck], _ start: Int, _ items: UnsafeMutableBufferPointer<clanes_ed25519_check>
  ) {
    let count = unsafe min(8, checks.count - start)
    unsafe withUnsafeTemporaryAllocation(of: clanes_sha512_message.self, capacity: 8) { messages in
      for i in 0..<count {
        let check = unsafe checks[start + i]
        unsafe messages[i] = unsafe clanes_sha512_message(
          head: check.signature, middle: check.publicKey, rest: check.input.baseAddress,
          rest_octets: check.input.count)
      }
      unsafe withUnsafeMutableBytes(of: &items[start].hash) {
        unsafe clanes_sha512_x8(
          messages.baseAddress, count, $0.baseAddress!.assumingMemoryBound(to: UInt8.self),
          MemoryLayout<clanes_ed25519_check>.stride)
      }
    }
  }

  /// What the algorithm takes of a message: its digest, or Ed25519's hash.
  static func hash(
    _ algorithm: Algorithm, _ message: [UInt8], signature: [UInt8], key: JWK
  ) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: 64)
    guard algorithm == .edDSA else {
      unsafe jm_digest(Int32(algorithm.hashBits), message, message.count, &out)
      return Array(out[..<(algorithm.hashBits / 8)])
    }
    precondition(signature.count == 64 && key.laneOctets.count == 32, "an Ed25519 signature")
    unsafe jm_ed25519_hash(signature, key.laneOctets, message, message.count, &out)
    return out
  }
}
