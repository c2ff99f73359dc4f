public import ClusterModel
public import HostPorts

/// Joins as soon as there is a control plane to ask: machines are set up before it can be reached, and after
/// a power cut they may be there first.
///
/// Only what nobody answered is asked again. A refusal is one at once; renewals, which have a certificate to
/// go on with, are tried again by whoever asks for them.
public struct PatientEnrollment: NodeEnrollment {
  private let enrollment: any NodeEnrollment
  private let onAbsence: @Sendable (Problem) -> Void

  /// So many failures for the same reason are told once: one in ten minutes, about.
  static let toldOnce = 10
  /// These say that the address is wrong, which no waiting cures.
  private static let wrongAddress: Set<String> = ["server_speaks_tls", "server_speaks_no_tls"]

  /// - Parameter onAbsence: hears why a join waits: at first, when that changes, and rarely after that.
  public init(
    _ enrollment: any NodeEnrollment, onAbsence: @escaping @Sendable (Problem) -> Void
  ) {
    self.enrollment = enrollment
    self.onAbsence = onAbsence
  }

  /// Tries again after the times of ``NodeIdentity/backOff(after:)``, for as long as it takes.
  ///
  /// - Throws: ``Problem`` that does not pass by itself, or the last one when its task is cancelled.
  public func join(_ node: NodeID, with token: AccessToken, request: String) async throws(Problem)
    -> IssuedCertificate
  {
    var failures = 0
    var told: String?
    while true {
      let absence: Problem
      do throws(Problem) {
        return try await enrollment.join(node, with: token, request: request)
      } catch {
        guard !Task.isCancelled, Self.mayPass(error) else { throw error }
        absence = error
      }
      failures += 1
      if told != absence.code || failures % Self.toldOnce == 0 {
        told = absence.code
        onAbsence(absence)
      }
      do { try await Task.sleep(for: NodeIdentity.backOff(after: failures)) } catch {
        throw absence
      }
    }
  }

  public func renew(
    _ certificate: String, request: String, signature: [UInt8], trusting authorities: [[UInt8]]
  ) async throws(Problem) -> IssuedCertificate {
    try await enrollment.renew(
      certificate, request: request, signature: signature, trusting: authorities)
  }

  static func mayPass(_ problem: Problem) -> Bool {
    switch problem.category {
    case .unavailable: !wrongAddress.contains(problem.code)
    case .deadlineExceeded, .overloaded: true
    case .invalidInput, .notFound, .conflict, .refused, .tooLarge, .guestFailed, .internalFault:
      false
    }
  }
}
