import ArgumentParser
import ClusterModel
import HostPorts
import ManifestYAML

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

/// `--grant scratch`, `--grant scratch=64MiB`, `--grant bundle`.
struct GrantArgument: ExpressibleByArgument {
  let folder: GuestFolder

  init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      .map(String.init)
    if argument == "bundle" {
      folder = GuestFolder(path: FileGrants.defaultBundlePath.text, source: .bundle)
      return
    }
    guard parts.first == "scratch" else { return nil }
    var limits = ScratchLimits()
    if parts.count == 2 {
      let size = try? LimitSetting.size(
        "scratch", parts[1], in: ScratchLimits.Range.size, like: limits.size)
      guard let size else { return nil }
      limits.size = size
    }
    folder = GuestFolder(path: ScratchGrant(limits: limits).path.text, source: .scratch(limits))
  }
}
