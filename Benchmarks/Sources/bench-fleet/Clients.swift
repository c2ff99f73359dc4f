import Foundation
import Measuring
import Synchronization

/// Asks for a module all the time, and notes when another version answers first.
final class VersionWatcher: Sendable {
  private let at = Mutex<Int64?>(nil)
  private let done = DispatchSemaphore(value: 0)

  init(_ port: UInt16) throws {
    let connection = Connection(port: port)
    func version() throws -> String {
      while true {
        let answer = try connection.request("POST", "/v1/invoke/changing?idempotent=true")
        if answer.status == 200 { return String(answer.text.split(separator: " ").last ?? "") }
      }
    }
    let before = try version()
    let box = Unchecked(connection: connection, version: version)
    Thread.detachNewThread {
      while let now = try? box.version(), now == before {}
      self.at.withLock { $0 = Measuring.clock() }
      self.done.signal()
    }
  }

  /// Waits for it.
  func changed() throws -> Int64 {
    guard done.wait(timeout: .now() + 30) == .success, let at = at.withLock({ $0 }) else {
      throw Failure("the version did not change")
    }
    return at
  }

  /// Goes to the thread, and is used by nobody else from then on.
  private struct Unchecked: @unchecked Sendable {
    let connection: Connection
    let version: () throws -> String
  }
}

/// Deploys one of two versions of some applications after the other, a hundred times a second.
final class Deployer: Sendable {
  static let clients = 4
  private static let interval: Int64 = 40_000_000
  private let port: UInt16
  private let count = Mutex((deployments: 0, isOver: false))
  private let group = DispatchGroup()

  init(_ fleet: Fleet) throws {
    port = fleet.port
    for client in 0..<Self.clients {
      for version in 1...2 {
        try fleet.deploy(
          Self.manifest(client, version, source: "source: where.wasm, "), named: "many-\(client)")
      }
    }
  }

  private static func manifest(_ client: Int, _ version: Int, source: String = "") -> String {
    """
    apiVersion: wasmatrix/v1
    name: many-\(client)
    modules:
      many-\(client): { \(source)version: v\(version), limits: { memory: 1MiB }, \
    placement: { fallbacks: 0 } }
    """
  }

  func begin() {
    for client in 0..<Self.clients {
      group.enter()
      Thread.detachNewThread {
        self.deploy(client)
        self.group.leave()
      }
    }
  }

  private func deploy(_ client: Int) {
    let connection = Connection(port: port)
    var next = Measuring.clock()
    var version = 2
    while !count.withLock({ $0.isOver }) {
      version = 3 - version
      let body: [String: Any] = [
        "manifest": Self.manifest(client, version),
        "versions": ["many-\(client)": "v\(version)"],
      ]
      if let data = try? JSONSerialization.data(withJSONObject: body),
        let answer = try? connection.request("POST", "/v1/deployments", Array(data)),
        answer.text.contains(#""step":"done""#)
      {
        count.withLock { $0.deployments += 1 }
      }
      next += Self.interval
      let wait = next - Measuring.clock()
      if wait > 0 { usleep(UInt32(wait / 1000)) }
    }
  }

  /// - Returns: how many were deployed.
  func stop() -> Int {
    count.withLock { $0.isOver = true }
    group.wait()
    return count.withLock { $0.deployments }
  }
}
