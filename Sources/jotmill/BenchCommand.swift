// jotmill bench: the whole program's rates beside raw OpenSSL's, measured in turn in one run.
// Owns: the table. Pipeline's Bench measures.

internal import Files
internal import JOSE
internal import Pipeline

enum BenchCommand {
  struct Row {
    var algorithm: Algorithm
    var operation: String
    /// With each engine, nil where it would be OpenSSL; signing has but one.
    var rates: [Double?]
    var raw: Double
  }

  /// The columns: what `verify --engine` takes.
  private static let names = ["openssl", "auto", "portable"]

  static func run(_ arguments: Arguments) throws -> Int32 {
    let algorithms =
      try Streams.algorithms(arguments)
      ?? ["HS256", "RS256", "PS256", "ES256", "EdDSA"].compactMap { AlgorithmName($0) }
    let seconds =
      try arguments.value("seconds", "a number from 1 to 600") { Streams.number($0, 1...600) } ?? 2
    let workers =
      try arguments.value("workers", "a number from 1 to 1024") { Streams.number($0, 1...1024) }
      ?? Process.usableCores
    let isQuiet = arguments.has("quiet") || arguments.has("json")
    let engines = names.map { Bench.Engine($0, Engine.lanes(named: $0)) }
    var rows: [Row] = []
    for name in algorithms {
      if !isQuiet { Terminal.plain("measuring \(name.algorithm.name) ...") }
      let bench = try Bench(name, engines: engines, workers: workers, seconds: Double(seconds))
      let result = try bench.run()
      rows.append(
        Row(
          algorithm: name.algorithm, operation: "verify", rates: result.verify,
          raw: result.rawVerify))
      rows.append(
        Row(
          algorithm: name.algorithm, operation: "sign", rates: [result.sign], raw: result.rawSign))
    }
    let unit = engines.compactMap(\.lanes).first?.unitName ?? ""
    if arguments.has("json") {
      try OpenFile.standardOutput.write(value(rows, workers, unit).text(pretty: true))
    } else {
      try Jotmill.print(table(rows, workers, unit))
    }
    return engines.contains { $0.lanes?.haveFailed == true } ? 2 : 0
  }

  private static func table(_ rows: [Row], _ workers: Int, _ unit: String) -> String {
    var cells = [["tokens/s", "raw OpenSSL"] + names.flatMap { [$0, "ratio"] }]
    for row in rows {
      let rates = row.rates.compactMap { $0 }.flatMap {
        [Terminal.grouped(Int($0)), Terminal.fixed($0 / row.raw, 2)]
      }
      cells.append(
        ["\(row.operation) \(row.algorithm.name)", Terminal.grouped(Int(row.raw))] + rates
      )
    }
    return Terminal.table(cells)
      + "\n\(openSSLVersion); auto uses \(unit)\n"
      + "\(workers) workers, tokens of about \(Bench.tokenBytes) bytes from a file, output discarded;\n"
      + "raw: OpenSSL alone on as many threads, on digests that are ready (HMAC: on the message).\n"
      + "peak memory \(Terminal.bytes(Double(Process.peakMemory)))\n"
  }

  private static func value(_ rows: [Row], _ workers: Int, _ unit: String) -> JSONValue {
    func whole(_ x: Double) -> JSONValue { .number(Int(x)) }
    return .object([
      "jotmill": .string(Jotmill.version),
      "openssl": .string(openSSLVersion),
      "kernels": .string(unit),
      "workers": .number(workers),
      "token_bytes": .number(Bench.tokenBytes),
      "peak_memory_bytes": .number(Process.peakMemory),
      "results": .array(
        rows.flatMap { row in
          zip(names, row.rates).compactMap { name, rate in
            guard let rate else { return nil }
            return .object([
              "operation": .string(row.operation),
              "alg": .string(row.algorithm.name),
              "engine": .string(name),
              "tokens_per_second": whole(rate),
              "raw_per_second": whole(row.raw),
              "ratio": .number(ByteString(Terminal.fixed(rate / row.raw, 3))),
            ])
          }
        }),
    ])
  }
}
