import CYamlEvents

/// Owns a libyaml parser over borrowed bytes.
struct EventStream: ~Copyable {
  private let handle: OpaquePointer

  enum Event {
    case streamStart, streamEnd
    case documentStart(Place)
    case documentEnd
    case alias(Place)
    case scalar(Scalar, Marks)
    case sequenceStart(Marks)
    case sequenceEnd
    case mappingStart(Marks)
    case mappingEnd
    case failed(Failure)
  }

  struct Scalar {
    var text: String
    var plain: Bool
  }

  /// What can stand before a value.
  struct Marks {
    var place: Place
    var anchored: Bool
    var tagged: Bool
  }

  struct Failure {
    var place: Place
    var message: String
  }

  /// `nil` when there is no memory. `bytes` must outlive the stream.
  init?(borrowing bytes: UnsafeBufferPointer<UInt8>) {
    guard let handle = yaml_events_open(bytes.baseAddress, bytes.count) else { return nil }
    self.handle = handle
  }

  deinit { yaml_events_close(handle) }

  /// After `streamEnd` and `failed` there is no next one.
  mutating func next() -> Event {
    let event = yaml_events_next(handle)
    let place = Place(line: event.line + 1, column: event.column + 1)
    let marks = Marks(place: place, anchored: event.anchored != 0, tagged: event.tagged != 0)
    switch event.kind {
    case YAML_EVENTS_STREAM_START: return .streamStart
    case YAML_EVENTS_STREAM_END: return .streamEnd
    case YAML_EVENTS_DOCUMENT_START: return .documentStart(place)
    case YAML_EVENTS_DOCUMENT_END: return .documentEnd
    case YAML_EVENTS_ALIAS: return .alias(place)
    case YAML_EVENTS_SEQUENCE_START: return .sequenceStart(marks)
    case YAML_EVENTS_SEQUENCE_END: return .sequenceEnd
    case YAML_EVENTS_MAPPING_START: return .mappingStart(marks)
    case YAML_EVENTS_MAPPING_END: return .mappingEnd
    case YAML_EVENTS_SCALAR:
      let bytes = UnsafeBufferPointer(start: event.value, count: event.length)
      let text = String(decoding: bytes, as: UTF8.self)
      return .scalar(Scalar(text: text, plain: event.quoted == 0), marks)
    default: return .failed(Failure(place: place, message: Self.message(of: event)))
    }
  }

  private static func message(of failure: yaml_events_event_t) -> String {
    guard let problem = failure.problem else { return "it cannot be read" }
    var message = String(cString: problem)
    if let context = failure.context {
      message += " \(String(cString: context)) that begins on line \(failure.context_line + 1)"
    }
    return message
  }
}
