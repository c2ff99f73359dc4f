import SwiftProtobuf
import WireMessages

/// What waits to be written to an agent. It becomes a frame when its turn has come, by whoever writes the stream: plans
/// for ten nodes that are made together are not written one after the other by who decides.
struct PlaneFrame: Sendable {
  /// The frame; `nil` when there is nothing to be written any more. Called once, in the order of the queue.
  let frame: @Sendable () -> WirePlaneFrame?

  static func with(_ fill: (inout WirePlaneFrame) -> Void) -> Self {
    let frame = WirePlaneFrame.with(fill)
    return Self { frame }
  }

  init(_ frame: @escaping @Sendable () -> WirePlaneFrame?) { self.frame = frame }
}
