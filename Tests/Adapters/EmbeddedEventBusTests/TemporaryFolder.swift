import ClusterModel
import Foundation

/// A folder for one test.
struct TemporaryFolder {
  let path = NSTemporaryDirectory() + "wasmatrix-store-\(UUID().uuidString)"
  func remove() { try? FileManager.default.removeItem(atPath: path) }
}

/// The code of the problem that `body` throws; `nil` when it throws none.
func problemCode(_ body: () async throws -> Void) async -> String? {
  do {
    try await body()
    return nil
  } catch let problem as Problem {
    return problem.code
  } catch {
    return "\(error)"
  }
}
