internal import ClusterModel
internal import ControlAPIModel
internal import HostPorts
internal import Hummingbird
internal import NIOCore

/// A deployment whose progress is the answer, line by line. Once begun it goes on to its end, even
/// when the client goes away.
struct DeployStream: Sendable {
  /// A thousand modules with a line for each of their steps, twice over.
  static let maximumPending = 16_384

  let service: any ClusterService
  let manifest: ApplicationManifest
  let versions: [ModuleName: ModuleVersion]
  let caller: Caller

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
      let deployed = try await service.deploy(manifest, versions: versions, by: caller) { step in
        source.yield(.progress(step))
      }
      source.yield(.done(deployed.map { DeploymentResource($0) }))
    } catch {
      source.yield(.problem(ProblemResource(error)))
    }
    source.finish()
  }
}
