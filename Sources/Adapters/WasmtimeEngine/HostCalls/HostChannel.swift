import ClusterModel
import DequeModule
import HostPorts
import Synchronization

/// The descriptor on which one activation asks the platform: requests go in on the worker that runs the
/// guest, answers come back from a task of its own, so that nobody but the guest waits for them.
///
///     guest ──write──> lines ──task──> services ──> answers ──read──> guest
///                                                      └── wakes it when it waits
///
/// Everything is bounded: what is written by the limits of the activation, answers that are not read in
/// number and bytes.
final class HostChannel: Sendable {
  /// What a guest finds when it reads.
  enum Reading {
    case bytes([UInt8])
    /// An answer is on its way: the guest waits.
    case wait
    /// Nothing was asked that is not answered and read.
    case end
  }

  private struct AnswerLine {
    var bytes: [UInt8]
    var isRefusal: Bool
  }

  private struct State: ~Copyable {
    var reader = LineReader(maximumLength: GuestLine.maximumLength)
    var lines: Deque<LineReader.Line> = []
    var answers: Deque<AnswerLine> = []
    /// How much of the first answer was read.
    var offset = 0
    var unreadBytes = 0
    var calls = 0
    var bytes = 0
    /// A line is being answered right now.
    var isAnswering = false
    var isRunning = false
    var isDraining = false
    var isClosed = false
    /// The guest waits for an answer.
    var isAwaited = false
    /// Whoever waits until all lines are answered.
    var drained: CheckedContinuation<Void, Never>?
  }

  private let services: any GuestServices
  private let limits: ActivationLimits
  private let state = Mutex(State())

  /// Bytes of answers that are not read; beyond it the next request waits until the guest reads.
  static let mostUnreadBytes = 4 << 20

  init(_ services: any GuestServices, limits: ActivationLimits) {
    self.services = services
    self.limits = limits
  }

  // The guest's side, on its worker.

  /// Takes what the guest writes.
  ///
  /// - Parameter run: woken when an answer comes that it waits for.
  /// - Returns: why the activation must end; `nil` when it goes on.
  func write(_ bytes: UnsafeRawBufferPointer, by run: PendingRun) -> ActivationFailure? {
    let (failure, starts) = state.withLock { state -> (ActivationFailure?, Bool) in
      state.bytes += bytes.count
      guard state.bytes <= limits.callBytes.bytes else {
        return (
          ActivationFailure(
            code: .callBytesLimit,
            message: "the module wrote more than \(limits.callBytes) of requests"), false
        )
      }
      for line in state.reader.read(bytes) {
        state.calls += 1
        guard state.calls <= limits.calls else {
          return (
            ActivationFailure(
              code: .hostCallLimit,
              message: "the module made more than \(limits.calls) requests"), false
          )
        }
        state.lines.append(line)
      }
      guard Self.outstanding(state) <= limits.outstandingCalls else {
        return (
          ActivationFailure(
            code: .outstandingCallLimit,
            message: "the module left more than \(limits.outstandingCalls) answers unread"), false
        )
      }
      return (nil, Self.starts(&state))
    }
    if starts { Task { await answerAll(for: run) } }
    return failure
  }

  /// Up to `count` bytes of answers.
  func read(_ count: Int, by run: PendingRun) -> Reading {
    let (reading, starts) = state.withLock { state -> (Reading, Bool) in
      state.isAwaited = false
      guard count > 0 else { return (.bytes([]), false) }
      guard !state.answers.isEmpty else {
        guard state.isAnswering || !state.lines.isEmpty else { return (.end, false) }
        state.isAwaited = true
        return (.wait, Self.starts(&state))
      }
      var bytes: [UInt8] = []
      while bytes.count < count, let first = state.answers.first {
        let piece = first.bytes[state.offset...].prefix(count - bytes.count)
        bytes.append(contentsOf: piece)
        state.offset += piece.count
        guard state.offset == first.bytes.count else { break }
        state.answers.removeFirst()
        state.offset = 0
      }
      state.unreadBytes -= bytes.count
      return (.bytes(bytes), Self.starts(&state))
    }
    if starts { Task { await answerAll(for: run) } }
    return reading
  }

