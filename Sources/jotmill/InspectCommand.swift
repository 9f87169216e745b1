// jotmill inspect: options to a run that verifies nothing.

internal import Files
internal import JOSE
internal import Pipeline

enum InspectCommand {
  static func run(_ arguments: Arguments) throws -> Int32 {
    var options = InspectOptions()
    options.asJSON = arguments.has("json")
    options.format = arguments["input"].flatMap { InputFormat(rawValue: $0) } ?? .auto
    options.field = try arguments.value(
      "field", "an RFC 6901 pointer such as /request/token", JSONPointer.init)
    let color = arguments["color"].flatMap { Terminal.ColorChoice(rawValue: $0) } ?? .auto
    options.styled =
      !options.asJSON && !arguments.has("output")
      && Terminal.isStyled(color, OpenFile.standardOutput)
    let streams = try Streams(arguments, chunkBytes: 256 << 10, showsRejected: false)
    options.maxLine = streams.maxLine
    options.inputNames = streams.inputNames
    let outcome = streams.run { [options] in InspectProcessor(options) }
    return streams.finish(outcome, showsSummary: false)
  }
}
