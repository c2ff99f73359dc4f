import CWasmtime
import ClusterModel
import Glibc
import HostPorts

/// One live instance of a command: its store, the fiber it runs on, what WASI keeps for it. Made
/// and used by one worker only; it is the store's data, so that host functions find it.
///
///     instantiating ──> running ──> finished
///           │  ▲          │  ▲
///           ▼  │          ▼  │
///         pre-empted   pre-empted | waiting (poll_oneoff) | asking (for an answer, for a pipe)
final class CommandInstance {
  /// What a look at an instance found.
  enum Step {
    /// Its slice is over; it wants to go on.
    case preempted
    /// It sleeps; nothing to do before this monotonic time.
    case waiting(until: Int64)
    /// It waits for an answer of the platform or for a descriptor, until this monotonic time at most.
    case asking(until: Int64)
    /// There is a ``CommandInstance/report``.
    case finished
  }

  private enum Phase { case instantiating, running }

  let pending: PendingRun
  // Host functions are called one at a time, and none that changes it calls another.
  @exclusivity(unchecked) var wasi: WASIState
  /// What its memories and tables held when last looked at; those that cannot be seen at their largest.
  @exclusivity(unchecked) private(set) var memoryBytes = 0
  /// The same with what we keep for it, for the node's budget.
  @exclusivity(unchecked) private(set) var heldBytes = 0

  private let store: OpaquePointer
  private let context: OpaquePointer
  private let frame: UnsafeMutablePointer<wm_frame_t>
  // Values that are only ever read or replaced as a whole need no check for overlapping access.
  @exclusivity(unchecked) private var future: OpaquePointer?
  @exclusivity(unchecked) private var phase = Phase.instantiating
  @exclusivity(unchecked) private var knowsMemory = false
  /// Whether it ever waited for a descriptor.
  private var isWatching = false
  private let memoryPlan: MemoryPlan
  private let startedAt: Int64
  /// By the clock that its slices are measured with.
  @exclusivity(unchecked) private var sliceStartedAt: Int64
  /// Whether it has had a slice to its end.
  @exclusivity(unchecked) private(set) var wasPreempted = false
  @exclusivity(unchecked) private var cpuNanoseconds: Int64 = 0
  /// Of one that has ended: why, when it did not end well, and when.
  @exclusivity(unchecked) private var failure: ActivationFailure?
  @exclusivity(unchecked) private var endedAt: Int64 = 0
  // Most end before they are looked at.
  private lazy var cpuLimit = pending.activation.limits.cpuTime.nanoseconds
  private lazy var wallDeadline = startedAt &+ pending.activation.limits.wallTime.nanoseconds

  /// Makes the store and begins to instantiate; nothing of the guest runs yet. `nil` when the
  /// library has no memory for a store.
  ///
  /// - Parameter streams: what those find open that have streams in memory and nothing else.
  init?(
    _ pending: PendingRun, memory: MemoryPlan, streams: DescriptorTable.Given, engine: EngineHandle,
    now: Int64
  ) {
    self.pending = pending
    memoryPlan = memory
    wasi = .beginning(pending, streams: streams)
    startedAt = now
    sliceStartedAt = now
    guard let instancePre = pending.code.instancePre,
      let store = wasmtime_store_new(engine.pointer, nil, nil)
    else { return nil }
    guard let context = wasmtime_store_context(store) else { return nil }
    self.store = store
    self.context = context
    frame = .allocate(capacity: 1)
    frame.initialize(to: wm_frame_t())
    wasmtime_store_limiter(
      store, Int64(memory.share), Int64(InstanceLimits.tableElements), 1,
      Int64(InstanceLimits.tables), Int64(InstanceLimits.memories))
    wasmtime_context_set_data(context, Unmanaged.passUnretained(self).toOpaque())
    wasmtime_context_set_epoch_deadline(context, 1)
    wasmtime_context_epoch_deadline_async_yield_and_update(context, 1)
    future = wm_frame_instantiate(frame, instancePre, context)
  }

  deinit {
    // The future borrows the store: it goes first.
    if let future { wasmtime_call_future_delete(future) }
    wasmtime_store_delete(store)
    frame.deallocate()
  }

  /// What the guest used of a CPU, the current slice included.
  var cpuNanosecondsNow: Int64 { cpuNanoseconds + (sliceClock - sliceStartedAt) }

