import AsyncHTTPClient
public import ClusterModel
public import HostPorts
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Requests of guests, sent by a client for each place.
///
///     name ──resolve──> addresses ──granted?──> the client of (name, address) ──> answer
///
/// The address that was checked is the one that is connected to: what the name means a moment later makes
/// no difference. Names that lead to any address that is not granted are refused as a whole.
public final class HTTPOut: OutboundHTTP {
  private struct Place: Hashable {
    /// `nil` when the guest itself named the address.
    var name: String?
    var address: String
  }

  private struct Kept {
    var client: HTTPClient
    var users = 0
    /// In how many requests ago it was used last.
    var usedAt: UInt64
  }

  private struct State {
    var clients: [Place: Kept] = [:]
    var requests: UInt64 = 0
    var outstanding = 0
    var isStopped = false
  }

  private let resolver: HostResolver
  private let state = Mutex(State())

  /// Requests at the same time on this node; whoever comes then is told so.
  private static let mostOutstanding = 512
  /// Places whose connections are kept.
  private static let mostClients = 64
  /// What the head of an answer may hold.
  private static let mostHeaders = 256

  public init() { resolver = HostResolver() }

  public func send(
    _ call: HTTPCall, under grant: HTTPGrant
  ) async throws(Problem) -> OutboundOutcome {
    guard begin() else { throw Self.busy }
    defer { end() }
    let deadline = ContinuousClock.now + grant.timeout
    let address: HostAddressText
    switch try await resolve(call.target.host, under: grant, until: deadline) {
    case .granted(let found): address = found
    case .denied(let reason): return .denied(reason)
    }
    let place =
      switch call.target.host {
      case .name(let name): Place(name: name, address: address.text)
      case .address: Place(name: nil, address: address.text)
      }
    let client = try borrow(place)
    defer { giveBack(place) }
    return .answered(try await execute(call, on: client, grant, until: deadline))
  }

  /// Ends what is under way. Whoever asks later is refused.
  public func stop() async {
    let clients = state.withLock { state in
      state.isStopped = true
      defer { state.clients = [:] }
      return state.clients.values.map(\.client)
    }
    for client in clients { await Self.shutDown(client) }
  }

  // Where to.

  private enum Resolution {
    case granted(HostAddressText)
    case denied(String)
  }

  private func resolve(
    _ host: HTTPHost, under grant: HTTPGrant, until deadline: ContinuousClock.Instant
  ) async throws(Problem) -> Resolution {
    let found: [HostAddressText]
    switch host {
    // It was granted as it is: patterns stand for names.
    case .address(let address, let text):
      return .granted(HostAddressText(address: address, text: text))
    case .name(let name): found = try await resolver.addresses(of: name, until: deadline)
    }
    guard let first = found.first else {
      throw Self.unreachable("there is no address for \(host.bracketed)")
    }
    if let refused = found.first(where: { !grant.allows($0.address) }) {
      return .denied(
        "\(host.bracketed) leads to \(refused.text), which is no public address and is not granted")
    }
    return .granted(first)
  }

  // Sending.

  private func execute(
    _ call: HTTPCall, on client: HTTPClient, _ grant: HTTPGrant,
    until deadline: ContinuousClock.Instant
  ) async throws(Problem) -> HTTPAnswer {
    var request = HTTPClientRequest(url: call.target.text)
    request.method = HTTPMethod(rawValue: call.method)
    for header in call.headers { request.headers.add(name: header.name, value: header.value) }
    if !call.body.isEmpty { request.body = .bytes(call.body) }
    let remaining = max(ContinuousClock.now.duration(to: deadline), .milliseconds(1))
    do {
      let response = try await client.execute(
        request, timeout: .nanoseconds(remaining.nanoseconds))
      guard response.headers.count <= Self.mostHeaders else {
        throw Self.tooLarge("it has more than \(Self.mostHeaders) headers")
      }
      var body: [UInt8] = []
      for try await part in response.body {
        guard body.count + part.readableBytes <= grant.responseSize.bytes else {
          throw Self.tooLarge("its body is longer than \(grant.responseSize)")
        }
        body.append(contentsOf: part.readableBytesView)
      }
      return HTTPAnswer(
        status: Int(response.status.code),
        headers: response.headers.map {
          HTTPCall.Header(name: $0.name.lowercased(), value: $0.value)
        },
        body: body)
    } catch let problem as Problem {
      throw problem
    } catch {
      throw Self.problem(error, call, grant)
    }
  }

