// Known answers: what each kernel is asked before its first use in a process.
// Owns: one key and signature for each. They were made by OpenSSL; the private halves are gone.

internal import CLanes

enum LaneSelfTest {
  /// One key's signature over `message`.
  struct Known {
    /// As LaneTable takes it.
    var key: [UInt8]
    var signature: [UInt8]

    init(key: StaticString, signature: StaticString) {
      func decoded(_ text: StaticString) -> [UInt8] {
        let octets = Base64URL.decode(text.withUTF8Buffer { unsafe Array($0) })
        guard let octets else { preconditionFailure("the known answers are base64url") }
        return octets
      }
      self.key = decoded(key)
      self.signature = decoded(signature)
    }
  }

  /// Long enough for several blocks of each hash.
  static let message = [UInt8]((0..<50).flatMap { _ in "jotmill".utf8 })

  /// What is wrong with the kernel for `lane`, nil if it gives the known answers: each third
  /// signature holds, and in the others one bit was turned over. They fill the lanes three times.
  static func failure(of lane: Lane, on unit: clanes_unit) -> String? {
    let known = known(lane)
    let table = LaneTable(lane, known.key)
    guard let made = unsafe table.made else { return "it made no table for a good key" }
    let count = 24
    var signatures: [UInt8] = []
    for i in 0..<count {
      var signature = known.signature
      let bit = i * 5003 % (signature.count * 8)
      if i % 3 != 0 { signature[bit / 8] ^= 1 << UInt8(bit % 8) }
      signatures += signature
    }
    var (kernels, answers) = (LaneKernels(), [UInt8]())
    unsafe signatures.withUnsafeBufferPointer { signatures in
      unsafe message.withUnsafeBufferPointer { message in
        let checks = unsafe (0..<count).map { i in
          unsafe LaneCheck(
            algorithm: lane.algorithm, table: made.table, publicKey: made.octets,
            signature: signatures.baseAddress! + i * known.signature.count, input: message)
        }
        unsafe kernels.judge(lane, unit, checks, into: &answers)
      }
    }
    let wrong = answers.indices.filter {
      (answers[$0] & UInt8(CLANES_VALID) != 0) != ($0 % 3 == 0)
    }
    return wrong.isEmpty ? nil : "wrong answers for signatures \(wrong) of \(count)"
  }

