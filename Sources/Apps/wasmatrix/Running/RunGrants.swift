import ClusterModel
import HostPorts
import ManifestYAML

/// What a run is granted by its `--grant`s, as a deployment is by `capabilities` in its manifest.
struct RunGrants {
  /// What can be granted.
  enum Kind: String, CaseIterable {
    case publish, state
    case httpOut = "http-out"
    case privateAddresses = "http-out.private"
    case scratch, bundle

    /// Those that there are.
    static let names = allCases.map(\.rawValue).joined(separator: ", ")

    /// How it is written.
    var form: String {
      switch self {
      case .publish: "publish=TOPIC-FILTER"
      case .state: "state=BUCKET[/PREFIX][:read]"
      case .httpOut: "http-out=SERVER"
      case .privateAddresses: "http-out.private=ADDRESSES"
      case .scratch: "scratch[=SIZE]"
      case .bundle: "bundle"
      }
    }

    var example: String {
      switch self {
      case .publish: "publish=alarms/#"
      case .state: "state=stock:read"
      case .httpOut: "http-out=api.example.com"
      case .privateAddresses: "http-out.private=10.20.0.0/16"
      case .scratch: "scratch=16MiB"
      case .bundle: "bundle"
      }
    }

    /// - Parameter complaint: goes on after the name of the kind: `is given twice`.
    func invalid(_ complaint: String, cause: String? = nil, next: String? = nil) -> Problem {
      Problem(
        .invalidInput, code: "grant_invalid", "--grant \(rawValue) \(complaint)", cause: cause,
        next: next ?? "Write \(form), like --grant \(example).")
    }

    func text<Value: ValidatedText>(_ value: String?) throws(Problem) -> Value {
      let text = try required(value)
      do throws(InvalidText) {
        return try Value(text)
      } catch {
        throw invalid("cannot be understood: \(error)")
      }
    }

    func required(_ value: String?) throws(Problem) -> String {
      guard let value, !value.isEmpty else { throw invalid("does not say what") }
      return value
    }
  }

  private var publish: [TopicFilter] = []
  private var state: [StateGrant] = []
  private var servers: [HTTPServerPattern] = []
  private var privateAddresses: [AddressBlock] = []
  private var files = FileGrants()

  /// - Parameter arguments: one grant each: `publish=alarms/#`.
  /// - Throws: ``Problem`` `grant_invalid`, which says how it is written.
  init(_ arguments: [String]) throws(Problem) {
    for argument in arguments { try add(argument) }
    guard privateAddresses.isEmpty || !servers.isEmpty else {
      throw Kind.privateAddresses.invalid(
        "is of no use without a server whose name leads there",
        next: "Name the server with --grant \(Kind.httpOut.form).")
    }
  }

  var capabilities: CapabilityGrants {
    CapabilityGrants(
      publish: publish, state: state,
      httpOut: servers.isEmpty
        ? nil : HTTPGrant(servers: servers, privateAddresses: privateAddresses),
      files: files == FileGrants() ? nil : files)
  }

  /// What a guest finds in its environment: what is given, and where the platform is, if it has any grant.
  ///
  /// - Parameter folders: how many it finds open.
  func environment(_ given: [EnvironmentVariable], behind folders: Int) -> [EnvironmentVariable] {
    guard !capabilities.granted.isEmpty else { return given }
    let name = "WASMATRIX_HOST_FD"
    let number = HostDescriptor.number(behind: folders)
    return given.filter { $0.name != name }
      + [EnvironmentVariable(name: name, value: String(number))]
  }

  private mutating func add(_ argument: String) throws(Problem) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      .map(String.init)
    guard let kind = Kind(rawValue: parts[0]) else {
      throw Problem(
        .invalidInput, code: "grant_invalid", "--grant \(parts[0].debugDescription) is not known",
        next: "Grant one of \(Kind.allCases.map(\.form).joined(separator: ", ")).")
    }
    let value = parts.count == 2 ? parts[1] : nil
    switch kind {
    case .publish: try Self.insert(try Self.filter(value), into: &publish, kind)
    case .state: try add(try Self.stateGrant(value))
    case .httpOut: try Self.insert(try kind.text(value), into: &servers, kind)
    case .privateAddresses: try Self.insert(try kind.text(value), into: &privateAddresses, kind)
    case .scratch:
      guard files.scratch == nil else { throw kind.invalid("is given twice", next: Self.once) }
      files.scratch = ScratchGrant(limits: try Self.scratch(value))
    case .bundle:
      guard value == nil else { throw kind.invalid("takes no value") }
      guard files.bundle == nil else { throw kind.invalid("is given twice", next: Self.once) }
      files.bundle = FileGrants.defaultBundlePath
    }
  }

  private static let once = "Give it once."

  private static func insert<Value: ValidatedText>(
    _ value: Value, into list: inout [Value], _ kind: Kind
  ) throws(Problem) {
    guard !list.contains(value) else {
      throw kind.invalid("is given twice for \(value)", next: once)
    }
    list.append(value)
  }

  private static func filter(_ value: String?) throws(Problem) -> TopicFilter {
    let filter: TopicFilter = try Kind.publish.text(value)
    guard !filter.text.hasPrefix("$") else {
      throw Kind.publish.invalid(
        "cannot give \(filter): these are topics of the platform",
        next: "Name a filter that does not begin with '$'.")
    }
    return filter
  }

  private static func stateGrant(_ value: String?) throws(Problem) -> StateGrant {
    let text = try Kind.state.required(value)
    let given = StateGrant.Access.allCases.first { text.hasSuffix(":" + $0.rawValue) }
    let place = given.map { text.dropLast($0.rawValue.utf8.count + 1) } ?? text[...]
    let slash = place.firstIndex(of: "/")
    let bucket: BucketName = try Kind.state.text(String(place[..<(slash ?? place.endIndex)]))
    let prefix = slash.map { String(place[place.index(after: $0)...]) } ?? ""
    guard prefix.isEmpty || StateKey.isValid(prefix) else {
      throw Kind.state.invalid("cannot be understood: \(prefix.debugDescription) begins no key")
    }
    return StateGrant(bucket: bucket, access: given ?? .write, prefixes: [prefix])
  }

  /// Prefixes of one bucket are gathered; what may be done is the same for all of them.
  private mutating func add(_ grant: StateGrant) throws(Problem) {
    guard let index = state.firstIndex(where: { $0.bucket == grant.bucket }) else {
      state.append(grant)
      return
    }
    guard state[index].access == grant.access else {
      throw Kind.state.invalid(
        "lets \(grant.bucket) be written, and only be read",
        next: "Decide on one: with :read it can be read, without it can be written, too.")
    }
    let known = state[index].prefixes
    guard !grant.prefixes.contains(where: { known.contains($0) }) else {
      throw Kind.state.invalid("is given twice for \(grant.bucket)", next: Self.once)
    }
    state[index] = StateGrant(
      bucket: grant.bucket, access: grant.access, prefixes: known + grant.prefixes)
  }

  private static func scratch(_ value: String?) throws(Problem) -> ScratchLimits {
    var limits = ScratchLimits()
    guard let value else { return limits }
    do throws(Problem) {
      limits.size = try LimitSetting.size(
        "its size", value, in: ScratchLimits.Range.size, like: limits.size)
    } catch {
      throw Kind.scratch.invalid("cannot be understood: \(error.message)", cause: error.cause)
    }
    return limits
  }
}