  /// Slots of the pool that it takes.
  var slots: Int { pending.slots }

  /// Asking for the CPU time of a thread costs a microsecond: those that end within one slice are measured
  /// by the monotonic clock, which is right unless the operating system takes the thread away meanwhile.
  private var sliceClock: Int64 { wasPreempted ? Clocks.threadCPU() : Clocks.monotonic() }

  /// Lets the guest run until its slice ends, it waits, or it is done.
  func step() -> Step {
    // The first one began with the instance.
    if wasPreempted { sliceStartedAt = sliceClock }
    guard !pending.isCancelled else { return finish(pending.cancellation) }
    if wasi.isEnding, phase == .instantiating, case .limit(let failure) = wasi.ending {
      return finish(failure)
    }
    while let future {
      let isReady = wasmtime_call_future_poll(future)
      guard isReady else { return suspend() }
      wasmtime_call_future_delete(future)
      self.future = nil
      if let failure = takeFailure() { return finish(failure) }
      guard phase == .instantiating else { return finish(nil) }
      phase = .running
      wasi.follower?.began()
      if !knowsMemory, let memory = pending.code.memory {
        knowsMemory = wm_frame_find_memory_at(frame, context, memory)
      }
      guard wm_frame_find_function_at(frame, context, pending.code.start) else {
        return finish(.failure(code: .startFailed, "the module exports no _start"))
      }
      self.future = wm_frame_call(frame, context)
    }
    return finish(.failure(code: .internalError, "the call could not be made"))
  }

  /// Closes what it has open, whatever its end was, and says which folder is left to be removed.
  func close() -> String? {
    guard !pending.readsFromMemoryAlone else { return nil }
    if isWatching { pending.command.resources.watch.forget(pending) }
    wasi.waiting = nil
    wasi.descriptors.closeAll()
    return wasi.scratch?.path
  }

  /// Ends the instance from outside.
  func abandon(_ failure: ActivationFailure) { end(failure, at: Clocks.monotonic()) }

  private func suspend() -> Step {
    let now = endSlice()
    wasPreempted = true
    let limits = pending.activation.limits
    if cpuNanoseconds > cpuLimit {
      end(
        .failure(code: .cpuTimeLimit, "the module used more than \(limits.cpuTime) of CPU time"),
        at: now)
      return .finished
    }
    if now > wallDeadline {
      end(
        .failure(code: .wallTimeLimit, "the module took longer than \(limits.wallTime)"), at: now)
      return .finished
    }
    return wait()
  }

  /// What the guest waits for; nothing, when only its slice is over.
  private func wait() -> Step {
    guard let waiting = wasi.waiting else { return .preempted }
    var until = wallDeadline &+ 1
    var interests: [DescriptorWatch.Interest] = []
    switch waiting {
    case .read(let request): interests = interest(in: request.descriptor, POLLIN)
    case .write(let request): interests = interest(in: request.descriptor, POLLOUT)
    case .poll(let request):
      until = min(request.due, until)
      guard !request.watched.isEmpty || !request.inputs.isEmpty else {
        return .waiting(until: until)
      }
      interests = request.watched.map {
        DescriptorWatch.Interest(number: $0.file.number, event: $0.direction.event)
      }
    }
    if !interests.isEmpty {
      isWatching = true
      pending.command.resources.watch.wait(pending, for: interests)
    }
    return .asking(until: until)
  }

  /// Empty for the way to the platform, which wakes its guest itself.
  private func interest(in descriptor: UInt32, _ event: Int32) -> [DescriptorWatch.Interest] {
    // It was open when the guest began to wait, and nothing closes it meanwhile.
    guard let file = try? wasi.descriptors[descriptor].file else { return [] }
    return [DescriptorWatch.Interest(number: file.number, event: event)]
  }

  private func finish(_ failure: ActivationFailure?) -> Step {
    end(failure, at: endSlice())
    return .finished
  }

  private func end(_ failure: ActivationFailure?, at now: Int64) {
    self.failure = failure
    endedAt = now
  }

  /// The monotonic time at which it ended.
  private func endSlice() -> Int64 {
    let now = sliceClock
    cpuNanoseconds += now - sliceStartedAt
    sliceStartedAt = now
    observeMemory()
    return wasPreempted ? Clocks.monotonic() : now
  }

