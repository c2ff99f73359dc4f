/// A CloudEvents 1.0 event, and the topic it was published to.
public struct Event: Hashable, Sendable {
  /// Chosen by the source; unique together with ``source``.
  public var id: String
  /// Who sent it: a URI reference.
  public var source: String
  /// What happened: `com.example.reading`.
  public var type: String
  /// Where it was published: the `topic` extension of the envelope, or its type when it has none.
  public var topic: Topic
  public var namespace: Namespace
  public var subject: String?
  public var time: WallInstant?
  public var dataContentType: String?
  public var dataSchema: String?
  /// The other attributes, sorted by name. Names are 1 to 20 of a-z and 0-9.
  public var extensions: [Attribute]
  public var data: [UInt8]

  public struct Attribute: Hashable, Sendable, Codable {
    public var name: String
    public var value: String
    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  public init(
    id: String, source: String, type: String, topic: Topic, namespace: Namespace = .default,
    subject: String? = nil, time: WallInstant? = nil, dataContentType: String? = nil,
    dataSchema: String? = nil, extensions: [Attribute] = [], data: [UInt8] = []
  ) {
    self.id = id
    self.source = source
    self.type = type
    self.topic = topic
    self.namespace = namespace
    self.subject = subject
    self.time = time
    self.dataContentType = dataContentType
    self.dataSchema = dataSchema
    self.extensions = extensions.sorted { $0.name < $1.name }
    self.data = data
  }

  /// The value of an extension attribute.
  public func attribute(_ name: String) -> String? {
    extensions.first { $0.name == name }?.value
  }

  /// Sets, replaces or (with `nil`) removes an extension attribute.
  public mutating func setAttribute(_ name: String, to value: String?) {
    extensions.removeAll { $0.name == name }
    guard let value else { return }
    let index = extensions.firstIndex { $0.name > name } ?? extensions.endIndex
    extensions.insert(Attribute(name: name, value: value), at: index)
  }

  /// How many bytes this event counts for in queues and logs: data, attributes and a little.
  public var footprint: ByteCount {
    var bytes = 128 + data.count + id.utf8.count + source.utf8.count + type.utf8.count
    bytes += topic.text.utf8.count
    for attribute in extensions { bytes += attribute.name.utf8.count + attribute.value.utf8.count }
    return ByteCount(bytes: bytes)
  }
}

/// What an event must keep to; used by whoever takes one in.
public enum EventRules {
  /// The longest attribute value, in bytes. Longer ones could not ride in HTTP headers.
  public static let maximumAttributeLength = 1024
  /// The most extension attributes of one event.
  public static let maximumExtensions = 64
  /// The most data of one event or invocation.
  public static let maximumData = ByteCount.mebibytes(16)
  /// The attributes that CloudEvents 1.0 itself defines.
  public static let contextAttributes: Set<String> = [
    "id", "source", "type", "specversion", "subject", "time", "datacontenttype", "dataschema",
  ]

  /// CloudEvents allows lower-case letters and digits, and advises at most 20.
  public static func isExtensionName(_ name: String) -> Bool {
    (1...20).contains(name.utf8.count) && name.utf8.allSatisfy(NameRule.isLowerAlphanumeric)
      && !contextAttributes.contains(name) && name != "data"
  }

  /// Not empty, not too long, no control characters (CloudEvents 1.0, "Type System").
  public static func isAttributeValue(_ value: String) -> Bool {
    (1...maximumAttributeLength).contains(value.utf8.count)
      && value.unicodeScalars.allSatisfy {
        $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value)
      }
  }
}
