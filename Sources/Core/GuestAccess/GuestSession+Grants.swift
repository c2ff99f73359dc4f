import ClusterModel

// What a guest may.
extension GuestSession {
  /// Why a call is refused; `nil` when it is granted.
  func denial(of call: GuestCall) -> CapabilityDenial? {
    switch call {
    case .publish(let event):
      let isGranted =
        !event.topic.isPlatformOwn && grants.publish.contains { $0.matches(event.topic) }
      guard !isGranted else { return nil }
      return CapabilityDenial(
        capability: .publish, call: call.name, subject: event.topic.text,
        reason: grants.publish.isEmpty
          ? "the module may not publish" : "the module may not publish to this topic")
    case .get(let bucket, let key, _), .invalidate(let bucket, let key):
      return denial(of: call, .read, bucket, key.text)
    case .write(let write): return denial(of: call, .write, write.bucket, write.key.text)
    case .list(let bucket, let prefix, _, _): return denial(of: call, .read, bucket, prefix)
    case .http(let request):
      guard let grant = grants.httpOut else {
        return httpDenial(of: request, "the module may not ask servers")
      }
      guard !grant.allows(request.target) else { return nil }
      return httpDenial(of: request, "the module may not ask this server")
    }
  }

  func httpDenial(of request: HTTPCall, _ reason: String) -> CapabilityDenial {
    CapabilityDenial(
      capability: .httpOut, call: "http", subject: String(request.text.prefix(512)), reason: reason)
  }

  private func denial(
    of call: GuestCall, _ access: StateGrant.Access, _ bucket: BucketName, _ text: String
  ) -> CapabilityDenial? {
    let reason: String
    if let grant = grants.grant(for: bucket) {
      if access == .write, grant.access == .read {
        reason = "the module may only read this bucket"
      } else if grant.covers(text) {
        return nil
      } else {
        reason = "the module may not reach these keys"
      }
    } else {
      reason = "the module may not use this bucket"
    }
    return CapabilityDenial(
      capability: .state, call: call.name, subject: "\(bucket)/\(text)", reason: reason)
  }
}