  static func known(_ lane: Lane) -> Known {
    switch lane {
    case .rsa2048:
      Known(
        key: """
          yH81yw1EiszoXn3MYmXQCbwlQu0gtACBbw8dFijuBiZdI7NfqzoZaz0sjhLA61nsf9EUJXGaPXsY-\
          pMIrqkLhP4HklfwOBwa64VTslV08A4CjQyjuiyY06ss_rIOc6OHoBeLcXmGlBItq7E8crh70N-Xvg-\
          NonFLDUnxBQQJl45a7lgWc0J0QZmR1dtyaflLTGrM6fodW_HL-FsERum4xvFkCzTMXl9qCQZ4WGY11Mm2lkp9a\
          STJDrCkCozGM4BbMadktMyGGUqoetpNAmHuY_Im5ug7JukOkjjaUncAuchABdwg7-\
          LiWXAiTGejftrZVK1inKZARH2yMsfen-qXkQ
          """,
        signature: """
          r_4A_QAj10IIbTlnBYrTpstpb62bfst24t1FihxeDzjHT2NQVVXaeh1SCtefPcnG-\
          PoPauv5cgDPZksQ1BpKsb6Dxr34CkSNJtaP035Tpa37CTMHgPL9XQN-miFcfmErHdbJ_w8lUP70jMhSp75qocw\
          q3TnjhtExf3PMGT4cqZtdTQ0m-1gjJK1t06t6tMug-4stprVXLDJxUR6X-vrEfcVNon-\
          xy2nzBqzZjuzli-9NgbZvmZAYLGwemoE2tDAe8OZsKYkpewVnA-3avRbNsC-prxPZLSjYWJj-\
          HPmU80HdKwq_IIsr0RCRzYEc5Ake8cKFHPxHiHIWDpfmMqsIKQ
          """)
    case .rsa3072:
      Known(
        key: """
          uBIMVAOA2gimqL6FIC3XPCP4nKzypnwArDliCklYI6_H_StgMotsakBy0VlaeY9r_tM9DAQtOfiVoL6wqRwcFd\
          0LfbijA5DkGkFdYmOy8ga-hp6LhHlz0RNjxlmhx5_wyPAa_axKwwP3AX4BKUvDvQSrdesba6b_uVqfvK9Hvzx7\
          vlrr8Or4fB_LkC8e7oBPNSWCPI4xYGOmFh0erluGlY02AwhPTbqnCytIuaU-ww3xH3N7E71W3SzyKTLYqApQO5\
          ieEHPa0q_RBUzTby3tidEufcDkDSKY5bBK2apqtfF7O5mjLAYCYNKn1K7hiTRjxc7fMU70uh1cIDyTTWFSBd7d\
          r-N1l8gNu-HQDt2qZUE3wkpAVR9qie7nQyhz49I0hApRoJqITQpKJ2TIEMz5chQpSzh84qgHpK9nzNXxHobhkA\
          CBI_ME46ghTPbzhWhnqjHCiyGy_l95UAFftNB9K0OmPpj1dcJvqFo8wcp2LXLZRNziNrnF7gFMaDPMj-wr
          """,
        signature: """
          adKt6yl0UICWr48ISCeUv5s2V3SnwAJpoFRyn-pFrZ-\
          0ql2a30kMgP3Kx7ztpw327Qs37YteFpxUfyfrYc_D64RQeLN6Vly_gg9ZD_youlA11lgbPwS3_z_MTfpZr6Xg1\
          rgptPd28F6lYcENGwANaPnz0hmlh7WUhnHNqJsO8jbcgTtEfZhR7Dyav2NT-\
          xfv7CiLfXJyYrmbqWg0rlxbvWSsQSdxfkqqBmNX28xfTcdwML078G9Bs-9xRVKiSWT38XWahtbr9rf2Z2SUEE-\
          Efp-6Me_gTtdqD6k251h-\
          riQY5VGQ_HLEZPT9vuby254wLJmLtKZrNqEBU_IJlpqK_SVth7CpCcXZSa3gIH8wgciDgNGDPuv5mlDoXF9p1g\
          9oP6ls7I45gaTR_TMlSCPPJZZR0d9XTkV7TMrOT9qVR_NxGAcNH0K0dhNXRjGcZ9D9swwkxnqbati7PU2zcagA\
          luJAgZK-EbOcvYHPFC2fq9ReNkEnUa4FfgZJoC1pt_gE
          """)
    case .rsa4096:
      Known(
        key: """
          pYHrTBBY5jVk-aqW2wjf73SURDxCrzLFL3lR_eDN04-\
          J_jCo11wHhF96AOjWZdF3WZ5DcXab7quRtTnbnAZ2anhzLDmEz4XI6tKolyPvbJ1qhWQcscTj2PyEqR05Yx7fr\
          7rjavBOL15UVGwe1CtNmog7fwx8XEAV6NczdP5Fl0PH7Qm7oWY1V57bea3pyQfZ1a7aKVJwiC8VAtNSFirQbXi\
          IszBU2c1KIt4cAO9zdQ2XDOqn2127LgIenoRVajGpRyN-nX844X4F9CNuMkhkPaLnr7VDBg3W2DjxeWkDVV_XD\
          MkgC3wdELCa60fOcQTVPg7CHmy3W9n6Zb03EauGiKlOQj_jTpEbfEekEd3ufJSMxGMwtNncSukXruC6Pjyt8rg\
          oG-UtsC5nALlj4nFQvudwLzf7DF47aXtRKbnqBASW1p7BZYBEXxKnrm-Sc5B-lJbz8paU0naUWexpCSCdEKU2-\
          6vecEmU7D7C0lg8U1T56TybpQ5AwLEeeAO0s9N6hRoxCZi4zEU1tLtSvxK-rTXRYLRFz0Q4aWkXMsxASVNTZu_\
          FgCYjgsFYMA4pfc-t3SexjBWNSI1MwUPWwW_mn7efSf54bRpkIRP62BZlyhGan_oleELt4Ug5QbjE-\
          Do65RUYB-ssU8FChwgIwbjiISoCwXQwX54V3TCITObUOVM
          """,
        signature: """
          FvC02FlZlOqhjPE5CNtbVV9i1L8u-\
          sZ4DPN218b_ReJNJbZ0tCi4EFhH03vt7DXQHD7SARunrfCKGAvfL3javC1dhi30-AryZn144ZBkoxYap3r4-\
          fCHUtaTs7kFRGTWY5tX6u0rvTadrYSmtRmurpoApQAGETkVrjmjoI15pWKlUmQRSg5h1qLP74fGG5cgi7R21_n\
          lkG_OLkgt_5-3kCMVTP1foq1YXRux1LJFW1amKRFuwBjKL4peYlTzZwwMpA8lNZE8sYQzgUDVnWFj41L-\
          kv_iKcCNfRnco0H-vszDysac182Vkl6poRXpl6EF79l7k2wyYrcJ3mmF--Pdn8nBcrj-IzD3fjYH9EldD9PiqK\
          J3LplcrfNCkNuO0818tTmQG5TN_JKutoNTY9NTP1zA6kVcOxwQWpHCc8E6Rawi9_E27iHvSfBB6PTFGIs7-\
          fk5sRnH8E3DWLq7X_qL4tAgYkyD6fCthCxUaYOFlJLTWlxAw8RNIqxsRu5KfnE3DDxbHD2nfZFZ3xbBO9kAc1R\
          viMRCSCgyCMwfLfphRXIz9wCwsk86SzsDv4IflMHdDHiGJekP_Mp9cm6FrfLtdwfWmxu7BVLAKOBc7Wk5eEFk6\
          We_8NrQoZNIHgqFOzVSz7L4XuV1Xeq-l-vN2l3Y5zZXtAtRrfaTVk06sv-ojIA
          """)
    case .p256:
      Known(
        key: """
          ZNFLk3xDJtUM-O6LhAnVqvX4mjAkHsg1-aVAgL13fekatbzH48ghdLkGNpUEh7S_6fLQRveRMbXDxv96Nz57tg
          """,
        signature: """
          Ehz6aV7X5nz0yc4Jv6xDmyAkrGs9ANJUBU1znOkM4Eab9AacN1cCxuoaSnX44YEQTLF6QfR8r6efvDS1mFJmFQ
          """)
    case .ed25519:
      Known(
        key: """
          88oAjQnMSHW9u7XUXOetUmYf6sXO58hblgfZxTFZZRM
          """,
        signature: """
          PVT3te7-XMeGfIUiGKFGGCxL2vFckUoXyoRUbkgrfiAcylAr7y-_jlXwq5NyaTwUdHiH4KTdCjXMZFD7y0q_DA
          """)
    }
  }
}
