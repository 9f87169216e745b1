// Reads a summary's JSON back, so that shards can be added up.
// Owns: what is refused, and why. Must never: take a count that is negative or too large, or let a
// file grow a table without bound. Members it does not know are left alone.

package import Files
internal import JOSE

extension Summary {
  /// Files by this program are far smaller, whatever it counted.
  package static let fileLimit = 128 << 20
  /// The greatest count that every JSON tool keeps digit for digit, and that is read.
  package static let countLimit = 1 << 53

  /// Reads what `value` wrote. Throws what `path` holds instead.
  package init(parsing bytes: [UInt8], from path: String) throws(FileError) {
    do {
      let value = try SummaryReader.json(bytes)
      try self.init(value)
    } catch {
      throw FileError(refusing: path, error.reason)
    }
  }

  private init(_ value: JSONValue) throws(SummaryReader.Failure) {
    try SummaryReader.checkVersion(value)
    let reader = SummaryReader(value)
    self.init()
    lines.accepted = try reader.required("valid")
    lines.rejected = try reader.required("invalid")
    guard try reader.required("lines") == lines.total else {
      throw .init("lines is not valid + invalid")
    }
    if let more = value["lines_with_more_tokens"] {
      linesWithMore = try SummaryReader.count(more, "lines_with_more_tokens")
    }
    for (name, value) in try reader.members("errors") {
      let reason = try SummaryReader.rejection(name)
      errors[Int(reason.rawValue)] = try SummaryReader.count(value, "errors")
    }
    setTables(
      algorithm: try reader.table("alg"), kid: try reader.table("kid"),
      issuer: try reader.table("iss"), subject: try reader.table("rejected_sub"),
      address: try reader.table("rejected_address"))
    setTimes(try reader.overTime(), try reader.errorDays(), try reader.uses())
    for (kid, value) in try reader.members("keys") {
      add(key: kid, try SummaryReader.description(value))
    }
  }
}

private struct SummaryReader {
  struct Failure: Error {
    var reason: String
    init(_ reason: String) { self.reason = reason }
  }

  private let value: JSONValue

  init(_ value: JSONValue) { self.value = value }

  static func json(_ bytes: [UInt8]) throws(Failure) -> JSONValue {
    do { return try JSONValue(parsing: bytes) } catch {
      throw Failure(
        error == .duplicateMember
          ? "is no summary: a member's name stands twice" : "is no summary: it is not valid JSON")
    }
  }

  static func checkVersion(_ value: JSONValue) throws(Failure) {
    guard case .object = value, let mark = value["jotmill_summary"] else {
      throw Failure("is no summary by jotmill: it has no \"jotmill_summary\"")
    }
    guard mark == .number(Summary.formatVersion) else {
      throw Failure(
        "a summary of another version of jotmill; this one reads version "
          + "\(Summary.formatVersion)")
    }
  }

  // MARK: Numbers and tables

  static func count(_ value: JSONValue?, _ name: String) throws(Failure) -> Int {
    guard let value else { throw Failure("\(name) is missing") }
    guard let number = value.int, (0...Summary.countLimit).contains(number) else {
      throw Failure("\(name) has a count that is no whole number from 0 to 2^53")
    }
    return number
  }

  static func rejection(_ name: ByteString) throws(Failure) -> Rejection {
    guard let found = Rejection.allCases.first(where: { ByteString("\($0.code)") == name }) else {
      throw Failure("\"\(name.shortened)\" is no error code of this version of jotmill")
    }
    return found
  }

  func required(_ name: ByteString) throws(Failure) -> Int {
    try Self.count(value[name], name.description)
  }

  /// The members of an object; none when it isn't there.
  func members(_ name: ByteString) throws(Failure) -> [(ByteString, JSONValue)] {
    try Self.members(value[name] ?? .object([:]), name.description)
  }

  private static func members(
    _ value: JSONValue, _ name: String
  ) throws(Failure) -> [(ByteString, JSONValue)] {
    guard case .object(let members) = value else { throw Failure("\(name) is no object") }
    return members.map { ($0.name, $0.value) }
  }

  private static func verdicts(_ value: JSONValue, _ name: String) throws(Failure) -> Summary.Count
  {
    guard case .object = value else {
      return Summary.Count(accepted: 0, rejected: try count(value, name))
    }
    return Summary.Count(
      accepted: try count(value["valid"], "\(name): valid"),
      rejected: try count(value["invalid"], "\(name): invalid"))
  }

  private static func uses(_ value: JSONValue, _ name: String) throws(Failure) -> Summary.Uses {
    Summary.Uses(
      inside: try count(value["inside"], "\(name): inside"),
      outside: try count(value["outside"], "\(name): outside"),
      revoked: try count(value["revoked"], "\(name): revoked"))
  }