  /// Whether a read would find something; bytes that are there.
  var readable: Int { state.withLock { $0.unreadBytes } }

  private static func outstanding(_ state: borrowing State) -> Int {
    state.lines.count + state.answers.count + (state.isAnswering ? 1 : 0)
  }

  private static func starts(_ state: inout State) -> Bool {
    guard !state.isRunning, !state.isClosed, !state.lines.isEmpty, mayAnswer(state) else {
      return false
    }
    state.isRunning = true
    return true
  }

  private static func mayAnswer(_ state: borrowing State) -> Bool {
    state.isDraining || state.unreadBytes <= mostUnreadBytes
  }

  // The services' side, in a task.

  private func answerAll(for run: PendingRun) async {
    while let line = next() {
      let answer: GuestAnswer
      switch line {
      case .tooLong: answer = .refused(GuestLine.tooLong)
      case .complete(let bytes):
        do throws(Problem) {
          answer = await services.answer(try GuestLine.call(bytes))
        } catch {
          answer = .refused(error)
        }
      }
      if case .ended(let denial) = answer { run.end(denial.failure) }
      if put(answer) { run.answered() }
    }
  }

  private func next() -> LineReader.Line? {
    typealias Next = (LineReader.Line?, CheckedContinuation<Void, Never>?)
    let (line, drained) = state.withLock { state -> Next in
      if !state.isClosed, Self.mayAnswer(state), let line = state.lines.popFirst() {
        state.isAnswering = true
        return (line, nil)
      }
      state.isRunning = false
      return (nil, state.drained.take())
    }
    drained?.resume()
    return line
  }

  /// - Returns: whether the guest waits for it.
  private func put(_ answer: GuestAnswer) -> Bool {
    let bytes = GuestLine.line(answer)
    return state.withLock { state in
      state.isAnswering = false
      let isRefusal = if case .refused = answer { true } else { false }
      state.answers.append(AnswerLine(bytes: bytes, isRefusal: isRefusal))
      state.unreadBytes += bytes.count
      // Nobody will hear the others any more, and one refusal decides.
      if state.isDraining {
        if isRefusal { state.lines = [] } else { state.answers.removeLast() }
      }
      return state.isAwaited
    }
  }

  // The end.

  /// Lets what a guest asked for before it ended be answered, and says whether it may count as done: it
  /// may not when something was refused that it did not hear of.
  func finish(_ report: ActivationReport, of run: PendingRun) async -> ActivationReport {
    guard case .success = report.result else {
      state.withLock { state in
        state.isClosed = true
        state.lines = []
      }
      return report
    }
    await withCheckedContinuation { continuation in
      let (starts, isDone) = state.withLock { state -> (Bool, Bool) in
        state.isDraining = true
        if state.answers.contains(where: \.isRefusal) { state.lines = [] }
        let starts = Self.starts(&state)
        guard state.isRunning else { return (starts, true) }
        state.drained = continuation
        return (starts, false)
      }
      if isDone { continuation.resume() }
      if starts { Task { await answerAll(for: run) } }
    }
    var report = report
    if let failure = run.endedBy ?? unheard { report.result = .failure(failure) }
    return report
  }

  private var unheard: ActivationFailure? {
    state.withLock { state in
      if let refusal = state.answers.first(where: \.isRefusal) {
        let line = String(decoding: refusal.bytes.dropLast().prefix(500), as: UTF8.self)
        return ActivationFailure(
          code: .effectsRefused,
          message: "the module ended without reading that it was refused something: \(line)")
      }
      guard state.reader.isWithinLine else { return nil }
      return ActivationFailure(
        code: .effectsRefused,
        message: "the module ended within a request: a request ends with a newline")
    }
  }
}
