public import ClusterModel
import Dispatch
public import DurableSQLite
import Foundation
public import HostPorts

/// What a node keeps in its data folder to go on without a control plane.
///
///     DATA/standing/plan.json      the standing plan, as it was sealed
///     DATA/standing/obeyed.json    which plan was obeyed last
///     DATA/modules/sha256/         modules, named after their digest
///
/// Each file is there whole or not at all. Whoever can write here can take all of it away, or bring back an
/// older standing plan together with the older record of what was obeyed, as long as that has not expired;
/// nobody can make the node run something that its cluster never told it.
public final class NodeFolder: NodeStore {
  private let standing: StandingFiles
  private let modules: ModuleFolder
  private let verify: @Sendable (PlanSeal) async throws(Problem) -> Void
  private let onTrouble: @Sendable (Problem) -> Void
  /// Disk calls block: never on a cooperative thread. One after the other.
  private let queue = DispatchQueue(label: "node store")
  /// Modules are large, and do not hold up plans.
  private let moduleQueue = DispatchQueue(label: "node modules")

  /// What modules may take together: as much as what is compiled of them.
  public static let defaultCapacity = ByteCount.gibibytes(1)

  /// Blocks: for the start of a program. What is damaged is found when it is asked for.
  ///
  /// - Parameters:
  ///   - capacity: what modules may take together.
  ///   - verify: throws unless the cluster of this node has made a seal.
  ///   - onTrouble: hears of what is damaged or finds no room, and is done without.
  public init(
    in folder: DataFolder, capacity: ByteCount = defaultCapacity,
    verify: @escaping @Sendable (PlanSeal) async throws(Problem) -> Void,
    onTrouble: @escaping @Sendable (Problem) -> Void
  ) throws(Problem) {
    standing = try StandingFiles(in: folder.path + "/standing")
    modules = try ModuleFolder(in: folder.path + "/modules", capacity: capacity)
    self.verify = verify
    self.onTrouble = onTrouble
  }

  public func keep(_ plan: SealedPlan) async throws(Problem) {
    modules.need(Set(plan.plan.orders.map(\.deployment.digest)))
    try await Self.on(queue) { [standing] () throws(Problem) in try standing.keep(plan.seal) }
  }

  public func remember(_ version: PlanVersion) async throws(Problem) {
    try await Self.on(queue) { [standing] () throws(Problem) in try standing.remember(version) }
  }

  public func recall() async throws(Problem) -> RecalledPlan? {
    let (seal, seen) = try await Self.on(queue) { [standing] () throws(Problem) in
      (try standing.seal(), try standing.obeyed())
    }
    guard let seal else { return nil }
    // Nothing of it is read before it is known who made it.
    try await verify(seal)
    let plan = try StandingFiles.plan(in: seal)
    guard let seen else {
      throw StandingFiles.damaged("there is no record of the plan that was obeyed last")
    }
    modules.need(Set(plan.orders.map(\.deployment.digest)))
    return RecalledPlan(plan: plan, seen: seen)
  }

  public func module(_ digest: ModuleDigest) async throws(Problem) -> [UInt8]? {
    let (modules, onTrouble) = (modules, onTrouble)
    return try await Self.on(moduleQueue) { () throws(Problem) in
      do throws(Problem) {
        return try modules.module(digest)
      } catch  where error.code == ModuleFolder.damagedCode {
        onTrouble(error)
        return nil
      }
    }
  }

  public func keep(_ module: [UInt8], _ digest: ModuleDigest) async throws(Problem) {
    let modules = modules
    try await Self.on(moduleQueue) { () throws(Problem) in try modules.keep(module, digest) }
  }

  private static func on<Value: Sendable>(
    _ queue: DispatchQueue, _ body: @escaping @Sendable () throws(Problem) -> Value
  ) async throws(Problem) -> Value {
    let result: Result<Value, Problem> = await withCheckedContinuation { continuation in
      queue.async {
        continuation.resume(returning: Result { () throws(Problem) in try body() })
      }
    }
    return try result.get()
  }
}
