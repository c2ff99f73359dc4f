import ClusterModel
import Foundation
import HostPorts
import SwiftProtobuf
import WireMessages

// State that agents read for guests, and what they want on record.

extension WireBucketId {
  init(_ bucket: BucketName, _ namespace: Namespace) {
    self.init()
    self.namespace = namespace.text
    self.bucket = bucket.text
  }

  func names() throws(WireFault) -> (bucket: BucketName, namespace: Namespace) {
    (try BucketName(wire: bucket), try Namespace(wire: namespace))
  }
}

extension WireStateEntry {
  init(_ entry: StateEntry) {
    self.init()
    key = entry.key.text
    value = Data(entry.value)
    revision = entry.revision.number
    modifiedAtUs = entry.modifiedAt.microseconds
    if let expiry = entry.expiresAt { expiresAtUs = expiry.microseconds }
  }

  func entry() throws(WireFault) -> StateEntry {
    StateEntry(
      key: try StateKey(wire: key), value: Array(value), revision: StateRevision(revision),
      modifiedAt: WallInstant(microseconds: modifiedAtUs),
      expiresAt: hasExpiresAtUs ? WallInstant(microseconds: expiresAtUs) : nil)
  }
}

extension WireStateEntries {
  init(_ all: [StateEntry]) {
    self.init()
    entries = all.map(WireStateEntry.init)
  }

  func all() throws(WireFault) -> [StateEntry] {
    var all: [StateEntry] = []
    for entry in entries { all.append(try entry.entry()) }
    return all
  }
}

extension WireStateChanges {
  init(_ all: [StateChange]) {
    self.init()
    changes = all.map { change in
      .with {
        $0.key = change.key.text
        $0.revision = change.revision.number
        $0.atUs = change.at.microseconds
        if let entry = change.entry { $0.entry = WireStateEntry(entry) }
      }
    }
  }

  func all() throws(WireFault) -> [StateChange] {
    var all: [StateChange] = []
    for change in changes {
      all.append(
        StateChange(
          key: try StateKey(wire: change.key), revision: StateRevision(change.revision),
          at: WallInstant(microseconds: change.atUs),
          entry: change.hasEntry ? try change.entry.entry() : nil))
    }
    return all
  }
}

extension WireBucketPosition {
  init(_ position: BucketPosition) throws(WireFault) {
    self.init()
    bucketJson = try WireJSON.encode(position.bucket)
    revision = position.revision.number
  }

  func position() throws(WireFault) -> BucketPosition {
    BucketPosition(
      bucket: try WireJSON.decode(Bucket.self, from: bucketJson),
      revision: StateRevision(revision))
  }
}

extension WireActivationId {
  init(_ activation: DeniedActivation) {
    self.init()
    module = WireQualifiedName(activation.module)
    version = activation.version.text
    node = activation.node.text
    eventID = activation.eventID
  }

  func activation() throws(WireFault) -> DeniedActivation {
    DeniedActivation(
      module: try module.qualifiedName(), version: try ModuleVersion(wire: version),
      node: try NodeID(wire: node), eventID: eventID)
  }
}

extension WireCommit {
  init(
    _ effects: ActivationEffects, of activation: DeniedActivation, under claim: EffectClaim
  ) {
    self.init()
    self.activation = WireActivationId(activation)
    self.effects = WireEffects(effects)
    switch claim {
    case .none: break
    case .byHand: byHand = true
    case .fence(let placement, let fence):
      self.placement = WirePlacementId(placement)
      self.fence = WirePlanVersion(fence)
    }
  }

  func claim() throws(WireFault) -> EffectClaim {
    if hasPlacement { return .fence(try placement.placement(), fence.version) }
    return byHand ? .byHand : .none
  }
}

extension WireTrustedKeys {
  init(_ keys: [TrustedKey]) throws(WireFault) {
    self.init()
    for key in keys { keyJson.append(try WireJSON.encode(key)) }
  }

  func keys() throws(WireFault) -> [TrustedKey] {
    var keys: [TrustedKey] = []
    for json in keyJson { keys.append(try WireJSON.decode(TrustedKey.self, from: json)) }
    return keys
  }
}

extension WireLogLines {
  init(_ lines: [LogLine]) throws(WireFault) {
    self.init()
    for line in lines { lineJson.append(try WireJSON.encode(line)) }
  }

  func lines() throws(WireFault) -> [LogLine] {
    var lines: [LogLine] = []
    for json in lineJson { lines.append(try WireJSON.decode(LogLine.self, from: json)) }
    return lines
  }
}
