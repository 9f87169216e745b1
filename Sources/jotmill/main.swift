// The entry: arguments in, exit status out.

internal import Files

Process.exit(Jotmill.run(Array(CommandLine.arguments.dropFirst())))
