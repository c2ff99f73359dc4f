import ClusterModel
import HostPorts
import Synchronization

/// A WASI command that is ready to run. Its code may be replaced by better code meanwhile: what is running
/// ends on what it began with.
final class PreparedCommand: PreparedModule {
  let digest: ModuleDigest
  let imports: [String]
  let memoryNeeds: MemoryNeeds
  let resources: HostResources
  /// The files that were packed into it.
  let bundle: BundleFolder?
  var hasBundle: Bool { bundle != nil }
  private let queue: RunQueue
  private let current: Mutex<LinkedModule>
  private let replacing = Mutex<Task<Bool, Never>?>(nil)

  /// - Parameter bytes: the module that `linked` was compiled from.
  /// - Throws: ``Problem`` `module_invalid`, `node_too_small`.
  init(
    _ linked: LinkedModule, digest: ModuleDigest, bytes: [UInt8], queue: RunQueue,
    resources: HostResources, bundle: BundleFolder?
  ) throws(Problem) {
    memoryNeeds = try MemoryNeeds(bytes)
    guard memoryNeeds.slots <= queue.slotsPerWorker else {
      throw Problem(
        .invalidInput, code: "node_too_small",
        "the module has \(memoryNeeds.slots) memories; a worker of this node has "
          + "\(queue.slotsPerWorker) slots", next: "Raise vm.max_map_count, so that there are more."
      )
    }
    imports = linked.imports
    current = Mutex(linked)
    self.digest = digest
    self.queue = queue
    self.resources = resources
    self.bundle = bundle
  }

  /// The code that new instances run.
  var linked: LinkedModule { current.withLock { $0 } }

  var mode: CodeMode { linked.mode }

  /// Makes better code meanwhile, which new instances run as soon as it is there.
  ///
  /// - Parameter make: is told how to find out whether anybody still wants it.
  func replace(
    with make:
      @escaping @Sendable (_ isWanted: @escaping @Sendable () -> Bool) async throws(Problem) ->
      LinkedModule
  ) {
    let task = Task { [weak self] in
      do throws(Problem) {
        let better = try await make { [weak self] in self != nil }
        self?.current.withLock { $0 = better }
        return true
      } catch {
        // It stays as it is, which whoever waits for it hears of.
        return false
      }
    }
    replacing.withLock { $0 = task }
  }

  func optimised() async -> Bool {
    await replacing.withLock { $0 }?.value ?? (mode == .optimised)
  }

  func run(_ activation: Activation) async -> ActivationReport {
    let pending = PendingRun(command: self, activation: activation)
    activation.follower?.whenInputEnds { [weak pending] in pending?.answered() }
    let report = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        pending.begin(continuation)
        queue.submit(pending)
      }
    } onCancel: {
      queue.cancel(pending)
    }
    if let folder = pending.leftFolder { await resources.scratch?.remove(folder) }
    return await pending.channel?.finish(report, of: pending) ?? report
  }
}

/// What instances use of this machine beside their memory and a worker.
struct HostResources: Sendable {
  let watch: DescriptorWatch
  /// `nil` when there are no scratch folders.
  let scratch: ScratchFolders?
}