  private static func problem(_ error: any Error, _ call: HTTPCall, _ grant: HTTPGrant) -> Problem {
    switch error as? HTTPClientError {
    case .deadlineExceeded?, .connectTimeout?, .readTimeout?, .getConnectionFromPoolTimeout?:
      return Problem(
        .deadlineExceeded, code: "http_timeout",
        "\(call.target.host.bracketed) did not answer within \(grant.timeout)")
    default: break
    }
    if error is ChannelError || error is IOError || error is NIOConnectionError {
      return unreachable("cannot connect to \(call.target.host.bracketed)", cause: "\(error)")
    }
    return Problem(
      .unavailable, code: "http_failed", "\(call.target.host.bracketed) gave no answer",
      cause: String("\(error)".prefix(200)))
  }

  private static func unreachable(_ message: String, cause: String? = nil) -> Problem {
    Problem(
      .unavailable, code: "http_unreachable", message, cause: cause.map { String($0.prefix(200)) })
  }

  private static func tooLarge(_ cause: String) -> Problem {
    Problem(
      .tooLarge, code: "answer_too_large", "the answer of the server is too large", cause: cause,
      next: "Ask for less, or raise capabilities.http-out.response.")
  }

  private static let busy = Problem(
    .overloaded, code: "http_busy", "this node has too many requests under way",
    next: "Try again in a moment.")

  // Clients.

  private func begin() -> Bool {
    state.withLock { state in
      guard state.outstanding < Self.mostOutstanding, !state.isStopped else { return false }
      state.outstanding += 1
      state.requests += 1
      return true
    }
  }

  private func end() { state.withLock { $0.outstanding -= 1 } }

  private func borrow(_ place: Place) throws(Problem) -> HTTPClient {
    let (client, surplus): (HTTPClient?, [HTTPClient]) = state.withLock { state in
      guard !state.isStopped else { return (nil, []) }
      let client = state.clients[place]?.client ?? Self.client(for: place)
      state.clients[place, default: Kept(client: client, usedAt: 0)].users += 1
      state.clients[place]?.usedAt = state.requests
      return (client, Self.surplus(&state))
    }
    for client in surplus { Task { await Self.shutDown(client) } }
    guard let client else { throw Problem(.unavailable, code: "stopping", "the node is stopping") }
    return client
  }

  private func giveBack(_ place: Place) { state.withLock { $0.clients[place]?.users -= 1 } }

  /// Takes out those that nobody uses and that were used longest ago.
  private static func surplus(_ state: inout State) -> [HTTPClient] {
    var taken: [HTTPClient] = []
    while state.clients.count > mostClients {
      let idle = state.clients.filter { $0.value.users == 0 }
      guard let oldest = idle.min(by: { $0.value.usedAt < $1.value.usedAt }) else { break }
      state.clients[oldest.key] = nil
      taken.append(oldest.value.client)
    }
    return taken
  }

  private static func client(for place: Place) -> HTTPClient {
    var configuration = HTTPClient.Configuration()
    if let name = place.name { configuration.dnsOverride = [name: place.address] }
    configuration.redirectConfiguration = .disallow
    configuration.decompression = .disabled
    configuration.httpVersion = .http1Only
    configuration.timeout.connect = .seconds(10)
    configuration.connectionPool.idleTimeout = .seconds(30)
    // Whether the first try has reached the server nobody knows: guests decide on another.
    configuration.connectionPool.retryConnectionEstablishment = false
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  private static func shutDown(_ client: HTTPClient) async {
    // It only fails when it was shut down before.
    try? await client.shutdown()
  }
}
