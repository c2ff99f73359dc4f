import ClusterModel
import HostPorts
import NIOHTTP1
import Synchronization
import Testing

@testable import ControlAPIClient

struct LogRouteTests {
  @Test func `a line is heard while the log goes on`() async throws {
    try await RunningServer.run { server in
      let (lines, source) = AsyncStream.makeStream(of: LogLine.self)
      server.cluster.change { $0.logs = lines }
      var heard = try await server.client.logs(of: Samples.version.name, follow: true)
        .makeAsyncIterator()
      for number in 1...3 {
        source.yield(Samples.logLine("line \(number)"))
        let line = try await heard.next()
        #expect(line?.text == "line \(number)")
      }
      source.finish()
      let end = try await heard.next()
      #expect(end == nil)
    }
  }

  @Test func `a log that is not followed ends`() async throws {
    try await RunningServer.run { server in
      server.cluster.change {
        $0.logs = AsyncStream { source in
          source.yield(Samples.logLine("old"))
          source.finish()
        }
      }
      var texts: [String] = []
      for try await line in try await server.client.logs(of: Samples.version.name) {
        texts.append(line.text)
      }
      #expect(texts == ["old"])
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func `a follower that goes away lets go of the log`() async throws {
    try await RunningServer.run { server in
      let (lines, source) = AsyncStream.makeStream(of: LogLine.self)
      let (ended, ending) = AsyncStream.makeStream(of: Void.self)
      source.onTermination = { _ in ending.finish() }
      server.cluster.change { $0.logs = lines }
      do {
        let connection = try RawConnection(port: server.port)
        await connection.write("GET /v1/logs/clean?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(await connection.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200"))
      }
      server.cluster.change { $0.logs = AsyncStream { $0.finish() } }
      for await _ in ended {}
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func `a follower does not keep the server from stopping`() async throws {
    let held = Mutex<RawConnection?>(nil)
    try await RunningServer.run { server in
      server.cluster.change { $0.logs = AsyncStream { _ in } }
      let connection = try RawConnection(port: server.port)
      await connection.write("GET /v1/logs/clean?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n")
      _ = await connection.read(until: "\r\n\r\n")
      held.withLock { $0 = connection }
    }
    held.withLock { $0 = nil }
  }
}
