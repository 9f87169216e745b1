// When a line says that it was written, to the width of what it says.
// Owns: which text on a line is its time. Must never: guess a time zone, take the first of several
// times that somebody else may have put there, or allocate.

internal import JOSE

enum LineTime {
  // MARK: Log lines

  /// The time of a log line: RFC 3339 in its first or second word, else the one stamp of the Common
  /// Log Format outside quotes. nil: there is none, it names no zone, or there are several.
  ///
  /// What a client sends stands in quotes or behind the stamp, its user name and the addresses that
  /// it says it comes from aside; so two stamps that differ are one too many. One that a program
  /// wrote without a zone is no licence to take what a client put behind it.
  static func ofLog(_ bytes: Span<UInt8>, _ line: Range<Int>) -> Moment? {
    var leading: Moment?
    var start = line.lowerBound
    for _ in 0..<2 {
      while start < line.upperBound, bytes[start] == UInt8(ascii: " ") { start += 1 }
      let end = bytes.firstIndex(of: UInt8(ascii: " "), in: start..<line.upperBound)
      let word = start..<(end ?? line.upperBound)
      if let moment = leadingWord(bytes, word, line.upperBound) {
        guard isNear(leading, moment) else { return nil }
        leading = leading ?? moment
      } else if leading == nil, isDate(bytes, word) {
        return nil
      }
      guard let end else { break }
      start = end
    }
    return bracketed(bytes, line, leading)
  }

  /// RFC 3339, in brackets or not; it allows a space in the place of the T.
  private static func leadingWord(
    _ bytes: Span<UInt8>, _ word: Range<Int>, _ end: Int
  ) -> Moment? {
    var text = withoutBrackets(bytes, word)
    if text.count == 10, text.upperBound < end {
      let next = bytes.firstIndex(of: UInt8(ascii: " "), in: text.upperBound + 1..<end)
      text = withoutBrackets(bytes, word.lowerBound..<(next ?? end))
    }
    return rfc3339(bytes, text)
  }

  private static func withoutBrackets(_ bytes: Span<UInt8>, _ word: Range<Int>) -> Range<Int> {
    guard word.count > 2, bytes[word.lowerBound] == UInt8(ascii: "[") else { return word }
    let closes = bytes[word.upperBound - 1] == UInt8(ascii: "]")
    return word.lowerBound + 1..<word.upperBound - (closes ? 1 : 0)
  }

  /// Whether a word is `2026-11-21` or `2026/11/21`, or has a time behind it.
  private static func isDate(_ bytes: Span<UInt8>, _ word: Range<Int>) -> Bool {
    let text = withoutBrackets(bytes, word)
    guard text.count >= 10 else { return false }
    let c = bytes.extracting(text)
    guard c.count == 10 || c[10] | 0x20 == UInt8(ascii: "t") else { return false }
    for i in 0..<10 {
      let isMark = c[i] == UInt8(ascii: "-") || c[i] == UInt8(ascii: "/")
      guard i == 4 || i == 7 ? isMark : c[i] &- 0x30 < 10 else { return false }
    }
    return true
  }

  /// Whether two stamps may be of one event: what a collector adds is a little later than what it
  /// collects.
  private static func isNear(_ one: Moment?, _ other: Moment) -> Bool {
    guard let one else { return true }
    return (one.earliest.seconds - other.earliest.seconds).magnitude <= 60
  }

  /// `leading`, unless a bracketed stamp is of another time; without one, the bracketed stamp.
  private static func bracketed(
    _ bytes: Span<UInt8>, _ line: Range<Int>, _ leading: Moment?
  ) -> Moment? {
    var found: Moment?
    var isReadable = true
    var at = line.lowerBound
    var quoted = false
    while let open = bytes.firstIndex(of: UInt8(ascii: "["), in: at..<line.upperBound) {
      quoted = isQuoted(bytes, at..<open, quoted)
      at = open + 1
      let rest = at..<line.upperBound
      guard !quoted, let month = month(bytes, rest) else { continue }
      guard let moment = commonLog(bytes, rest, month) else {
        isReadable = false
        continue
      }
      guard found == nil || found == moment, isNear(leading, moment) else { return nil }
      found = moment
    }
    return leading ?? (isReadable ? found : nil)
  }

  /// Whether the text behind `range` is in quotes, when that before it is so or not.
  private static func isQuoted(_ bytes: Span<UInt8>, _ range: Range<Int>, _ before: Bool) -> Bool {
    var quoted = before
    var at = range.lowerBound
    while let quote = bytes.firstIndex(of: UInt8(ascii: "\""), in: at..<range.upperBound) {
      var backslashes = 0
      while quote - backslashes > at, bytes[quote - backslashes - 1] == UInt8(ascii: "\\") {
        backslashes += 1
      }
      if backslashes & 1 == 0 { quoted.toggle() }
      at = quote + 1
    }
    return quoted
  }

  private static let months = Array("JanFebMarAprMayJunJulAugSepOctNovDec".utf8)

  /// From 0 on, of a stamp that begins as `21/Nov/2026:` does.
  private static func month(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    guard range.count >= 12 else { return nil }
    let c = bytes.extracting(range)
    guard c[2] == UInt8(ascii: "/"), c[6] == UInt8(ascii: "/"), c[11] == UInt8(ascii: ":") else {
      return nil
    }
    return (0..<12).first { m in (0..<3).allSatisfy { c[3 + $0] == months[3 * m + $0] } }
  }

