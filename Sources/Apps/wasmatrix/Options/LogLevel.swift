public import ArgumentParser
public import Logging

// `--log-level debug`: the levels by their names.
extension Logger.Level: @retroactive ExpressibleByArgument {}