  /// Why the guest ended, when it did not end well; `nil` also for an exit with status 0.
  private func takeFailure() -> ActivationFailure? {
    guard frame.pointee.trap != nil || frame.pointee.error != nil || wasi.isEnding else {
      return nil
    }
    let raised: ActivationFailure? =
      if let trap = frame.pointee.trap {
        LibraryFailure.failure(consumingTrap: trap)
      } else if let error = frame.pointee.error {
        LibraryFailure.failure(consumingError: error)
      } else {
        nil
      }
    frame.pointee.trap = nil
    frame.pointee.error = nil
    switch wasi.isEnding ? wasi.ending : nil {
    case .exit(0): return nil
    case .exit(let status):
      return ActivationFailure(
        code: .guestExited, message: "the module exited with status \(status)",
        exitStatus: status)
    case .limit(let failure): return failure
    case nil: break
    }
    guard var failure = raised else { return nil }
    if phase == .instantiating, failure.code == .guestTrapped { failure.code = .startFailed }
    observeMemory()
    explainMemory(&failure)
    return failure
  }

  /// A guest that is refused memory mostly gives up with a trap. The library does not tell that it
  /// refused, so we say where the memory stood, and call it by its name when that is at the limit.
  private func explainMemory(_ failure: inout ActivationFailure) {
    let limit = pending.activation.limits.memory
    guard failure.code == .guestTrapped, memoryBytes > limit.bytes / 4 else { return }
    if failure.trap == "unreachable", memoryBytes + (1 << 20) > limit.bytes {
      failure.code = .memoryLimit
      failure.message = "the module gave up with its memory at the limit of \(limit)"
    } else {
      failure.message += " (memory: \(memoryBytes >> 10)KiB of \(limit))"
    }
  }

  /// What an instance that has ended left behind: taken out of it.
  func takeReport() -> ActivationReport {
    var (output, log): ([UInt8], [UInt8]) = ([], [])
    swap(&output, &wasi.output)
    swap(&log, &wasi.log)
    return ActivationReport(
      result: failure.map { .failure($0) } ?? .success(output),
      log: log, logTruncated: wasi.logTruncated,
      usage: ActivationUsage(
        queued: .measured(startedAt - pending.submittedAt),
        cpuTime: .measured(cpuNanoseconds),
        wallTime: .measured(endedAt - startedAt),
        memory: ByteCount(bytes: memoryBytes)))
  }
}

// What host functions do to it.
extension CommandInstance {
  /// Takes what the guest writes to a descriptor.
  func write(
    _ bytes: UnsafeRawBufferPointer, to stream: Descriptor.Kind
  ) throws(WASIError) {
    guard stream == .host else { return try wasi.write(bytes, to: stream) }
    guard let channel = pending.channel else { throw WASIError(.badDescriptor) }
    if let failure = channel.write(bytes, by: pending) {
      wasi.end(.limit(failure))
      throw WASIError(.fault)
    }
  }

  /// Whether nothing can be read from an input in memory yet, and something may come: its end. Not a matter of the
  /// state itself, which would be copied to be asked.
  var inputIsOpen: Bool { wasi.follower.map { !$0.inputHasEnded } ?? false }

  @inline(__always)
  func memory(_ caller: OpaquePointer, _ context: OpaquePointer) -> GuestMemory {
    if !knowsMemory { knowsMemory = wm_frame_find_memory(frame, caller) }
    guard knowsMemory else { return .none }
    return withUnsafePointer(to: &frame.pointee.memory) { GuestMemory(context, $0) }
  }

  /// The memory outside a host call; none when the guest never made one.
  var currentMemory: GuestMemory {
    guard knowsMemory else { return .none }
    return withUnsafePointer(to: &frame.pointee.memory) { GuestMemory(context, $0) }
  }

  private func observeMemory() {
    memoryBytes = memoryPlan.unseen
    if knowsMemory { memoryBytes += wasmtime_memory_data_size(context, &frame.pointee.memory) }
    heldBytes = memoryBytes + wasi.input.count + wasi.output.count + wasi.log.count
  }
}

extension ActivationFailure {
  fileprivate static func failure(code: Code, _ message: String) -> ActivationFailure {
    ActivationFailure(code: code, message: message)
  }
}
