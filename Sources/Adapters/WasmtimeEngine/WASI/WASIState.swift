import CGuestFiles
import ClusterModel
import Glibc
import HostPorts

/// What WASI keeps for one instance. Only the worker that owns the instance touches it.
struct WASIState {
  /// Kept by the instance whose state this is: counting it once more would be for nothing.
  private unowned(unsafe) let run: PendingRun
  var arguments: [String] { run.activation.arguments }
  /// `NAME=value`; made when it is asked for, which few guests do.
  var environment: [String] { run.activation.environment.map { "\($0.name)=\($0.value)" } }
  // Taken from there once: each look would copy all of an activation, and count the references in it.
  let input: [UInt8]
  private let mostOutput: ByteCount
  private let mostLog: ByteCount

  /// Who takes what it writes, and says when its input ends; `nil` when that is all in memory.
  let follower: (any InstanceFollower)?

  var inputOffset = 0
  var output: [UInt8] = []
  var log: [UInt8] = []
  var logTruncated = false
  var descriptors: DescriptorTable
  /// What the guest waits for, when it waits.
  var waiting: Waiting?
  /// Why the instance must end, when a host function decided so.
  private(set) var ending: Ending?
  /// Whether there is an ``ending``: cheaper to ask, and asked by every host function.
  private(set) var isEnding: Bool
  /// The scratch folder, used or not.
  let scratch: ScratchFolder?

  // Rare and large: apart from the rest, which is moved for each instance.
  indirect enum Ending {
    case exit(Int32)
    case limit(ActivationFailure)
  }

  indirect enum Waiting {
    case read(ReadRequest)
    case write(WriteRequest)
    case poll(PollRequest)
  }

  /// Opens what the activation finds open.
  ///
  /// Not an `init`: that would make it apart, copy it, and count every reference in it twice. What most find open is
  /// handed on as it is for the same reason.
  ///
  /// - Parameter streams: what those find open that have streams in memory and nothing else.
  static func beginning(_ run: PendingRun, streams: DescriptorTable.Given) -> WASIState {
    guard run.readsFromMemoryAlone else { return beginning(run, find(for: run)) }
    return WASIState(
      run: run, input: run.activation.input, mostOutput: run.activation.limits.output,
      mostLog: run.activation.limits.log, follower: nil,
      descriptors: DescriptorTable(streams, mostOpened: run.activation.limits.openFiles),
      isEnding: false, scratch: nil)
  }

  private static func beginning(_ run: PendingRun, _ found: Found) -> WASIState {
    WASIState(
      run: run, input: run.activation.input, mostOutput: run.activation.limits.output,
      mostLog: run.activation.limits.log, follower: run.activation.follower,
      descriptors: DescriptorTable(found.given, mostOpened: run.activation.limits.openFiles),
      ending: found.failure.map { .limit($0) }, isEnding: found.failure != nil,
      scratch: found.scratch)
  }

  /// What an instance finds open, and why it cannot be.
  private struct Found {
    var given: DescriptorTable.Given
    var scratch: ScratchFolder?
    var failure: ActivationFailure?
  }

  private static func find(for run: PendingRun) -> Found {
    let activation = run.activation
    let (scratchFolders, bundle) = (run.command.resources.scratch, run.command.bundle)
    var given = streams(activation.streams)
    var scratch: ScratchFolder?
    var failure: ActivationFailure?
    for folder in activation.folders {
      do throws(ActivationFailure) {
        given.append(try descriptor(for: folder, scratchFolders, bundle, &scratch))
      } catch {
        given.append(nil)
        failure = error
      }
    }
    if activation.services != nil {
      precondition(
        given.count == HostDescriptor.number(behind: activation.folders.count),
        "it says where it is")
      given.append(Descriptor(kind: .host, rights: .ofStream, isGiven: true))
    }
    return Found(given: DescriptorTable.Given(given), scratch: scratch, failure: failure)
  }

  /// Of guests that are given nothing else: made once by each worker, which then shares nothing with others.
  static func onlyStreams() -> DescriptorTable.Given { DescriptorTable.Given(streams(.gathered)) }

  private static func streams(_ streams: StandardStreams) -> [Descriptor?] {
    switch streams {
    case .gathered:
      [
        Descriptor(kind: .input, rights: [.read, .poll, .setFlags, .status], isGiven: true),
        Descriptor(kind: .output, rights: [.write, .poll, .setFlags, .status], isGiven: true),
        Descriptor(kind: .log, rights: [.write, .poll, .setFlags, .status], isGiven: true),
      ]
    case .process:
      [
        ProcessStream.descriptor(STDIN_FILENO, O_RDONLY, .read),
        ProcessStream.descriptor(STDOUT_FILENO, O_WRONLY, .write),
        ProcessStream.descriptor(STDERR_FILENO, O_WRONLY, .write),
      ]
    }
  }

