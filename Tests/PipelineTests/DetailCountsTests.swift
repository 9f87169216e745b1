// What a report shows, counted line by line, against a count by plain dictionaries.
// Owns: lines with verified claims made for it. Must never: read a clock.

import JOSE
import Testing

@testable import Pipeline

@Suite struct DetailCountsTests {
  private struct Line {
    var text = "line"
    var payload: String?
    var kid: ByteString?
    var useTime: Int64?
    var reasons = Rejections()
  }

  private func counted(_ lines: [Line], chunk: Int = 7) -> Summary {
    var summary = Summary()
    var details = DetailCounts()
    var claims = Claims()
    for (index, line) in lines.enumerated() {
      let payload = Array((line.payload ?? "").utf8)
      if line.payload != nil {
        #expect(claims.parse(unsigned: payload.span, 0..<payload.count) == nil)
      }
      // In the middle of a chunk, as lines are.
      let bytes = Array("before\n\(line.text)\nafter".utf8)
      details.count(
        bytes.span, 7..<bytes.count - 6, claims: claims,
        payloads: line.payload == nil ? nil : payload.span, kid: line.kid,
        useTime: line.useTime.map { Timestamp(seconds: $0) }, reasons: line.reasons)
      if index % chunk == chunk - 1 { details.flush(into: &summary) }
    }
    details.flush(into: &summary)
    return summary
  }

