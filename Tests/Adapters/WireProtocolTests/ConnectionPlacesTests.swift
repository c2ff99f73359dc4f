import ClusterModel
import NIOCore
import Testing

@testable import WireProtocol

/// Who may stay of those that connect.
@Suite(.timeLimit(.minutes(10)))
struct ConnectionPlacesTests {
  private static func places(_ change: (inout ConnectionBounds) -> Void) -> ConnectionPlaces<Int> {
    var bounds = ConnectionBounds(
      most: 100, mostWaiting: 100, mostFromOneOrigin: 100, mostOfOneOwner: 100,
      patience: .seconds(20), fairTime: .seconds(5))
    change(&bounds)
    return ConnectionPlaces(bounds)
  }

  private static func origin(_ address: String) throws -> ConnectionOrigin {
    ConnectionOrigin(try SocketAddress(ipAddress: address, port: 4711))
  }

  private static func second(_ second: Double) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: Int64(second * 1e9))
  }

  @Test
  func `a newcomer is refused until the oldest that waits had its time, then takes its place`()
    throws
  {
    var places = Self.places { $0.mostWaiting = 2 }
    let (here, there) = (try Self.origin("10.0.0.1"), try Self.origin("10.0.0.2"))
    #expect(places.admit(1, from: here, at: Self.second(0)) == .admitted)
    #expect(places.admit(2, from: there, at: Self.second(1)) == .admitted)
    #expect(places.admit(3, from: there, at: Self.second(4.9)) == .refused(.crowd))
    #expect(places.admit(4, from: there, at: Self.second(5)) == .admittedInsteadOf(1))
    #expect(!places.isWaiting(1) && places.isWaiting(4))
    // What was refused, or gave way, holds nothing.
    places.remove(1)
    places.remove(3)
    #expect(places.admit(5, from: there, at: Self.second(5)) == .refused(.crowd))
    #expect(places.admit(5, from: there, at: Self.second(6)) == .admittedInsteadOf(2))
  }

  @Test func `the crowd of one address takes its own places only`() throws {
    var places = Self.places {
      $0.mostFromOneOrigin = 2
      $0.mostWaiting = 3
    }
    let (crowd, other) = (try Self.origin("10.0.0.1"), try Self.origin("10.0.0.2"))
    for id in 1...2 { #expect(places.admit(id, from: crowd, at: Self.second(0)) == .admitted) }
    #expect(places.admit(3, from: crowd, at: Self.second(1)) == .refused(.origin))
    #expect(places.admit(4, from: other, at: Self.second(2)) == .admitted)
    // It takes one of its own places, though another waits, too.
    #expect(places.admit(5, from: crowd, at: Self.second(8)) == .admittedInsteadOf(1))
    #expect(places.isWaiting(4))
  }

  @Test func `what is known keeps its place, and does not count among those that wait`()
    throws
  {
    var places = Self.places {
      $0.most = 3
      $0.mostWaiting = 2
    }
    let origin = try Self.origin("10.0.0.1")
    for id in 1...3 {
      #expect(places.admit(id, from: origin, at: Self.second(0)) == .admitted)
      #expect(places.keep(id, of: "node \(id)") == nil)
      #expect(!places.isWaiting(id))
    }
    #expect(places.admit(4, from: origin, at: Self.second(100)) == .refused(.full))
    places.remove(2)
    #expect(places.admit(4, from: origin, at: Self.second(100)) == .admitted)
    #expect(places.admit(5, from: origin, at: Self.second(104)) == .refused(.full))
    #expect(places.admit(5, from: origin, at: Self.second(105)) == .admittedInsteadOf(4))
    // It had given way before that was known.
    #expect(places.keep(4, of: "node 4") == nil)
    #expect(places.admit(6, from: origin, at: Self.second(106)) == .refused(.full))
  }

  @Test func `of one owner the newest connections stay`() throws {
    var places = Self.places { $0.mostOfOneOwner = 2 }
    let origin = try Self.origin("10.0.0.1")
    for id in 1...5 { _ = places.admit(id, from: origin, at: Self.second(0)) }
    #expect(places.keep(1, of: "press-7") == nil)
    #expect(places.keep(2, of: "press-7") == nil)
    #expect(places.keep(1, of: "press-7") == nil, "it is known already")
    #expect(places.keep(3, of: "press-8") == nil)
    #expect(places.keep(4, of: "press-7") == 1)
    places.remove(2)
    #expect(places.keep(5, of: "press-7") == nil)
  }

  @Test func `whose owner is not asked for stays, however many there are`() throws {
    var places = Self.places { $0.mostOfOneOwner = 1 }
    let origin = try Self.origin("10.0.0.1")
    for id in 1...20 {
      #expect(places.admit(id, from: origin, at: Self.second(0)) == .admitted)
      #expect(places.keep(id, of: nil) == nil)
    }
  }

  /// They come again twice a second until they are in; five hundred handshakes are done in a second.
  @Test
  func `a fleet that comes back as one, from one address, is let in and nobody is pushed out`()
    throws
  {
    var places = ConnectionPlaces<Int>(.agents(most: 16_384))
    let origin = try Self.origin("10.0.0.1")
    var outside = Array(0..<600)
    var handshakes: [Int] = []
    for half in 0..<10 {
      outside.removeAll { node in
        let admission = places.admit(node, from: origin, at: Self.second(Double(half) / 2))
        if admission == .admitted { handshakes.append(node) }
        #expect(admission == .admitted || admission == .refused(.origin))
        return admission == .admitted
      }
      let done = min(250, handshakes.count)
      for node in handshakes.prefix(done) {
        #expect(places.keep(node, of: "node \(node)") == nil)
      }
      handshakes.removeFirst(done)
    }
    #expect(outside.isEmpty && handshakes.isEmpty)
  }

  @Test func `an address of the older kind is an origin, and a network of the newer`() throws {
    #expect(try Self.origin("10.0.0.1") != Self.origin("10.0.0.2"))
    #expect(try Self.origin("10.0.0.1") == Self.origin("::ffff:10.0.0.1"))
    #expect(try Self.origin("::ffff:10.0.0.2") != Self.origin("::ffff:10.0.0.1"))
    #expect(try Self.origin("2001:db8:1:2::1") == Self.origin("2001:db8:1:2:ffff::9"))
    #expect(try Self.origin("2001:db8:1:2::1") != Self.origin("2001:db8:1:3::1"))
  }

  @Test func `bounds of few files leave most places to nodes`() {
    for most in [64, 256, 5_000, 16_384, 1_000_000] {
      let bounds = ConnectionBounds.agents(most: most)
      #expect(bounds.most <= most && bounds.most <= WireLimits.attachments)
      #expect(bounds.mostWaiting <= bounds.most / 2)
      #expect(bounds.mostFromOneOrigin <= bounds.mostWaiting)
      #expect(bounds.patience == .seconds(20) && bounds.fairTime == .seconds(5))
    }
  }
}
