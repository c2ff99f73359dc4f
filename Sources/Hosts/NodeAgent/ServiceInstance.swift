import ClusterModel
import HostPorts
import Synchronization

/// One instance of a service, from outside: takes what it writes line by line, and ends its input.
final class ServiceInstance: InstanceFollower {
  private struct State {
    var hasBegun = false
    var inputHasEnded = false
    var wake: (@Sendable () -> Void)?
    /// The beginnings of lines whose ends have not been written.
    var beginnings: [OutputStream: [UInt8]] = [:]
  }

  /// Until when it may have effects, if that is known: it is being stopped.
  let effects = EffectLease(until: MonotonicInstant(nanoseconds: .max))
  private let state = Mutex(State())
  private let beginning: @Sendable () -> Void
  private let keep: @Sendable ([UInt8]) -> Void

  /// Longer lines are cut into pieces: a guest that never ends a line must not fill memory.
  private static let lineLength = 8 << 10

  /// - Parameters:
  ///   - began: hears that its code runs.
  ///   - keep: takes whole lines, and long pieces of them.
  init(began: @escaping @Sendable () -> Void, keep: @escaping @Sendable ([UInt8]) -> Void) {
    beginning = began
    self.keep = keep
  }

  func began() {
    state.withLock { $0.hasBegun = true }
    beginning()
  }

  /// Whether its code ever ran.
  var hasBegun: Bool { state.withLock { $0.hasBegun } }

  func wrote(_ bytes: UnsafeRawBufferPointer, to stream: OutputStream) {
    let whole = state.withLock { state -> [UInt8] in
      var line = state.beginnings.removeValue(forKey: stream) ?? []
      line.append(contentsOf: bytes)
      guard line.count < Self.lineLength else { return line }
      let end = line.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
      state.beginnings[stream] = Array(line[end...])
      return Array(line[..<end])
    }
    if !whole.isEmpty { keep(whole) }
  }

  /// It has ended: what it did not end of its lines is taken, too.
  func close() {
    let rest = state.withLock { state in
      defer { state.beginnings = [:] }
      return [OutputStream.output, .error].compactMap { state.beginnings[$0] }
    }
    for line in rest where !line.isEmpty { keep(line) }
  }

  var inputHasEnded: Bool { state.withLock { $0.inputHasEnded } }

  func whenInputEnds(_ wake: @escaping @Sendable () -> Void) {
    let isOver = state.withLock { state in
      state.wake = wake
      return state.inputHasEnded
    }
    if isOver { wake() }
  }

  /// Tells it to end.
  func endInput() {
    let wake = state.withLock { state in
      state.inputHasEnded = true
      return state.wake
    }
    wake?()
  }
}
