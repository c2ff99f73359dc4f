import ClusterModel
import Synchronization

/// What has come of modules that were given up, for whoever asks for one of them next: an order that is replaced ends
/// the transfer of its module, and the order that replaces it often wants the same one.
///
/// In memory alone, and not for long: whoever never asks again should not pay for it.
final class UnfinishedModules: Sendable {
  private struct Entry {
    var digest: ModuleDigest
    var bytes: [UInt8]
  }

  private struct State {
    /// The newest last; none twice.
    var entries: [Entry] = []
    var timer: Task<Void, Never>?
  }

  private let state = Mutex(State())
  private let room: ByteCount
  private let lifetime: Duration

  /// As many as an agent fetches at a time.
  static let maximumCount = 4

  /// - Parameters:
  ///   - room: for all of them together.
  ///   - lifetime: after how long all are let go, when none has come since.
  init(room: ByteCount = .mebibytes(64), lifetime: Duration = .seconds(600)) {
    self.room = room
    self.lifetime = lifetime
  }

  /// What is here of a module; nothing of it stays here.
  func take(_ digest: ModuleDigest) -> [UInt8] {
    state.withLock { state in
      guard let index = state.entries.firstIndex(where: { $0.digest == digest }) else { return [] }
      return state.entries.remove(at: index).bytes
    }
  }

  /// Keeps what has come of a module, if no more of it is here; the oldest ones make room.
  func keep(_ bytes: [UInt8], of digest: ModuleDigest) {
    guard !bytes.isEmpty, bytes.count <= room.bytes else { return }
    let timer = Task { [weak self, lifetime] in
      // Cancelled when another one is kept.
      guard (try? await Task.sleep(for: lifetime)) != nil else { return }
      self?.clear()
    }
    let former = state.withLock { state -> Task<Void, Never>? in
      var entry = Entry(digest: digest, bytes: bytes)
      if let index = state.entries.firstIndex(where: { $0.digest == digest }) {
        let before = state.entries.remove(at: index)
        if before.bytes.count > bytes.count { entry = before }
      }
      state.entries.append(entry)
      while state.entries.count > Self.maximumCount || Self.sum(state.entries) > room {
        state.entries.removeFirst()
      }
      defer { state.timer = timer }
      return state.timer
    }
    former?.cancel()
  }

  /// The modules of which something is here, the oldest first.
  var digests: [ModuleDigest] { state.withLock { $0.entries.map(\.digest) } }

  private func clear() { state.withLock { $0.entries = [] } }

  private static func sum(_ entries: [Entry]) -> ByteCount {
    ByteCount(bytes: entries.reduce(0) { $0 + $1.bytes.count })
  }
}
