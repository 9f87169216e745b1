// jotmill bench: the whole program's rates beside raw OpenSSL's, measured in turn in one run.
// Owns: the table. Pipeline's Bench measures.

internal import Files
internal import JOSE
internal import Pipeline

enum BenchCommand {
  struct Row {
    var algorithm: Algorithm
    var operation: String
    var rate: Double
    var raw: Double
  }

  static func run(_ arguments: Arguments) throws -> Int32 {
    let names =
      try Streams.algorithms(arguments)
      ?? ["HS256", "RS256", "PS256", "ES256", "EdDSA"].compactMap { AlgorithmName($0) }
    let seconds =
      try arguments.value("seconds", "a number from 1 to 600") { Streams.number($0, 1...600) } ?? 2
    let workers =
      try arguments.value("workers", "a number from 1 to 1024") { Streams.number($0, 1...1024) }
      ?? Process.usableCores
    let isQuiet = arguments.has("quiet") || arguments.has("json")
    var rows: [Row] = []
    for name in names {
      if !isQuiet { Terminal.plain("measuring \(name.algorithm.name) ...") }
      let bench = try Bench(name, workers: workers, seconds: Double(seconds))
      let result = try bench.run()
      rows.append(
        Row(
          algorithm: name.algorithm, operation: "verify", rate: result.verify, raw: result.rawVerify
        ))
      rows.append(
        Row(algorithm: name.algorithm, operation: "sign", rate: result.sign, raw: result.rawSign))
    }
    if arguments.has("json") {
      try OpenFile.standardOutput.write(value(rows, workers).text(pretty: true))
    } else {
      try Jotmill.print(table(rows, workers))
    }
    return 0
  }

  private static func table(_ rows: [Row], _ workers: Int) -> String {
    var cells = [["", "tokens/s", "a worker", "raw OpenSSL", "ratio"]]
    for row in rows {
      cells.append([
        "\(row.operation) \(row.algorithm.name)", Terminal.grouped(Int(row.rate)),
        Terminal.grouped(Int(row.rate) / workers), Terminal.grouped(Int(row.raw)),
        Terminal.fixed(row.rate / row.raw, 2),
      ])
    }
    return Terminal.table(cells)
      + "\n\(openSSLVersion)\n"
      + "\(workers) workers, tokens of about \(Bench.tokenBytes) bytes from a file, output discarded;\n"
      + "raw: OpenSSL alone on as many threads, on digests that are ready (HMAC: on the message).\n"
      + "peak memory \(Terminal.bytes(Double(Process.peakMemory)))\n"
  }

  private static func value(_ rows: [Row], _ workers: Int) -> JSONValue {
    func whole(_ x: Double) -> JSONValue { .number(Int(x)) }
    return .object([
      "jotmill": .string(Jotmill.version),
      "openssl": .string(openSSLVersion),
      "workers": .number(workers),
      "token_bytes": .number(Bench.tokenBytes),
      "peak_memory_bytes": .number(Process.peakMemory),
      "results": .array(
        rows.map { row in
          .object([
            "operation": .string(row.operation),
            "alg": .string(row.algorithm.name),
            "tokens_per_second": whole(row.rate),
            "raw_per_second": whole(row.raw),
            "ratio": .number(ByteString(Terminal.fixed(row.rate / row.raw, 3))),
          ])
        }),
    ])
  }
}