  private static func descriptor(
    for folder: GuestFolder, _ scratchFolders: ScratchFolders?, _ bundle: BundleFolder?,
    _ scratch: inout ScratchFolder?
  ) throws(ActivationFailure) -> Descriptor {
    let path = Array(folder.path.utf8)
    switch folder.source {
    case .scratch(let limits):
      guard let scratchFolders, scratch == nil else {
        throw ActivationFailure(
          code: .internalError, message: "there is no place for the scratch folder \(folder.path)")
      }
      let made = ScratchFolder(limits, in: scratchFolders)
      scratch = made
      let tree = FolderTree(isReadOnly: false)
      return Descriptor(
        kind: .scratch, rights: tree.rights, inheriting: tree.inheriting, grantedPath: path,
        scratch: made, isGiven: true)
    case .bundle:
      guard let bundle else {
        throw ActivationFailure(code: .startFailed, message: "no files were packed into the module")
      }
      return try descriptor(at: path, of: bundle.path, isReadOnly: true)
    case .host(let hostPath, let isReadOnly):
      return try descriptor(at: path, of: hostPath, isReadOnly: isReadOnly)
    }
  }

  private static func descriptor(
    at path: [UInt8], of hostPath: String, isReadOnly: Bool
  ) throws(ActivationFailure) -> Descriptor {
    let tree = FolderTree(isReadOnly: isReadOnly)
    let number = open(hostPath, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    let code = errno
    guard number >= 0, let file = try? OpenFile(number, in: tree) else {
      let reason = strerror(code).map { String(cString: $0) } ?? "error \(code)"
      throw ActivationFailure(
        code: .startFailed, message: "the folder \(hostPath) cannot be opened: \(reason)")
    }
    return Descriptor(
      kind: .file, file: file, rights: tree.rights, inheriting: tree.inheriting,
      grantedPath: path, isGiven: true)
  }

  /// The instance must end, and why.
  mutating func end(_ why: Ending) {
    ending = why
    isEnding = true
  }

  /// Takes what a guest writes to a standard stream in memory.
  mutating func write(
    _ bytes: UnsafeRawBufferPointer, to stream: Descriptor.Kind
  ) throws(WASIError) {
    switch stream {
    case .input, .host, .file, .scratch:
      throw WASIError(.badDescriptor)
    case .output:
      if let follower { return follower.wrote(bytes, to: .output) }
      guard output.count + bytes.count <= mostOutput.bytes else {
        end(
          .limit(
            ActivationFailure(
              code: .outputLimit,
              message: "the module wrote more than \(mostOutput) to standard output")))
        throw WASIError(.fault)
      }
      output.append(contentsOf: bytes)
    case .log:
      if let follower { return follower.wrote(bytes, to: .error) }
      let room = mostLog.bytes - log.count
      log.append(contentsOf: bytes.prefix(max(room, 0)))
      if bytes.count > room { logTruncated = true }
    }
  }
}

/// The standard streams of this process, for a guest that gets them as they are.
private enum ProcessStream {
  /// `nil` when the process has no such stream.
  static func descriptor(_ number: Int32, _ access: Int32, _ right: Rights) -> Descriptor? {
    guard let file = file(number, access) else { return nil }
    var rights = file.possibleRights.intersection([.status, .setFlags, .poll, .seek, .tell])
    rights.insert(right)
    return Descriptor(kind: .file, file: file, rights: rights, isGiven: true)
  }

  /// Pipes and terminals are opened anew: whether they wait is a matter of the description that is
  /// shared with whoever started us, and must stay as it is. Where that cannot be done (sockets, a
  /// process without `/proc`), and for files, whose position is shared on purpose, it is the same one.
  private static func file(_ number: Int32, _ access: Int32) -> OpenFile? {
    guard let shared = try? OpenFile(number, in: nil, use: .shared) else { return nil }
    guard shared.shape == .stream else { return shared }
    let own = gf_reopen(number, access | O_NONBLOCK | O_NOCTTY)
    // What cannot be opened anew is used as it is.
    guard own >= 0, let file = try? OpenFile(own, in: nil) else { return shared }
    return file
  }
}