  func table(_ name: ByteString) throws(Failure) -> [ByteString: Summary.Count] {
    var table: [ByteString: Summary.Count] = [:]
    for (row, value) in try members(name) {
      let count = try Self.verdicts(value, name.description)
      table[row.bytes.count <= Summary.nameLimit ? row : Summary.other, default: .init()] += count
    }
    return table
  }

  // MARK: Times

  private typealias Hours = TimeTable<BucketStart, Summary.Count>

  private func step(_ name: ByteString) throws(Failure) -> Int64 {
    switch value[name]?["step"]?.int {
    case 3600: return Hours.hour
    case 86_400: return Hours.day
    default: throw Failure("\(name): step is neither 3600 nor 86400")
    }
  }

  private static func time(_ text: ByteString, _ name: String) throws(Failure) -> Timestamp {
    guard let time = Timestamp(rfc3339: text.bytes.span), time.nanoseconds == 0,
      BucketStart(of: time, step: 1) != nil
    else { throw Failure("\(name): \"\(text.shortened)\" is no time in RFC 3339's form") }
    return time
  }

  private static func start(
    _ text: ByteString, _ step: Int64, _ name: String
  ) throws(Failure) -> BucketStart {
    let start = BucketStart(try time(text, name).seconds)
    guard start == start.rounded(to: step) else {
      throw Failure("\(name): \"\(text.shortened)\" is no multiple of step")
    }
    return start
  }

  func overTime() throws(Failure) -> TimeTable<BucketStart, Summary.Count> {
    let name: ByteString = "over_time"
    guard let object = value[name] else { return .init() }
    let step = try step(name)
    var table = TimeTable<BucketStart, Summary.Count>(step: step)
    for (time, value) in try Self.members(object["counts"] ?? .null, "over_time: counts") {
      let start = try Self.start(time, step, name.description)
      table.add(start, try Self.verdicts(value, name.description))
    }
    if let other = object["other"] { table.add(other: try Self.verdicts(other, "over_time")) }
    return table
  }

  func errorDays() throws(Failure) -> TimeTable<ErrorDay, Summary.Count> {
    let name: ByteString = "errors_by_day"
    var table = TimeTable<ErrorDay, Summary.Count>(step: Hours.day)
    guard let object = value[name] else { return table }
    guard try step(name) == table.step else { throw Failure("\(name): step is not 86400") }
    for (code, days) in try Self.members(object["counts"] ?? .null, "errors_by_day: counts") {
      let reason = try Self.rejection(code)
      for (day, value) in try Self.members(days, "errors_by_day: \(code)") {
        let start = try Self.start(day, table.step, name.description)
        table.add(
          ErrorDay(reason: reason, start: start),
          Summary.Count(accepted: 0, rejected: try Self.count(value, name.description)))
      }
    }
    if let other = object["other"] {
      table.add(other: .init(accepted: 0, rejected: try Self.count(other, "errors_by_day: other")))
    }
    return table
  }

  func uses() throws(Failure) -> TimeTable<UseTime, Summary.Uses> {
    let name: ByteString = "key_uses"
    guard let object = value[name] else { return .init() }
    let step = try step(name)
    var table = TimeTable<UseTime, Summary.Uses>(step: step)
    for (kid, times) in try Self.members(object["counts"] ?? .null, "key_uses: counts") {
      let kid = kid.bytes.count <= Summary.nameLimit ? kid : Summary.other
      for (time, value) in try Self.members(times, "key_uses: \(kid.shortened)") {
        let isDated = time != Summary.undated
        let start = isDated ? try Self.start(time, step, name.description) : nil
        table.add(UseTime(kid: kid, start: start), try Self.uses(value, name.description))
      }
    }
    if let other = object["other"] { table.add(other: try Self.uses(other, "key_uses: other")) }
    return table
  }

  static func description(_ value: JSONValue) throws(Failure) -> KeyDescription {
    guard let algorithm = value["alg"]?.string else { throw Failure("keys: alg is no string") }
    func time(_ object: JSONValue, _ member: ByteString) throws(Failure) -> Timestamp? {
      guard let value = object[member] else { return nil }
      guard let text = value.string else { throw Failure("keys: \(member) is no string") }
      return try Self.time(text, "keys")
    }
    var description = KeyDescription(algorithm: algorithm, window: nil)
    if let object = value["window"] {
      guard case .object = object else { throw Failure("keys: window is no object") }
      var window = KeyDescription.Window()
      window.opens = try time(object, "opens")
      window.closes = try time(object, "closes")
      window.ends = try time(object, "ends")
      window.neverOpens = object["never_opens"]?.bool ?? false
      description.window = window
    }
    if let object = value["revoked"] {
      guard case .object = object else { throw Failure("keys: revoked is no object") }
      description.revocation = KeyWindow.Revocation(since: try time(object, "since"))
    }
    return description
  }
}