  /// `21/Nov/2026:07:00:00 +0000]`, with a fraction if there is one.
  private static func commonLog(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ month: Int
  ) -> Moment? {
    guard range.count >= 27 else { return nil }
    let c = bytes.extracting(range)
    var at = 20
    if c[at] == UInt8(ascii: ".") || c[at] == UInt8(ascii: ",") {
      at += 1
      while at < c.count, c[at] &- 0x30 < 10 { at += 1 }
    }
    guard at + 7 <= c.count, c[at] == UInt8(ascii: " "), c[at + 6] == UInt8(ascii: "]") else {
      return nil
    }
    // The same time as RFC 3339 writes it, which is checked in one place.
    var text = InlineArray<36, UInt8>(repeating: UInt8(ascii: "0"))
    let fraction = min(at - 20, 10)
    for i in 0..<4 { text[i] = c[7 + i] }
    text[4] = UInt8(ascii: "-")
    text[5] = UInt8(ascii: "0") + UInt8((month + 1) / 10)
    text[6] = UInt8(ascii: "0") + UInt8((month + 1) % 10)
    text[7] = UInt8(ascii: "-")
    text[8] = c[0]
    text[9] = c[1]
    text[10] = UInt8(ascii: "T")
    for i in 0..<8 { text[11 + i] = c[12 + i] }
    for i in 0..<fraction { text[19 + i] = i == 0 ? UInt8(ascii: ".") : c[20 + i] }
    for i in 0..<5 { text[19 + fraction + i] = c[at + 1 + i] }
    return rfc3339(text.span, 0..<24 + fraction)
  }

  /// RFC 3339, an offset without its colon (`+0000`) allowed, as journald and others write it.
  static func rfc3339(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Moment? {
    // A digit first: most words are told apart by that alone.
    guard range.count >= 20, range.count <= 40, bytes[range.lowerBound] &- 0x30 < 10 else {
      return nil
    }
    let width = width(bytes, range.lowerBound + 19..<range.upperBound)
    if let time = Timestamp(rfc3339: bytes, range) { return Moment(time, width: width) }
    let sign = range.upperBound - 5
    guard range.count >= 24,
      bytes[sign] == UInt8(ascii: "+") || bytes[sign] == UInt8(ascii: "-")
    else { return nil }
    var text = InlineArray<41, UInt8>(repeating: 0)
    let hours = range.count - 2
    for i in 0..<hours { text[i] = bytes[range.lowerBound + i] }
    text[hours] = UInt8(ascii: ":")
    for i in 0..<2 { text[hours + 1 + i] = bytes[range.lowerBound + hours + i] }
    guard let time = Timestamp(rfc3339: text.span, 0..<range.count + 1) else { return nil }
    return Moment(time, width: width)
  }

  /// Nanoseconds in the last place of a fraction that may begin at `range`.
  private static func width(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int32 {
    var width: Int32 = 1_000_000_000
    guard !range.isEmpty, bytes[range.lowerBound] == UInt8(ascii: ".") else { return width }
    var at = range.lowerBound + 1
    while at < range.upperBound, bytes[at] &- 0x30 < 10, width > 1 {
      width /= 10
      at += 1
    }
    return width
  }

  // MARK: JSON records

  /// The time in a record's member: RFC 3339, or Unix seconds, milliseconds, microseconds or
  /// nanoseconds, told apart by their size, as a number or as a string of digits.
  static func ofMember(
    _ document: JSONDocument, _ node: Int, _ bytes: Span<UInt8>
  ) -> Moment? {
    let range = document.nodes[node].range
    switch document.nodes[node].kind {
    case .number: return unix(bytes, range)
    case .string where !document.nodes[node].escaped:
      if let moment = rfc3339(bytes, range) { return moment }
      var points = 0
      for i in range where bytes[i] &- 0x30 >= 10 {
        guard bytes[i] == UInt8(ascii: "."), i > range.lowerBound, i + 1 < range.upperBound else {
          return nil
        }
        points += 1
      }
      return points <= 1 && !range.isEmpty ? unix(bytes, range) : nil
    default: return nil
    }
  }

  /// A number, as JSON writes one. By size: 11 digits of seconds reach the year 5138; that many
  /// milliseconds were in 1973.
  private static func unix(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Moment? {
    var whole: Int64 = 0
    var at = range.lowerBound
    while at < range.upperBound, bytes[at] &- 0x30 < 10 {
      let (product, overflows) = whole.multipliedReportingOverflow(by: 10)
      let (sum, overflowsToo) = product.addingReportingOverflow(Int64(bytes[at] - 0x30))
      guard !overflows, !overflowsToo else { return nil }
      whole = sum
      at += 1
    }
    var time = Timestamp(seconds: whole)
    var hasExponent = false
    for i in at..<range.upperBound where bytes[i] | 0x20 == UInt8(ascii: "e") { hasExponent = true }
    // What is left of a fraction then says nothing of the clock that it was read from.
    let isPoint = at == range.lowerBound || hasExponent
    if isPoint || at < range.upperBound && whole < mostSeconds {
      time = NumericDate(bytes, range).floor
      whole = time.seconds
    }
    // From the year 0 on; short of where NumericDate saturates.
    guard whole >= -62_167_219_200, whole < .max else { return nil }
    guard whole >= mostSeconds else {
      return isPoint
        ? Moment(time) : Moment(time, width: width(bytes, at..<range.upperBound))
    }
    let unit: Int64 =
      whole < 1000 * mostSeconds
      ? 1000 : whole < 1_000_000 * mostSeconds ? 1_000_000 : 1_000_000_000
    let scale = Int32(1_000_000_000 / unit)
    return Moment(
      Timestamp(seconds: whole / unit, nanoseconds: Int32(whole % unit) * scale), width: scale)
  }

  private static let mostSeconds: Int64 = 100_000_000_000
}
