// Subjects that must be users: what a file of users changes in verdicts, and when.
// Owns: tokens, files of users and a clock that the test moves. Must never: wait.

import JOSE
import Keyring
import Testing

@testable import Pipeline

@Suite struct KnownSubjectTests {
  private func processor(
    _ users: FollowedUsers?, _ change: (inout VerifyOptions) -> Void = { _ in }
  ) throws -> VerifyProcessor {
    var options = VerifyOptions()
    options.users = users
    change(&options)
    return try VerifyProcessor(options, keys: Sample.keys(Sample.secret()))
  }

  // MARK: Following

  private static let known = "{\"line\":1,\"valid\":true,"
  private static let unknown = "{\"line\":1,\"valid\":false,\"errors\":[\"unknown_subject\"],"

  @Test func `who is disabled while a run goes on is refused from the next look on`() throws {
    let watched = try WatchedUsers(WatchedUsers.record("ada"), WatchedUsers.record("bob"))
    let users = try watched.follow(each: 1)
    var workers = [try processor(users), try processor(users)]
    let token = try Sample.token("{\"sub\":\"ada\"}")
    func verdict(_ worker: Int) throws -> String { try workers[worker].result(token).output.text }
    #expect(try verdict(0).hasPrefix(Self.known))
    try watched.write(WatchedUsers.record("ada", ",\"disabled\":true") + WatchedUsers.record("bob"))
    #expect(try verdict(0).hasPrefix(Self.known), "a second is not over")
    watched.wait()
    #expect(try verdict(1).hasPrefix(Self.unknown))
    #expect(try verdict(0).hasPrefix(Self.unknown), "the workers share the users")
    try watched.write(WatchedUsers.record("bob"))
    watched.wait()
    #expect(try verdict(0).hasPrefix(Self.unknown))
    try watched.write(WatchedUsers.record("ada"))
    watched.wait()
    #expect(try verdict(0).hasPrefix(Self.known))
    // A broken file, and then none, lift nothing and forbid nothing.
    try watched.write("{")
    for worker in [0, 1, 0] {
      watched.wait()
      #expect(try verdict(worker).hasPrefix(Self.known))
    }
    #expect(watched.reported.count == 1, "\(watched.reported)")
  }

  @Test func `the users of the start are asked to the end where nothing is followed`() throws {
    let watched = try WatchedUsers(WatchedUsers.record("ada"))
    var worker = try processor(try watched.follow(each: nil))
    let token = try Sample.token("{\"sub\":\"ada\"}")
    try watched.write(WatchedUsers.record("bob"))
    watched.wait(1000)
    #expect(try worker.result(token).output.text.hasPrefix(Self.known))
  }

  // MARK: Whose tokens

  /// Files that name some of these; never two of one name.
  private static let names = ["ada", "bob", "zo\\u00eb", "grace@x.org", "\u{438}\u{432}"]
  /// Subjects as JSON has them, and the name that each is, letter for letter.
  private static let subjects: [(json: String, name: String)] = [
    ("\"ada\"", "ada"), ("\"\\u0061da\"", "ada"), ("\"Ada\"", "Ada"), ("\"bob\"", "bob"),
    ("\"bob \"", "bob "), ("\"bo\"", "bo"), ("\"zo\u{eb}\"", "zo\u{eb}"),
    ("\"zo\\u00eb\"", "zo\u{eb}"), ("\"zoe\\u0308\"", "zoe\u{308}"), ("\"ZO\u{cb}\"", "ZO\u{cb}"),
    ("\"grace@x.org\"", "grace@x.org"), ("\"ada@x.org\"", "ada@x.org"),
    ("\"\u{438}\u{432}\"", "\u{438}\u{432}"), ("\"\\u0438\u{432}\"", "\u{438}\u{432}"),
    ("\"\u{418}\u{412}\"", "\u{418}\u{412}"), ("\"\"", ""), ("\"\\ud83d\\ude00\"", "\u{1f600}"),
    ("\"a\\\"\\u0000\"", "a\"\0"),
  ]

