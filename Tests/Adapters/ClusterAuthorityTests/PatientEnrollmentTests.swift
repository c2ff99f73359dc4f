import ClusterModel
import HostPorts
import Synchronization
import Testing

@testable import ClusterAuthority

@Suite struct PatientEnrollmentTests {
  private let authority: ClusterAuthority
  private let enrollment: ScriptedEnrollment
  private let node = NodeID(unchecked: "edge-1")

  init() throws {
    let stage = try AuthorityStage()
    authority = try stage.authority()
    enrollment = ScriptedEnrollment(authority, StillClock(stage.now))
  }

  private var token: AccessToken {
    AccessToken(
      .join, authority: authority.fingerprint, secret: [UInt8](repeating: 7, count: 32))
  }

  private func join(
    _ onAbsence: @escaping @Sendable (Problem) -> Void = { _ in }
  ) async throws(Problem) -> IssuedCertificate {
    let request = try NodeKey().request(for: node)
    return try await PatientEnrollment(enrollment, onAbsence: onAbsence).join(
      node, with: token, request: request)
  }

  @Test(.timeLimit(.minutes(1)))
  func `a join waits until there is a control plane, and says so once`() async throws {
    enrollment.state.withLock { $0.lostAnswers = 2 }
    let told = Mutex<[String]>([])
    let issued = try await join { absence in told.withLock { $0.append(absence.code) } }
    #expect(try NodeCertificate.nodeName(ofDER: issued.chain[0]) == node)
    #expect(told.withLock { $0 } == ["server_unreachable"])
    let keys = enrollment.state.withLock { $0.keys }
    #expect(keys.count == 3 && Set(keys).count == 1)
  }

  @Test(arguments: [
    Problem(.refused, code: "token_used", "no"), Problem(.refused, code: "authority_wrong", "no"),
    Problem(.unavailable, code: "server_speaks_tls", "no"),
    Problem(.internalFault, code: "answer_unexpected", "no"),
  ])
  func `what does not pass by itself is not asked again`(_ refusal: Problem) async {
    enrollment.state.withLock { $0.joinRefusal = refusal }
    do throws(Problem) {
      _ = try await join()
      Issue.record("it joined")
    } catch { #expect(error == refusal) }
    #expect(enrollment.state.withLock { $0.joins } == 1)
  }

  @Test(.timeLimit(.minutes(1)))
  func `a join that waits ends when it is cancelled`() async {
    enrollment.state.withLock { $0.lostAnswers = .max }
    let absences = Mutex(0)
    let onAbsence: @Sendable (Problem) -> Void = { _ in absences.withLock { $0 += 1 } }
    let joining = Task { try await join(onAbsence) }
    while absences.withLock({ $0 }) == 0 { await Task.yield() }
    joining.cancel()
    await #expect(throws: Problem.self) { _ = try await joining.value }
  }
}
