import ClusterModel

/// A module as a sequence of sections: as much of its structure as signatures depend on. Whether the
/// sections mean anything is the compiler's business.
struct ModuleEnvelope {
  /// Where a section lies in the bytes of its module.
  struct Section {
    enum Kind: Hashable { case signature, delimiter, other }
    var kind: Kind
    /// From the section's id to its last byte.
    var range: Range<Int>
    /// The contents after the name, of a custom section.
    var payload: Range<Int>
  }

  static let header: [UInt8] = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]
  static let signatureName = Array("signature".utf8)
  static let delimiterName = Array("signature_delimiter".utf8)
  /// The largest module there is here. The largest we met, an interpreter, has 20 MB.
  static let maximumSize = ByteCount.mebibytes(64)

  /// More would only serve to keep us busy; a module in a hundred pieces is a large one.
  static let maximumSections = 10_000

  let bytes: [UInt8]
  /// Everything but the signature section, in order.
  private(set) var sections: [Section] = []
  private(set) var signature: Section?

  /// - Parameter stopsAtDamage: whether to leave off before the first section that cannot be read,
  ///   instead of to throw.
  init(_ bytes: [UInt8], stopsAtDamage: Bool = false) throws(TrustFailure) {
    self.bytes = bytes
    try Self.checkHeader(bytes)
    var cursor = ByteCursor(bytes[8...])
    while !cursor.isAtEnd {
      let section: Section
      do throws(TrustFailure) {
        section = try Self.section(&cursor)
      } catch {
        guard stopsAtDamage else { throw error }
        return
      }
      guard sections.count < Self.maximumSections else {
        throw TrustFailure(
          .moduleInvalid, "the module has more than \(Self.maximumSections) sections")
      }
      guard section.kind == .signature else {
        sections.append(section)
        continue
      }
      guard sections.isEmpty, signature == nil else {
        throw TrustFailure(
          .signatureMalformed, "a signature section stands elsewhere than at the beginning")
      }
      try Self.checkCanonical(section, in: bytes)
      signature = section
    }
  }

  private static func checkHeader(_ bytes: [UInt8]) throws(TrustFailure) {
    guard bytes.count <= maximumSize.bytes else {
      throw TrustFailure(.moduleTooLarge, "the module is larger than \(maximumSize)")
    }
    guard bytes.starts(with: header.prefix(4)) else {
      throw TrustFailure(.moduleInvalid, "this is not a WebAssembly module")
    }
    guard !bytes.starts(with: header) else { return }
    guard bytes.count >= header.count else {
      throw TrustFailure(.moduleTruncated, "the module ends within its header")
    }
    // The second half of the version is the layer: 1 for components.
    guard Array(bytes[6..<8]) == [0x01, 0x00] else {
      throw TrustFailure(.moduleInvalid, "the module has an unknown binary version")
    }
    throw TrustFailure(.componentUnsupported, "this is a component, not a core module")
  }

  /// The module without its signature section: what its digest is of, and what nodes run.
  var unsignedBytes: [UInt8] {
    guard let signature else { return bytes }
    return Self.header + bytes[signature.range.upperBound...]
  }

  private static func section(_ cursor: inout ByteCursor) throws(TrustFailure) -> Section {
    let start = cursor.position
    let truncated = TrustFailure(.moduleTruncated, "a section of the module is cut off")
    guard let id = cursor.byte() else { throw truncated }
    guard let size = cursor.unsigned32(canonical: false) else {
      throw cursor.isAtEnd
        ? truncated : TrustFailure(.moduleInvalid, "a section of the module has an invalid size")
    }
    guard let contents = cursor.take(size) else { throw truncated }
    let range = start..<cursor.position
    guard id == 0 else {
      return Section(kind: .other, range: range, payload: contents.startIndex..<contents.endIndex)
    }
    var inner = ByteCursor(contents)
    guard let length = inner.unsigned32(canonical: false), let name = inner.take(length) else {
      throw TrustFailure(.moduleInvalid, "a custom section of the module has no valid name")
    }
    let kind: Section.Kind =
      if name.elementsEqual(signatureName) {
        .signature
      } else if name.elementsEqual(delimiterName) {
        .delimiter
      } else {
        .other
      }
    return Section(kind: kind, range: range, payload: inner.position..<contents.endIndex)
  }

  /// The signature does not cover its own section, so that has one form only: nobody can change a
  /// byte of a signed module and have it accepted.
  private static func checkCanonical(_ section: Section, in bytes: [UInt8]) throws(TrustFailure) {
    let payload = bytes[section.payload]
    guard bytes[section.range].elementsEqual(signatureSection(payload)) else {
      throw TrustFailure(.signatureMalformed, "the signature section has lengths in a long form")
    }
  }

  /// The only form of a signature section with this payload.
  static func signatureSection(_ payload: some Collection<UInt8>) -> [UInt8] {
    let contents = canonicalLEB128(signatureName.count) + signatureName + Array(payload)
    return [0] + canonicalLEB128(contents.count) + contents
  }
}
