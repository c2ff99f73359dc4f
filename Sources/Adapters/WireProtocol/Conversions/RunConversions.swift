import ClusterModel
import Foundation
import SwiftProtobuf
import WireMessages

// Invocations and what came of them.

extension WireEvent {
  init(_ event: Event) {
    self.init()
    id = event.id
    source = event.source
    type = event.type
    topic = event.topic.text
    namespace = event.namespace.text
    if let text = event.subject { subject = text }
    if let time = event.time { timeUs = time.microseconds }
    if let text = event.dataContentType { dataContentType = text }
    if let text = event.dataSchema { dataSchema = text }
    extensions = event.extensions.map { WireLabel($0.name, $0.value) }
    data = Data(event.data)
  }

  func event() throws(WireFault) -> Event {
    Event(
      id: id, source: source, type: type, topic: try Topic(wire: topic),
      namespace: try Namespace(wire: namespace), subject: hasSubject ? subject : nil,
      time: hasTimeUs ? WallInstant(microseconds: timeUs) : nil,
      dataContentType: hasDataContentType ? dataContentType : nil,
      dataSchema: hasDataSchema ? dataSchema : nil,
      extensions: extensions.map { Event.Attribute(name: $0.name, value: $0.value) },
      data: Array(data))
  }
}

extension WireActivationReport {
  init(_ report: ActivationReport, id: UInt64) throws(WireFault) {
    self.init()
    self.id = id
    switch report.result {
    case .success(let bytes): output = Data(bytes)
    case .failure(let failure): failureJson = try WireJSON.encode(failure)
    }
    log = Data(report.log)
    logTruncated = report.logTruncated
    queuedNs = UInt64(wire: report.usage.queued)
    cpuNs = UInt64(wire: report.usage.cpuTime)
    wallNs = UInt64(wire: report.usage.wallTime)
    memoryBytes = UInt64(clamping: report.usage.memory.bytes)
    if !report.effects.isEmpty { effects = WireEffects(report.effects) }
  }

  func report() throws(WireFault) -> ActivationReport {
    let result: Result<[UInt8], ActivationFailure>
    switch self.result {
    case .output(let bytes): result = .success(Array(bytes))
    case .failureJson(let json):
      result = .failure(try WireJSON.decode(ActivationFailure.self, from: json))
    case nil: throw WireFault("an activation has no result that is known here")
    }
    return ActivationReport(
      result: result, log: Array(log), logTruncated: logTruncated,
      usage: ActivationUsage(
        queued: Duration(wireNanoseconds: queuedNs), cpuTime: Duration(wireNanoseconds: cpuNs),
        wallTime: Duration(wireNanoseconds: wallNs),
        memory: ByteCount(bytes: Int(clamping: memoryBytes))),
      effects: hasEffects ? try effects.effects() : .none)
  }
}

extension WireEffects {
  init(_ effects: ActivationEffects) {
    self.init()
    published = effects.published.map(WireGuestPublish.init)
    writes = effects.writes.map(WireStateWrite.init)
  }

  func effects() throws(WireFault) -> ActivationEffects {
    var all = ActivationEffects.none
    for event in published { all.published.append(try event.publish()) }
    for write in writes { all.writes.append(try write.write()) }
    return all
  }
}

extension WireGuestPublish {
  fileprivate init(_ publish: GuestPublish) {
    self.init()
    topic = publish.topic.text
    if let text = publish.type { type = text }
    if let text = publish.subject { subject = text }
    if let text = publish.dataContentType { dataContentType = text }
    data = Data(publish.data)
  }

  fileprivate func publish() throws(WireFault) -> GuestPublish {
    GuestPublish(
      topic: try Topic(wire: topic), type: hasType ? type : nil,
      subject: hasSubject ? subject : nil,
      dataContentType: hasDataContentType ? dataContentType : nil, data: Array(data))
  }
}

extension WireStateWrite {
  fileprivate init(_ write: StateWrite) {
    self.init()
    bucket = write.bucket.text
    key = write.key.text
    switch write.action {
    case .set(let bytes): set = Data(bytes)
    case .delete: delete = WireEmpty()
    case .merge(let function, let bytes):
      merge = .with {
        $0.function = function.rawValue
        $0.value = Data(bytes)
      }
    }
    switch write.condition {
    case .always: break
    case .absent: absent = WireEmpty()
    case .unchanged(let revision): unchangedSince = revision.number
    }
  }

  fileprivate func write() throws(WireFault) -> StateWrite {
    let action: StateWrite.Action
    switch self.action {
    case .set(let bytes): action = .set(Array(bytes))
    case .delete: action = .delete
    case .merge(let merge):
      action = .merge(try named(merge.function, MergeFunction.self), Array(merge.value))
    case nil: throw WireFault("a write does nothing that is known here")
    }
    let condition: StateCondition
    switch self.condition {
    case .absent: condition = .absent
    case .unchangedSince(let revision): condition = .unchanged(since: StateRevision(revision))
    case nil: condition = .always
    }
    return StateWrite(
      bucket: try BucketName(wire: bucket), key: try StateKey(wire: key), action: action,
      condition: condition)
  }
}