  @Test func `the line's time comes before iat, and iat needs a signature`() {
    let summary = counted([
      Line(payload: "{\"iat\":7300}", useTime: 3599), Line(payload: "{\"iat\":7300}"),
      Line(payload: "{\"iat\":7300.9}", reasons: Rejections(.expired)), Line(), Line(payload: "{}"),
      Line(payload: "{\"iat\":\"x\"}"), Line(payload: "{\"iat\":1e30}"),
      Line(useTime: -1, reasons: Rejections(.noToken)),
      Line(useTime: -2, reasons: Rejections(.badBase64)),
    ])
    #expect(summary.overTime.step == 3600)
    #expect(
      summary.overTime.counts == [
        BucketStart(-3600): .init(accepted: 0, rejected: 1),
        BucketStart(0): .init(accepted: 1, rejected: 0),
        BucketStart(7200): .init(accepted: 1, rejected: 1),
      ])
    #expect(
      summary.errorDays.counts == [
        ErrorDay(reason: .expired, start: BucketStart(0)): .init(accepted: 0, rejected: 1),
        ErrorDay(reason: .noToken, start: BucketStart(-86_400)): .init(accepted: 0, rejected: 1),
        ErrorDay(reason: .badBase64, start: BucketStart(-86_400)): .init(accepted: 0, rejected: 1),
      ])
  }

  @Test func `uses of keys are inside, outside or by a revoked key`() {
    var both = Rejections(.revokedKey)
    both.insert(.outsideKeyWindow)
    let summary = counted([
      Line(payload: "{\"iat\":10}", kid: "a"), Line(payload: "{\"iat\":3610}", kid: "a"),
      Line(payload: "{\"iat\":10}", kid: "a", reasons: Rejections(.expired)),
      Line(payload: "{\"iat\":10}", kid: "a", reasons: Rejections(.outsideKeyWindow)),
      Line(payload: "{\"iat\":10}", kid: "b", reasons: both),
      Line(payload: "{}", kid: "b", reasons: Rejections(.outsideKeyWindow)),
      Line(kid: "forged", reasons: Rejections(.badSignature)), Line(payload: "{\"iat\":10}"),
    ])
    #expect(
      summary.uses.counts == [
        UseTime(kid: "a", start: BucketStart(0)): .init(inside: 2, outside: 1, revoked: 0),
        UseTime(kid: "a", start: BucketStart(3600)): .init(inside: 1, outside: 0, revoked: 0),
        UseTime(kid: "b", start: BucketStart(0)): .init(inside: 0, outside: 0, revoked: 1),
        UseTime(kid: "b", start: nil): .init(inside: 0, outside: 1, revoked: 0),
      ])
  }

  @Test func `subjects only of rejected tokens that were genuine, addresses of rejected lines`() {
    let summary = counted([
      Line(text: "1.2.3.4 x", payload: "{\"sub\":\"ada\"}", reasons: Rejections(.expired)),
      Line(text: "1.2.3.4 x", payload: "{\"sub\":\"\\u0061da\"}", reasons: Rejections(.expired)),
      Line(text: "5.6.7.8 x", payload: "{\"sub\":\"ada\"}"),
      Line(text: "no address", payload: "{\"sub\":7}", reasons: Rejections(.expired)),
      Line(text: "::1 x", payload: nil, reasons: Rejections(.badSignature)),
    ])
    #expect(summary.rejectedSubjects == ["ada": .init(accepted: 0, rejected: 2)])
    #expect(
      summary.rejectedAddresses == [
        "1.2.3.4": .init(accepted: 0, rejected: 2), "::1": .init(accepted: 0, rejected: 1),
      ])
  }

  @Test func `thousands of different hours, kids and names in one chunk are all counted`() {
    var seeded = Seeded(41)
    var hours: [BucketStart: Summary.Count] = [:]
    var uses: [UseTime: Summary.Uses] = [:]
    var names: [ByteString: Summary.Count] = [:]
    let lines = (0..<5000).map { _ in
      let iat = Int64.random(in: 0..<3000, using: &seeded) * 3600 + 5
      let kid = ByteString("k\(Int.random(in: 0..<900, using: &seeded))")
      let sub = ByteString("s\(Int.random(in: 0..<700, using: &seeded))")
      let isBad = Bool.random(using: &seeded)
      let start = BucketStart(iat - 5)
      hours[start, default: .init()] += .init(accepted: isBad ? 0 : 1, rejected: isBad ? 1 : 0)
      uses[UseTime(kid: kid, start: start), default: .init()] += .init(
        inside: 1, outside: 0, revoked: 0)
      if isBad { names[sub, default: .init()] += .init(accepted: 0, rejected: 1) }
      return Line(
        text: "x", payload: "{\"sub\":\"\(sub)\",\"iat\":\(iat)}", kid: kid,
        reasons: isBad ? Rejections(.tooOld) : Rejections())
    }
    for chunk in [5000, 100, 1] {
      let summary = counted(lines, chunk: chunk)
      #expect(summary.overTime.counts == hours)
      #expect(summary.uses.counts == uses)
      #expect(summary.rejectedSubjects == names)
    }
  }

  @Test func `more kids in one chunk than there is room for lose no use`() {
    let lines = (0..<3000).map { Line(payload: "{\"iat\":10}", kid: ByteString("k\($0)")) }
    let summary = counted(lines, chunk: 3000)
    #expect(summary.uses.counts.values.reduce(0) { $0 + $1.inside } == 3000)
    #expect(summary.uses.counts.count <= 1024)
  }

  @Test func `keys are described by their set, windows in whole seconds`() {
    var set = KeySet()
    var window = KeyWindow()
    window.opens = Timestamp(seconds: 100, nanoseconds: 7)
    window.closes = Timestamp(seconds: .max)
    window.revocation = .init(since: Timestamp(seconds: 500))
    #expect(set.add(Sample.secret("a"), source: "ring", window: window) == nil)
    #expect(set.add(Sample.secret("b", fill: 9), source: "set") == nil)
    #expect(set.add(Sample.secret(nil, fill: 3), source: "no kid") == nil)
    set.addRevoked(kid: "gone", algorithm: AlgorithmName("HS256")!)
    var summary = Summary()
    summary.describe(set)
    #expect(summary.keys.keys.sorted() == ["a", "b", "gone"])
    #expect(summary.keys["a"]?.window?.opens == Timestamp(seconds: 100))
    #expect(summary.keys["a"]?.window?.closes == nil)
    #expect(summary.keys["a"]?.revocation?.since == Timestamp(seconds: 500))
    #expect(summary.keys["b"]?.window == nil)
    #expect(summary.keys["gone"]?.revocation != nil && summary.keys["gone"]?.algorithm == "HS256")
    let once = summary
    summary.describe(set)
    #expect(summary == once)
  }
}
