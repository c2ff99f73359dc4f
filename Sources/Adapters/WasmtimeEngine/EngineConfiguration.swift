public import ClusterModel

/// How the engine of this process is set up. Checked by us before the library sees it: the library
/// aborts the process on a bad one.
public struct EngineConfiguration: Sendable, Hashable {
  /// Threads that run guests.
  public var workers: Int
  /// Instances that can live at the same time, over all workers.
  public var instanceSlots: Int
  /// What a guest may use of its stack; beyond it is ended with `stack_limit`.
  public var guestStack: ByteCount
  /// The whole stack of a fiber: the guest's part, and room for our host functions.
  public var fiberStack: ByteCount
  /// How much of a slot's memory stays resident for its next user. A module whose memory fits
  /// starts without a system call.
  public var residentMemory: ByteCount
  /// Activations that may wait for a slot; beyond that the answer is `overloaded`.
  public var queueLength: Int
  /// Input bytes that may wait in the queue.
  public var queueBytes: ByteCount
  /// What all live instances hold together: above it no new one is started, and one that grows beyond it
  /// is ended as `overloaded`.
  public var memoryBudget: ByteCount
  /// The time between two looks at the limits of a running guest.
  public var tick: Duration

  /// The values for a machine.
  public init(machine: MachineFacts) {
    workers = machine.processors
    instanceSlots = min(Self.defaultSlots, Self.maximumSlots(mappings: machine.maximumMappings))
    guestStack = .kibibytes(512)
    fiberStack = .kibibytes(1024)
    residentMemory = Self.residentMemory(of: machine.memory, slots: instanceSlots)
    queueLength = 32_768
    queueBytes = .gibibytes(1)
    memoryBudget = ByteCount(bytes: max(machine.memory.bytes / 2, 256 << 20))
    tick = .milliseconds(1)
  }

  /// Of ``instanceSlots``: what one worker has.
  var slotsPerWorker: Int { instanceSlots / workers }

  /// What most commands have in memory; all slots together keep no more than a sixteenth of the machine's
  /// memory, and enough for one page each.
  static func residentMemory(of memory: ByteCount, slots: Int) -> ByteCount {
    let share = memory.bytes / 16 / max(slots, 1)
    return ByteCount(bytes: min(max(share & ~0xffff, 64 << 10), 256 << 10))
  }

  /// Enough for guests that wait, little enough that what the slots keep resident stays small.
  static let defaultSlots = 2048
  /// A live instance takes up to five mappings (stack and guard, memory and its accessible part,
  /// table).
  static let mappingsPerInstance = 5
  /// What the rest of the process maps: libraries, heaps, compiled modules.
  static let mappingsReserved = 8192

  /// The most slots that the machine's limit of mappings allows.
  public static func maximumSlots(mappings: Int) -> Int {
    max((mappings - mappingsReserved) / mappingsPerInstance, 0)
  }

  /// Checks everything the library would abort on.
  ///
  /// - Throws: ``Problem`` `engine_configuration_invalid`, which names the setting.
  public func validate(on machine: MachineFacts) throws(Problem) {
    try require((1...256).contains(workers), "workers", "\(workers)", "1 to 256")
    let slots = Self.maximumSlots(mappings: machine.maximumMappings)
    try require(
      slots >= workers, "vm.max_map_count", "\(machine.maximumMappings)",
      "at least \(Self.mappingsReserved + Self.mappingsPerInstance * workers)")
    try require(
      (workers...max(slots, workers)).contains(instanceSlots), "instanceSlots",
      "\(instanceSlots)", "\(workers) to \(slots) on this machine")
    try require(
      (ByteCount.kibibytes(64)...ByteCount.mebibytes(8)).contains(guestStack), "guestStack",
      "\(guestStack)", "64KiB to 8MiB")
    try require(
      fiberStack.bytes >= guestStack.bytes + (256 << 10) && fiberStack <= .mebibytes(64),
      "fiberStack", "\(fiberStack)", "guestStack and at least 256KiB more, at most 64MiB")
    try require(
      residentMemory <= .mebibytes(16) && residentMemory.bytes >= 0, "residentMemory",
      "\(residentMemory)", "0 to 16MiB")
    try require(
      (1...1_000_000).contains(queueLength), "queueLength", "\(queueLength)", "1 to 1000000")
    try require(queueBytes.bytes > 0, "queueBytes", "\(queueBytes)", "more than nothing")
    try require(memoryBudget >= .mebibytes(16), "memoryBudget", "\(memoryBudget)", "at least 16MiB")
    try require(
      (Duration.microseconds(100)...Duration.milliseconds(100)).contains(tick), "tick", "\(tick)",
      "100us to 100ms")
    // Each slot reserves the 4 GiB that a 32-bit memory can reach, and guards.
    let reserved = instanceSlots.multipliedReportingOverflow(by: 5 << 30)
    try require(
      !reserved.overflow && reserved.partialValue <= machine.addressSpace, "instanceSlots",
      "\(instanceSlots)",
      "what the address space (\(machine.addressSpace >> 30) GiB) holds at 5 GiB each")
  }

  private func require(
    _ condition: Bool, _ setting: String, _ value: String, _ allowed: String
  ) throws(Problem) {
    guard !condition else { return }
    throw Problem(
      .invalidInput, code: "engine_configuration_invalid",
      "the engine cannot be set up: \(setting) is \(value)", cause: "allowed: \(allowed)",
      next: "Change that setting, or the limit of the machine that it depends on.")
  }
}