  /// A claims set, and what a file in which the users `enabled` are would add to its errors.
  private func claims(
    _ enabled: Set<[UInt8]>, _ random: inout Seeded
  ) -> (text: String, adds: Rejection?) {
    let exp = Bool.random(using: &random) ? ",\"exp\":1" : ""
    switch Int.random(in: 0..<8, using: &random) {
    case 0: return ("{\"SUB\":\"ada\"\(exp)}", .missingClaim)
    case 1:
      let value = ["null", "7", "[\"ada\"]", "{\"sub\":\"ada\"}"].randomElement(using: &random)!
      return ("{\"sub\":\(value)\(exp)}", .badClaim)
    default:
      let (json, name) = Self.subjects.randomElement(using: &random)!
      let member = Bool.random(using: &random) ? "sub" : "s\\u0075b"
      return (
        "{\"\(member)\":\(json)\(exp)}",
        enabled.contains(Array(name.utf8)) ? nil : .unknownSubject
      )
    }
  }

  /// A verdict as it is with one more error.
  private func verdict(_ text: String, adding rejection: Rejection) -> String {
    var codes = ["\(rejection.code)"]
    var end = text.firstRange(of: "\"valid\":true")
    if let errors = text.firstRange(of: "\"valid\":false,\"errors\":[") {
      let close = text[errors.upperBound...].firstIndex(of: "]")!
      codes += text[errors.upperBound..<close].split(separator: ",").map {
        String($0.dropFirst().dropLast())
      }
      end = errors.lowerBound..<text.index(after: close)
    }
    let all = Rejection.allCases.map { "\($0.code)" }.filter(codes.contains).map { "\"\($0)\"" }
    return text.replacingCharacters(
      in: end!, with: "\"valid\":false,\"errors\":[\(all.joined(separator: ","))]")
  }

  @Test func `a file of users adds one error to a verdict, and nothing without it`() throws {
    let seed = UInt64(Timestamp.now.seconds)
    var random = Seeded(seed)
    for round in 0..<20 {
      let watched = try WatchedUsers()
      var enabled: Set<[UInt8]> = []
      let text = Self.names.filter { _ in Bool.random(using: &random) }.map { name in
        let isDisabled = Bool.random(using: &random)
        let plain = name.replacing("\\u00eb", with: "\u{eb}")
        if !isDisabled { enabled.insert(Array(plain.utf8)) }
        return WatchedUsers.record(
          name,
          (plain == "ada" ? ",\"email\":\"ada@x.org\"" : "")
            + (isDisabled ? ",\"disabled\":true" : ""))
      }
      try watched.write(text.joined())
      let made = (0..<60).map { _ in claims(enabled, &random) }
      let input = try made.map { try Sample.token($0.text) }.joined(separator: "\n")
      let times: [VerifyOptions.Time] = [.now, .fixed(Timestamp(seconds: 0))]
      let time = times.randomElement(using: &random)!
      let without = try self.lines(nil, input, time)
      let with = try self.lines(try watched.follow(each: nil), input, time)
      try #require(without.count == made.count && with.count == made.count)
      for (i, one) in made.enumerated() {
        let expected = one.adds.map { verdict(without[i], adding: $0) } ?? without[i]
        let isSame = with[i].utf8.elementsEqual(expected.utf8)
        #expect(isSame, "seed \(seed), round \(round): \(with[i]) is not \(expected)")
      }
    }
  }

  private func lines(
    _ users: FollowedUsers?, _ input: String, _ time: VerifyOptions.Time
  ) throws -> [String] {
    var worker = try processor(users) { $0.time = time }
    return try worker.lines(input, now: Timestamp(seconds: 5))
  }
}

extension String {
  fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
    String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
  }
}
