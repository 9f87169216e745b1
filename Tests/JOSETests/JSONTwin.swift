// A plain, slow reader of strict JSON (RFC 8259, at most 64 levels), to hold against the fast one.
// Owns: a second opinion. Must never: share code with the reader under test.

/// Reads a text scalar by scalar, after the standard library has checked its UTF-8.
struct JSONTwin {
  enum Verdict: Equatable { case valid, syntax, duplicate }

  private struct Syntax: Error {}

  private let scalars: [UInt32]
  private var at = 0
  private var hasDuplicate = false

  static func judge(_ bytes: [UInt8]) -> Verdict {
    guard let text = String(validating: bytes, as: UTF8.self) else { return .syntax }
    var twin = JSONTwin(scalars: text.unicodeScalars.map(\.value))
    do {
      twin.space()
      try twin.value(depth: 0)
      twin.space()
    } catch { return .syntax }
    guard twin.at == twin.scalars.count else { return .syntax }
    return twin.hasDuplicate ? .duplicate : .valid
  }

  private init(scalars: [UInt32]) { self.scalars = scalars }

  private var peek: Unicode.Scalar? { at < scalars.count ? Unicode.Scalar(scalars[at]) : nil }

  private mutating func take() throws -> Unicode.Scalar {
    guard let c = peek else { throw Syntax() }
    at += 1
    return c
  }

  private mutating func want(_ c: Unicode.Scalar) throws {
    guard try take() == c else { throw Syntax() }
  }

  private mutating func space() {
    while let c = peek, " \n\r\t".unicodeScalars.contains(c) { at += 1 }
  }

  private mutating func value(depth: Int) throws {
    guard let c = peek else { throw Syntax() }
    switch c {
    case "{": try object(depth: depth + 1)
    case "[": try array(depth: depth + 1)
    case "\"": _ = try string()
    case "t": for letter in "true".unicodeScalars { try want(letter) }
    case "f": for letter in "false".unicodeScalars { try want(letter) }
    case "n": for letter in "null".unicodeScalars { try want(letter) }
    default: try number()
    }
  }

  private mutating func object(depth: Int) throws {
    guard depth <= 64 else { throw Syntax() }
    try want("{")
    space()
    if peek == "}" {
      at += 1
      return
    }
    var names: Set<[UInt32]> = []
    while true {
      if !names.insert(try string()).inserted { hasDuplicate = true }
      space()
      try want(":")
      space()
      try value(depth: depth)
      space()
      let c = try take()
      if c == "}" { return }
      guard c == "," else { throw Syntax() }
      space()
    }
  }

  private mutating func array(depth: Int) throws {
    guard depth <= 64 else { throw Syntax() }
    try want("[")
    space()
    if peek == "]" {
      at += 1
      return
    }
    while true {
      try value(depth: depth)
      space()
      let c = try take()
      if c == "]" { return }
      guard c == "," else { throw Syntax() }
      space()
    }
  }

  /// The string's characters as scalars, its escapes resolved.
  private mutating func string() throws -> [UInt32] {
    try want("\"")
    var out: [UInt32] = []
    while true {
      let c = try take()
      if c == "\"" { return out }
      guard c.value >= 0x20 else { throw Syntax() }
      guard c == "\\" else {
        out.append(c.value)
        continue
      }
      switch try take() {
      case "\"": out.append(0x22)
      case "\\": out.append(0x5c)
      case "/": out.append(0x2f)
      case "b": out.append(8)
      case "f": out.append(12)
      case "n": out.append(10)
      case "r": out.append(13)
      case "t": out.append(9)
      case "u":
        let unit = try hex()
        if (0xdc00...0xdfff).contains(unit) { throw Syntax() }
        guard (0xd800...0xdbff).contains(unit) else {
          out.append(unit)
          continue
        }
        try want("\\")
        try want("u")
        let low = try hex()
        guard (0xdc00...0xdfff).contains(low) else { throw Syntax() }
        out.append(0x10000 + (unit - 0xd800) * 0x400 + (low - 0xdc00))
      default: throw Syntax()
      }
    }
  }

  private mutating func hex() throws -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      let c = try take()
      guard c.isASCII, let digit = Character(c).hexDigitValue else { throw Syntax() }
      value = value * 16 + UInt32(digit)
    }
    return value
  }

  private mutating func number() throws {
    if peek == "-" { at += 1 }
    if peek == "0" { at += 1 } else { try digits() }
    if peek == "." {
      at += 1
      try digits()
    }
    if peek == "e" || peek == "E" {
      at += 1
      if peek == "+" || peek == "-" { at += 1 }
      try digits()
    }
  }

  private mutating func digits() throws {
    let start = at
    while let c = peek, ("0"..."9").contains(c) { at += 1 }
    guard at > start else { throw Syntax() }
  }
}
