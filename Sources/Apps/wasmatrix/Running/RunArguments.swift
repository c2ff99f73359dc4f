import ArgumentParser
import ClusterModel
import HostPorts

/// `--env NAME=value`.
struct EnvironmentArgument: ExpressibleByArgument {
  let variable: EnvironmentVariable

  init?(argument: String) {
    guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex,
      !argument.utf8.contains(0)
    else { return nil }
    variable = EnvironmentVariable(
      name: String(argument[..<equals]), value: String(argument[argument.index(after: equals)...]))
  }
}

/// `--dir HOST`, `--dir HOST::GUEST`, each with `:ro` behind it when nothing may be changed.
struct FolderArgument: ExpressibleByArgument {
  let folder: GuestFolder

  init?(argument: String) {
    var text = Substring(argument)
    let isReadOnly = text.hasSuffix(":ro")
    if isReadOnly { text = text.dropLast(3) }
    let parts = text.split(separator: "::", omittingEmptySubsequences: false).map(String.init)
    guard (1...2).contains(parts.count), let host = parts.first, let guest = parts.last,
      !host.isEmpty, !guest.isEmpty, !argument.utf8.contains(0)
    else { return nil }
    folder = GuestFolder(path: guest, source: .host(path: host, isReadOnly: isReadOnly))
  }
}
