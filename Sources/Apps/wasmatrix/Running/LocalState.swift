import ClusterModel
import DurableSQLite
import EmbeddedEventBus
import HostPorts
import SupervisionRuntime

/// The buckets of a run: in the store of a cluster, in a folder that is gone with it.
struct LocalState: Sendable {
  private let folder: TemporaryFolder
  /// Holds the lock of the folder.
  private let data: DataFolder
  private let log: EventDatabase

  /// Changes that are read at once.
  private static let page = 1000

  /// Makes the buckets, with nothing in them.
  ///
  /// - Throws: ``Problem``: there is no folder for them, or what the disk says.
  static func open(_ buckets: [BucketName]) async throws(Problem) -> LocalState {
    let folder = try TemporaryFolder()
    let state: LocalState
    do throws(Problem) {
      state = try await BlockingCall.run { () throws(Problem) -> LocalState in
        let data = try DataFolder(folder.path)
        return LocalState(folder: folder, data: data, log: try EventDatabase(in: data))
      }
    } catch {
      folder.remove()
      throw error
    }
    do throws(Problem) {
      for bucket in buckets { try await state.store.declare(Bucket(name: bucket)) }
    } catch {
      await state.close()
      throw error
    }
    return state
  }

  /// Where what is in them is read.
  var store: any StateStore { log.state }

  /// Does all that is written, or nothing, as at the end of an activation in a cluster.
  ///
  /// - Throws: ``Problem`` `effects_refused`: the buckets would not take it.
  func carryOut(_ writes: [StateWrite], at now: WallInstant) async throws(Problem) {
    guard !writes.isEmpty else { return }
    _ = try await log.commit(CommittedEffects(at: now, writes: writes))
  }

  /// What became of each key that was written, oldest write first.
  func changes(of bucket: BucketName) async throws(Problem) -> [StateChange] {
    var changes: [StateChange] = []
    while true {
      let page = try await store.changes(
        in: bucket, of: .default, prefix: "", after: changes.last?.revision, limit: Self.page)
      guard !page.isEmpty else { return changes }
      changes += page
    }
  }

  /// Lets go of the files and removes them.
  func close() async {
    // Nobody reads any more what it would not write.
    try? await log.close()
    data.release()
    folder.remove()
  }
}
