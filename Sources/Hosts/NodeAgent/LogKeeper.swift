public import ClusterModel
import DequeModule
public import HostPorts
import Synchronization

/// Keeps the last lines that each module wrote to standard error, and hands new ones to followers.
public final class LogKeeper: Sendable {
  /// What is kept of one module's log: hours of a quiet module, seconds of a noisy one.
  private static let keptBytes = 1 << 20
  /// What a line counts for beside its text, so that a million empty lines are no small log.
  private static let lineOverhead = 128
  /// Modules whose lines are kept; beyond it those of the module that was silent longest go.
  private static let keptModules = 1000
  /// Longer lines are cut.
  private static let lineLength = 8 << 10
  private static let maximumFollowers = 64
  /// Lines that a slow follower may lag behind; it loses the oldest.
  private static let followerBuffer = 10_000

  private struct Kept {
    var lines: Deque<LogLine> = []
    var bytes = 0
  }

  private struct State: ~Copyable {
    var kept: [QualifiedName: Kept] = [:]
    var followers: [UInt64: (QualifiedName?, AsyncStream<LogLine>.Continuation)] = [:]
    var lastFollower: UInt64 = 0
  }

  private let state = Mutex(State())

  public init() {}

  /// Takes in what one activation wrote.
  func keep(_ log: [UInt8], isCut: Bool, of module: QualifiedName, as template: LogLine) {
    guard !log.isEmpty else { return }
    // No more than would be kept anyway is looked at: this is on the way of every event.
    var lines = log.suffix(Self.keptBytes).split(separator: UInt8(ascii: "\n"))
      .suffix(Self.keptBytes / Self.lineOverhead)
      .map { bytes -> LogLine in
        var line = template
        line.text = String(decoding: bytes.prefix(Self.lineLength), as: UTF8.self)
        return line
      }
    if isCut {
      var line = template
      line.text = "(the rest of this activation's log was over its limit)"
      lines.append(line)
    }
    state.withLock { state in
      for line in lines { Self.append(line, to: &state.kept[module, default: Kept()]) }
      if state.kept.count > Self.keptModules { Self.forgetMostSilent(&state.kept) }
      for (wanted, continuation) in state.followers.values where wanted ?? module == module {
        for line in lines { continuation.yield(line) }
      }
    }
  }

  private static func append(_ line: LogLine, to kept: inout Kept) {
    kept.lines.append(line)
    kept.bytes += cost(line)
    while kept.bytes > keptBytes, let first = kept.lines.popFirst() { kept.bytes -= cost(first) }
  }

  private static func cost(_ line: LogLine) -> Int { lineOverhead + line.text.utf8.count }

  private static func forgetMostSilent(_ kept: inout [QualifiedName: Kept]) {
    let silent = kept.keys.min { left, right in
      guard let old = kept[left]?.lines.last?.at, let new = kept[right]?.lines.last?.at, old != new
      else { return left < right }
      return old < new
    }
    if let silent { kept[silent] = nil }
  }

  /// The kept lines of a module, oldest first.
  public func lines(of module: QualifiedName) -> [LogLine] {
    state.withLock { Array($0.kept[module]?.lines ?? []) }
  }

  /// The kept lines of a module and then what comes; of every module, without the kept ones, when
  /// `module` is `nil`.
  ///
  /// - Throws: ``Problem`` `too_many_followers`.
  public func follow(_ module: QualifiedName?) throws(Problem) -> AsyncStream<LogLine> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: LogLine.self, bufferingPolicy: .bufferingNewest(Self.followerBuffer))
    let id: UInt64? = state.withLock { state in
      guard state.followers.count < Self.maximumFollowers else { return nil }
      state.lastFollower += 1
      if let module {
        for line in state.kept[module]?.lines ?? [] { continuation.yield(line) }
      }
      state.followers[state.lastFollower] = (module, continuation)
      return state.lastFollower
    }
    guard let id else {
      throw Problem(
        .overloaded, code: "too_many_followers",
        "\(Self.maximumFollowers) others follow logs already",
        next: "Close one of them, or ask without --follow.")
    }
    continuation.onTermination = { [weak self] _ in
      self?.state.withLock { $0.followers[id] = nil }
    }
    return stream
  }

  /// Ends every follower's stream.
  func finish() {
    let followers = state.withLock { state in
      defer { state.followers = [:] }
      return state.followers.values.map { $0.1 }
    }
    for follower in followers { follower.finish() }
  }
}
