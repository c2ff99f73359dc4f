public import ClusterModel
import Dispatch

/// Calls that block, such as opening a file, on a thread where that holds up nobody.
public enum BlockingCall {
  public static func run<Value: Sendable>(
    _ body: @escaping @Sendable () throws(Problem) -> Value
  ) async throws(Problem) -> Value {
    let result: Result<Value, Problem> = await withCheckedContinuation { continuation in
      DispatchQueue(label: "blocking call").async {
        continuation.resume(returning: Result { () throws(Problem) in try body() })
      }
    }
    return try result.get()
  }
}
