// What `format` asserts of a string in a JSON Schema: email, uuid, uri, date-time, as octets.
// Owns: the four grammars. Must never: repair, fold case, resolve names, or take a string that only
// begins with what is asked for. Where Python's jsonschema is laxer, the type's comment says so.

/// A format that is asserted. Each grammar is ASCII and must fit the whole string.
///
/// - `email`: an RFC 5321 section 4.1.2 Mailbox. Local part: atoms joined by single dots, or one
///   quoted string; at most 64 octets. Domain: labels of letters, digits and inner hyphens, each at
///   most 63 octets (one label is enough), or `[IPv4]`, `[IPv6:…]`. At most 254 octets in all.
///   No comments, no display name, no internationalised address. jsonschema asks for an `@` only.
/// - `uuid`: 8-4-4-4-12 hexadecimal digits in either case, of any version (RFC 9562 section 4).
///   jsonschema also takes what Python's `UUID` and `int` put up with: `_` among the digits,
///   digits of other scripts, braces, hyphens elsewhere.
/// - `uri`: RFC 3986 `URI`: a scheme, then authority, path, query and fragment as its grammar has
///   them; no relative reference. jsonschema's rfc3986-validator also takes a line feed at the end
///   and zeros before an IPv6 address's decimal octets, and refuses `V` before an IPvFuture.
/// - `date-time`: RFC 3339 section 5.6 `date-time`: `T` and `Z` in either case, no blank for `T`, a
///   day that exists, years 0000 to 9999, an offset up to 23:59. Second 60 only where a leap second
///   may be: the last minute, UTC, of a month. jsonschema's rfc3339-validator knows no leap seconds
///   and no year 0000, and takes a line feed at the end.
package enum StringFormat: Sendable {
  case email, uuid, uri, dateTime

  package func accepts(_ text: Span<UInt8>) -> Bool {
    switch self {
    case .email: Self.isMailbox(text)
    case .uuid: Self.isUUID(text)
    case .uri: Self.isURI(text)
    case .dateTime: Self.isDateTime(text)
    }
  }

  // MARK: Mailboxes

  private static func isMailbox(_ text: Span<UInt8>) -> Bool {
    guard text.count <= 254, let at = localPartEnd(text), at <= 64, at + 1 < text.count,
      text[at] == UInt8(ascii: "@")
    else { return false }
    let host = at + 1..<text.count
    guard text[host.lowerBound] == UInt8(ascii: "[") else { return isDomain(text, host) }
    guard host.count > 2, text[host.upperBound - 1] == UInt8(ascii: "]") else { return false }
    let inner = host.lowerBound + 1..<host.upperBound - 1
    let tag = inner.prefix(5)
    // Literals of ABNF have no case (RFC 5234 section 2.3).
    if tag.count == 5, text[tag.lowerBound] | 0x20 == UInt8(ascii: "i"),
      text[tag.lowerBound + 1] | 0x20 == UInt8(ascii: "p"),
      text[tag.lowerBound + 2] | 0x20 == UInt8(ascii: "v"),
      text[tag.lowerBound + 3] == UInt8(ascii: "6"), text[tag.lowerBound + 4] == UInt8(ascii: ":")
    {
      return isIPv6(text, tag.upperBound..<inner.upperBound)
    }
    return isIPv4(text, inner)
  }

  /// Where a local part from the beginning ends; nil if there is none.
  private static func localPartEnd(_ text: Span<UInt8>) -> Int? {
    var i = 0
    if text.count > 0, text[0] == UInt8(ascii: "\"") {
      i = 1
      while i < text.count, text[i] != UInt8(ascii: "\"") {
        if text[i] == UInt8(ascii: "\\") { i += 1 }
        guard i < text.count, 0x20...0x7e ~= text[i] else { return nil }
        i += 1
      }
      return i < text.count ? i + 1 : nil
    }
    var atom = 0
    while i < text.count, isAtomText(text[i]) || text[i] == UInt8(ascii: ".") {
      if text[i] == UInt8(ascii: ".") {
        guard i > atom else { return nil }
        atom = i + 1
      }
      i += 1
    }
    return i > atom ? i : nil
  }

  private static func isAtomText(_ c: UInt8) -> Bool {
    switch c {
    case UInt8(ascii: "!"), 0x23...0x27, UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"),
      UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: "?"), 0x5e...0x60, 0x7b...0x7e:
      true
    default: isAlphanumeric(c)
    }
  }

  private static func isDomain(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
    var label = range.lowerBound
    for i in range.lowerBound...range.upperBound {
      guard i == range.upperBound || text[i] == UInt8(ascii: ".") else {
        guard isAlphanumeric(text[i]) || text[i] == UInt8(ascii: "-") else { return false }
        continue
      }
      guard i > label, i - label <= 63, text[label] != UInt8(ascii: "-"),
        text[i - 1] != UInt8(ascii: "-")
      else { return false }
      label = i + 1
    }
    return true
  }

  // MARK: UUIDs and times

  private static func isUUID(_ text: Span<UInt8>) -> Bool {
    guard text.count == 36 else { return false }
    for i in 0..<36 {
      let isHyphen = i == 8 || i == 13 || i == 18 || i == 23
      guard isHyphen ? text[i] == UInt8(ascii: "-") : hexDigit(text[i]) != nil else { return false }
    }
    return true
  }

  private static func isDateTime(_ text: Span<UInt8>) -> Bool {
    guard let time = Timestamp(rfc3339: text), text[10] != UInt8(ascii: " ") else { return false }
    guard text[17] == UInt8(ascii: "6") else { return true }
    // The leap second was read as the second after it.
    return Array(time.rfc3339.utf8).suffix(13).elementsEqual("-01T00:00:00Z".utf8)
  }

  // MARK: URIs

  private static func isURI(_ text: Span<UInt8>) -> Bool {
    guard let colon = text.firstIndex(of: UInt8(ascii: ":"), in: 0..<text.count), colon > 0,
      isLetter(text[0])
    else { return false }
    for i in 1..<colon {
      switch text[i] {
      case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."): break
      default: guard isAlphanumeric(text[i]) else { return false }
      }
    }
    let fragment = text.firstIndex(of: UInt8(ascii: "#"), in: colon..<text.count) ?? text.count
    let query = text.firstIndex(of: UInt8(ascii: "?"), in: colon..<fragment) ?? fragment
    var path = colon + 1
    if path + 1 < query, text[path] == UInt8(ascii: "/"), text[path + 1] == UInt8(ascii: "/") {
      let authority = path + 2
      path = text.firstIndex(of: UInt8(ascii: "/"), in: authority..<query) ?? query
      guard isAuthority(text, authority..<path) else { return false }
    }
    return isMade(text, path..<query, of: ":@/")
      && isMade(text, min(query + 1, fragment)..<fragment, of: ":@/?")
      && isMade(text, min(fragment + 1, text.count)..<text.count, of: ":@/?")
  }

  private static func isAuthority(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
    var host = range
    if let at = text.firstIndex(of: UInt8(ascii: "@"), in: range) {
      guard isMade(text, range.lowerBound..<at, of: ":") else { return false }
      host = at + 1..<range.upperBound
    }
    var port = host.upperBound
    if !host.isEmpty, text[host.lowerBound] == UInt8(ascii: "[") {
      guard let end = text.firstIndex(of: UInt8(ascii: "]"), in: host),
        isIPLiteral(text, host.lowerBound + 1..<end)
      else { return false }
      port = end + 1
    } else {
      port = text.firstIndex(of: UInt8(ascii: ":"), in: host) ?? port
      guard isMade(text, host.lowerBound..<port, of: "") else { return false }
    }
    guard port < host.upperBound else { return true }
    guard text[port] == UInt8(ascii: ":") else { return false }
    for i in port + 1..<host.upperBound where text[i] &- 0x30 >= 10 { return false }
    return true
  }

  private static func isIPLiteral(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
    guard !range.isEmpty, text[range.lowerBound] | 0x20 == UInt8(ascii: "v") else {
      return isIPv6(text, range)
    }
    let version = range.lowerBound + 1
    guard let dot = text.firstIndex(of: UInt8(ascii: "."), in: version..<range.upperBound),
      dot > version, dot + 1 < range.upperBound
    else { return false }
    for i in version..<dot where hexDigit(text[i]) == nil { return false }
    let rest = dot + 1..<range.upperBound
    return text.firstIndex(of: UInt8(ascii: "%"), in: rest) == nil && isMade(text, rest, of: ":")
  }

  /// Whether `range` holds only unreserved characters, sub-delims, percent-encoded octets and
  /// those of `more`.
  private static func isMade(
    _ text: Span<UInt8>, _ range: Range<Int>, of more: String
  ) -> Bool {
    var i = range.lowerBound
    while i < range.upperBound {
      switch text[i] {
      case UInt8(ascii: "%"):
        guard i + 2 < range.upperBound, hexDigit(text[i + 1]) != nil, hexDigit(text[i + 2]) != nil
        else { return false }
        i += 2
      case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"),
        UInt8(ascii: "!"), UInt8(ascii: "$"), 0x26...0x2c, UInt8(ascii: ";"), UInt8(ascii: "="):
        break
      case let c where isAlphanumeric(c): break
      case let c: guard more.utf8.contains(c) else { return false }
      }
      i += 1
    }
    return true
  }

  // MARK: Addresses

  /// RFC 3986 section 3.2.2 `IPv6address`.
  private static func isIPv6(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
    var i = range.lowerBound
    var groups = 0
    var isCompressed = false
    func isColon(_ at: Int) -> Bool { at < range.upperBound && text[at] == UInt8(ascii: ":") }
    if isColon(i), isColon(i + 1) {
      isCompressed = true
      i += 2
    }
    while i < range.upperBound {
      let start = i
      while i < range.upperBound, i - start < 4, hexDigit(text[i]) != nil { i += 1 }
      guard i > start else { return false }
      if i < range.upperBound, text[i] == UInt8(ascii: ".") {
        guard isIPv4(text, start..<range.upperBound) else { return false }
        groups += 2
        break
      }
      groups += 1
      guard i < range.upperBound else { break }
      guard isColon(i), i + 1 < range.upperBound else { return false }
      i += 1
      if isColon(i) {
        guard !isCompressed else { return false }
        isCompressed = true
        i += 1
      }
    }
    return isCompressed ? groups <= 7 : groups == 8
  }

  /// Four decimal octets without zeros in front.
  private static func isIPv4(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
    var i = range.lowerBound
    for part in 0..<4 {
      if part > 0 {
        guard i < range.upperBound, text[i] == UInt8(ascii: ".") else { return false }
        i += 1
      }
      let start = i
      var value = 0
      while i < range.upperBound, i - start < 3, text[i] &- 0x30 < 10 {
        value = value * 10 + Int(text[i] - 0x30)
        i += 1
      }
      guard i > start, value <= 255, i - start == 1 || text[start] != 0x30 else { return false }
    }
    return i == range.upperBound
  }

  private static func isLetter(_ c: UInt8) -> Bool { (c | 0x20) &- 0x61 < 26 }
  private static func isAlphanumeric(_ c: UInt8) -> Bool { isLetter(c) || c &- 0x30 < 10 }
}
