import ClusterModel
import Crypto

/// What is compared to know a publish again: 128 bits of the SHA-256 of namespace, source and id, none of which
/// can hold a NUL. No two publishes share them, whoever may want that.
struct PublishIdentity: Equatable, Sendable {
  let first: UInt64
  let second: UInt64

  static let size = 16

  init(of event: Event) {
    var hash = SHA256()
    let (namespace, source, id) = (event.namespace.text, event.source, event.id)
    let length = namespace.utf8.count + source.utf8.count + id.utf8.count + 2
    withUnsafeTemporaryAllocation(byteCount: length, alignment: 1) { text in
      var end = 0
      func put(_ part: consuming String) {
        part.withUTF8 { bytes in
          UnsafeMutableRawBufferPointer(rebasing: text[end...]).copyBytes(from: bytes)
          end += bytes.count
        }
      }
      put(namespace)
      text[end] = 0
      end += 1
      put(source)
      text[end] = 0
      end += 1
      put(id)
      hash.update(bufferPointer: UnsafeRawBufferPointer(text))
    }
    (first, second) = hash.finalize().withUnsafeBytes { digest in
      (
        UInt64(littleEndian: digest.loadUnaligned(as: UInt64.self)),
        UInt64(littleEndian: digest.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      )
    }
  }

  init(from reader: inout ByteReader) throws(DamagedRow) {
    first = UInt64(bitPattern: try reader.number())
    second = UInt64(bitPattern: try reader.number())
  }

  /// - Parameter digest: earlier releases wrote all of it.
  init(_ digest: some Sequence<UInt8>) throws(DamagedRow) {
    var reader = ByteReader(Array(digest)[...])
    try self.init(from: &reader)
  }
}

extension PublishIdentity: Hashable {
  /// They are a digest already.
  func hash(into hasher: inout Hasher) { hasher.combine(first) }
}
