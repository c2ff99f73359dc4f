import ClusterModel
import HostPorts

/// What WASI keeps for one instance. Only the worker that owns the instance touches it.
struct WASIState {
  /// The standard streams, and the way to the platform for guests that are granted something.
  enum Stream: UInt8 { case input, output, log, host }

  let arguments: [String]
  /// `NAME=value`.
  let environment: [String]
  let input: [UInt8]
  let limits: ActivationLimits

  var inputOffset = 0
  var output: [UInt8] = []
  var log: [UInt8] = []
  var logTruncated = false
  /// Indexed by descriptor; `nil` when it was closed.
  var descriptors: [Stream?] = [.input, .output, .log]
  /// An `fd_read` that waits.
  var reading: ReadRequest?
  /// A `poll_oneoff` that waits.
  var poll: PollRequest?
  /// Why the instance must end, when a host function decided so.
  var ending: Ending?

  enum Ending {
    case exit(Int32)
    case limit(ActivationFailure)
  }

  init(_ activation: Activation) {
    arguments = activation.arguments
    environment = activation.environment.map { "\($0.name)=\($0.value)" }
    input = activation.input
    limits = activation.limits
    if activation.services != nil {
      precondition(descriptors.count == HostDescriptor.number, "it is the first free descriptor")
      descriptors.append(.host)
    }
  }

  func stream(_ descriptor: UInt32) throws(WASIError) -> Stream {
    guard descriptor < UInt32(descriptors.count), let stream = descriptors[Int(descriptor)] else {
      throw WASIError(.badDescriptor)
    }
    return stream
  }

  /// Takes what a guest writes to a standard stream.
  mutating func write(_ bytes: UnsafeRawBufferPointer, to stream: Stream) throws(WASIError) {
    switch stream {
    case .input, .host:
      throw WASIError(.badDescriptor)
    case .output:
      guard output.count + bytes.count <= limits.output.bytes else {
        ending = .limit(
          ActivationFailure(
            code: .outputLimit,
            message: "the module wrote more than \(limits.output) to standard output"))
        throw WASIError(.fault)
      }
      output.append(contentsOf: bytes)
    case .log:
      let room = limits.log.bytes - log.count
      log.append(contentsOf: bytes.prefix(max(room, 0)))
      if bytes.count > room { logTruncated = true }
    }
  }
}
