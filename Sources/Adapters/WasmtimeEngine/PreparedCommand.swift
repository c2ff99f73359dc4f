import ClusterModel
import HostPorts
import Synchronization

/// A WASI command that is ready to run. Its code may be replaced by better code meanwhile: what is running
/// ends on what it began with.
final class PreparedCommand: PreparedModule {
  let digest: ModuleDigest
  let imports: [String]
  /// Of the pool, that an instance takes.
  let slots: Int
  private let memoryNeeds: MemoryNeeds
  private let singleMemory: SingleMemory?
  let resources: HostResources
  /// The files that were packed into it.
  let bundle: BundleFolder?
  var hasBundle: Bool { bundle != nil }
  private let queue: RunQueue
  /// What it began with, and what has replaced it. Both stay as long as the command does, so that instances
  /// need not count references that all workers share.
  private let first: LinkedModule
  private let better = Atomic<Unmanaged<LinkedModule>?>(nil)
  private let replacing = Mutex<Task<Bool, Never>?>(nil)

  /// - Parameter bytes: the module that `linked` was compiled from.
  /// - Throws: ``Problem`` `module_invalid`, `node_too_small`.
  init(
    _ linked: LinkedModule, digest: ModuleDigest, bytes: [UInt8], queue: RunQueue,
    resources: HostResources, bundle: BundleFolder?
  ) throws(Problem) {
    memoryNeeds = try MemoryNeeds(bytes)
    singleMemory = memoryNeeds.single
    slots = memoryNeeds.slots
    guard slots <= queue.slotsPerWorker else {
      throw Problem(
        .invalidInput, code: "node_too_small",
        "the module has \(slots) memories; a worker of this node has "
          + "\(queue.slotsPerWorker) slots", next: "Raise vm.max_map_count, so that there are more."
      )
    }
    imports = linked.imports
    first = linked
    self.digest = digest
    self.queue = queue
    self.resources = resources
    self.bundle = bundle
  }

  /// How an instance is held to `limit` bytes; `nil` when it would begin with more.
  func memoryPlan(within limit: ByteCount) -> MemoryPlan? {
    if let singleMemory { return singleMemory.plan(within: limit) }
    return memoryNeeds.plan(within: limit)
  }

  /// The code that new instances run; lives as long as this does.
  func code(readingFromMemoryAlone: Bool) -> PreparedCode {
    withLinked { $0.code(readingFromMemoryAlone: readingFromMemoryAlone) }
  }

  var mode: CodeMode { withLinked { $0.mode } }

  /// Without counting a reference, which all workers would count at once.
  func withLinked<Result>(_ body: (LinkedModule) -> Result) -> Result {
    guard let better = better.load(ordering: .acquiring) else { return body(first) }
    return better._withUnsafeGuaranteedRef { body($0) }
  }

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
        let made = try await make { [weak self] in self != nil }
        self?.improve(made)
        return true
      } catch {
        // It stays as it is, which whoever waits for it hears of.
        return false
      }
    }
    replacing.withLock { $0 = task }
  }

  /// Once: there is nothing better than what is better.
  private func improve(_ made: LinkedModule) {
    let kept = Unmanaged.passRetained(made)
    let (isFirst, _) = better.compareExchange(
      expected: nil, desired: kept, ordering: .acquiringAndReleasing)
    if !isFirst { kept.release() }
  }

  deinit { better.load(ordering: .acquiring)?.release() }

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
