import ClusterModel
import HostPorts

/// Code that is ready to run, and why it is trusted.
struct ReadyCode: Sendable {
  let module: any PreparedModule
  /// Of the module, and verified with these keys.
  let signature: [UInt8]
  let keys: [TrustedKey]
}

/// The placements that are ready on a node, and which of them serve. Those with the same code share it.
struct HeldPlacements: Sendable {
  private(set) var placements: [PlacementID: Placement] = [:]
  private(set) var serving: [PlacementID: PlanVersion] = [:]
  /// Of those that serve, by their names.
  private(set) var byName: [QualifiedName: PlacementID] = [:]
  private var codes: [ModuleDigest: SharedCode] = [:]

  private struct SharedCode {
    let module: any PreparedModule
    /// The trust store with which these signatures of it were verified.
    var keys: [TrustedKey]
    var signatures: Set<[UInt8]>
    var users: Set<PlacementID> = []
  }

  /// Whether some placement here has this code.
  func has(_ digest: ModuleDigest) -> Bool { codes[digest] != nil }

  /// The code, if it is here and this signature of it was verified with the same keys.
  func code(_ digest: ModuleDigest, _ signature: [UInt8], _ keys: [TrustedKey]) -> ReadyCode? {
    guard let shared = codes[digest], shared.keys == keys, shared.signatures.contains(signature)
    else { return nil }
    return ReadyCode(module: shared.module, signature: signature, keys: keys)
  }

  /// Holds a placement that has become ready.
  mutating func hold(
    _ deployment: Deployment, _ code: ReadyCode, since: WallInstant
  ) -> Placement {
    let digest = deployment.digest
    discard(deployment.placement)
    // Another may have made the same ready meanwhile.
    var shared =
      codes[digest] ?? SharedCode(module: code.module, keys: code.keys, signatures: [])
    if shared.keys != code.keys {
      shared.keys = code.keys
      shared.signatures = []
    }
    shared.signatures.insert(code.signature)
    codes[digest] = shared
    return hold(deployment, shared.module, since)
  }

  /// Holds a placement with the code of another.
  ///
  /// - Returns: `nil` when that is not here.
  mutating func renew(
    _ deployment: Deployment, from source: PlacementID, since: WallInstant
  ) -> Placement? {
    guard let module = placements[source]?.module, module.digest == deployment.digest else {
      return nil
    }
    return hold(deployment, module, since)
  }

  private mutating func hold(
    _ deployment: Deployment, _ module: any PreparedModule, _ since: WallInstant
  ) -> Placement {
    let placement = Placement(deployment: deployment, module: module, readySince: since)
    placements[deployment.placement] = placement
    codes[deployment.digest]?.users.insert(deployment.placement)
    return placement
  }

  /// Forgets a placement, and its code when no other has it.
  mutating func discard(_ id: PlacementID) {
    serve(id, under: nil)
    guard let digest = placements.removeValue(forKey: id)?.deployment.digest else { return }
    codes[digest]?.users.remove(id)
    if codes[digest]?.users.isEmpty == true { codes[digest] = nil }
  }

  /// Activations under this fence may begin from now on; with `nil` none may.
  mutating func serve(_ id: PlacementID, under fence: PlanVersion?) {
    serving[id] = fence
    if fence != nil {
      byName[id.name] = id
    } else if byName[id.name] == id {
      byName[id.name] = nil
    }
  }
}
