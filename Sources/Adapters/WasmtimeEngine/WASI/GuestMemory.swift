import CWasmtime
import Glibc

/// A guest's linear memory during one host call. Every access is checked; nothing of it may be kept
/// after the call, because the memory may move or grow.
struct GuestMemory {
  private let base: UnsafeMutableRawPointer?
  let size: Int

  /// No memory at all: every access fails.
  static var none: GuestMemory { GuestMemory(base: nil, size: 0) }

  private init(base: UnsafeMutableRawPointer?, size: Int) {
    self.base = base
    self.size = size
  }

  init(_ context: OpaquePointer, _ memory: UnsafePointer<wasmtime_memory_t>) {
    base = UnsafeMutableRawPointer(wasmtime_memory_data(context, memory))
    size = wasmtime_memory_data_size(context, memory)
  }

  /// The bytes at a guest address; `nil` when any of them is outside.
  @inline(__always)
  func bytes(at address: UInt32, count: Int) -> UnsafeMutableRawBufferPointer? {
    guard count >= 0, Int(address) <= size - count, let base else { return nil }
    return UnsafeMutableRawBufferPointer(start: base + Int(address), count: count)
  }

  @inline(__always)
  func load<Value: BitwiseCopyable>(_ type: Value.Type, at address: UInt32) -> Value? {
    bytes(at: address, count: MemoryLayout<Value>.size)?.loadUnaligned(as: type)
  }

  /// False when the place is outside.
  @inline(__always)
  func store<Value: BitwiseCopyable>(_ value: Value, at address: UInt32) -> Bool {
    guard let place = bytes(at: address, count: MemoryLayout<Value>.size) else { return false }
    place.storeBytes(of: value, as: Value.self)
    return true
  }

  /// The vectors (address, length) at `address`.
  ///
  /// - Throws: ``Errno`` `invalid` for more than 1,024 of them (as POSIX), `fault` when the list is
  ///   outside.
  func vectors(at address: UInt32, count: UInt32) throws(WASIError) -> IOVectors {
    guard count <= 1024 else { throw WASIError(.invalid) }
    guard let list = bytes(at: address, count: Int(count) * 8) else { throw WASIError(.fault) }
    return IOVectors(list: UnsafeRawBufferPointer(list))
  }
}

/// Vectors in the guest's memory, read one by one: each is checked when its bytes are asked for.
struct IOVectors: Sequence, IteratorProtocol {
  /// 8 bytes each.
  fileprivate let list: UnsafeRawBufferPointer
  private var offset = 0

  fileprivate init(list: UnsafeRawBufferPointer) { self.list = list }

  @inline(__always)
  mutating func next() -> IOVector? {
    guard offset < list.count else { return nil }
    defer { offset += 8 }
    return IOVector(
      address: list.loadUnaligned(fromByteOffset: offset, as: UInt32.self),
      count: list.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
  }
}

extension GuestMemory {
  /// The same for a system call: all of them are checked, but no more than
  /// ``OpenFile/mostTransferred`` bytes are moved.
  func buffers(at address: UInt32, count: UInt32) throws(WASIError) -> [iovec] {
    var room = OpenFile.mostTransferred
    var buffers: [iovec] = []
    for vector in try vectors(at: address, count: count) {
      guard let place = bytes(at: vector.address, count: Int(vector.count)) else {
        throw WASIError(.fault)
      }
      let fitting = min(place.count, room)
      room -= fitting
      buffers.append(iovec(iov_base: place.baseAddress, iov_len: fitting))
    }
    return buffers
  }
}

/// One buffer of a scattered read or a gathered write.
struct IOVector {
  var address: UInt32
  var count: UInt32
}

/// A host call that ends with an error number.
struct WASIError: Error {
  let number: Errno
  /// Why the grant does not cover it, when that is the reason.
  let denial: String?

  init(_ number: Errno) {
    self.number = number
    denial = nil
  }

  private init(denial: String) {
    number = .notCapable
    self.denial = denial
  }

  /// A call beyond what the module is granted.
  static func denied(_ reason: String) -> WASIError { WASIError(denial: reason) }
}
