internal import ClusterModel
internal import ControlAPIModel
internal import HostPorts
internal import Hummingbird
internal import NIOCore

/// A deployment, or a change of one, whose progress is the answer, line by line. Once begun it goes on to its end, even
/// when the client goes away.
struct DeployStream: Sendable {
  /// A thousand modules with a line for each of their steps, twice over.
  static let maximumPending = 16_384

  /// What is done, telling each step.
  let work:
    @Sendable (_ progress: @escaping @Sendable (DeployProgress) -> Void) async throws(Problem) ->
      [DeploymentStatus]

  var response: Response {
    Response(
      status: .ok, headers: [.contentType: APIJSON.linesType],
      body: ResponseBody { writer in
        let (lines, source) = AsyncStream.makeStream(
          of: DeployLine.self, bufferingPolicy: .bufferingNewest(Self.maximumPending))
        async let deployed: Void = run(telling: source)
        var isHeard = true
        for await line in lines where isHeard {
          do {
            try await writer.write(ByteBuffer.line(line))
          } catch {
            isHeard = false
          }
        }
        await deployed
        try await writer.finish(nil)
      })
  }

  private func run(telling source: AsyncStream<DeployLine>.Continuation) async {
    do {
      let deployed = try await work { source.yield(.progress($0)) }
      source.yield(.done(deployed.map { DeploymentResource($0) }))
    } catch {
      source.yield(.problem(ProblemResource(error)))
    }
    source.finish()
  }
}
