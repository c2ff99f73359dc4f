import ClusterModel
import DurableSQLite
import Foundation

/// The folder of the standing plan. Every call blocks.
struct StandingFiles: Sendable {
  /// The only format so far.
  private static let format = 1
  private static let planFile = "plan.json"
  private static let obeyedFile = "obeyed.json"
  /// A statement in base64, and a little.
  private static let longestPlan = ByteCount.mebibytes(66)
  private static let longestRecord = ByteCount.kibibytes(4)

  /// What `plan.json` holds.
  private struct KeptSeal: Codable {
    var format: Int
    var statement: Data
    var authority: AuthorityFingerprint
    var signature: Data
  }

  /// What `obeyed.json` holds.
  private struct KeptVersion: Codable {
    var format: Int
    var version: PlanVersion
  }

  private let folder: String

  init(in folder: String) throws(Problem) {
    self.folder = folder
    try SyncedFile.makeFolder(folder)
  }

  func keep(_ seal: PlanSeal) throws(Problem) {
    guard seal.statement.count <= PlanSeal.longestStatement.bytes else {
      throw Problem(
        .tooLarge, code: "standing_plan_too_large", "the standing plan is too large to be kept",
        next: "Deploy less to this node.")
    }
    try write(
      KeptSeal(
        format: Self.format, statement: Data(seal.statement), authority: seal.authority,
        signature: Data(seal.signature)), Self.planFile)
  }

  func seal() throws(Problem) -> PlanSeal? {
    guard let kept = try read(KeptSeal.self, Self.planFile, Self.longestPlan) else { return nil }
    guard kept.format == Self.format else { throw Self.unknown(kept.format) }
    return PlanSeal(
      statement: Array(kept.statement), authority: kept.authority,
      signature: Array(kept.signature))
  }

  func remember(_ version: PlanVersion) throws(Problem) {
    try write(KeptVersion(format: Self.format, version: version), Self.obeyedFile)
  }

  func obeyed() throws(Problem) -> PlanVersion? {
    guard let kept = try read(KeptVersion.self, Self.obeyedFile, Self.longestRecord) else {
      return nil
    }
    guard kept.format == Self.format else { throw Self.unknown(kept.format) }
    return kept.version
  }

  /// What a seal that holds says.
  static func plan(in seal: PlanSeal) throws(Problem) -> StandingPlan {
    do {
      return try JSONDecoder().decode(StandingPlan.self, from: Data(seal.statement))
    } catch {
      throw Problem(
        .conflict, code: "standing_plan_unknown_format",
        "this program does not know all of what the standing plan says", cause: "\(error)",
        next: "Run the newest version of the program on this node.")
    }
  }

  private func read<Value: Decodable>(
    _ type: Value.Type, _ name: String, _ longest: ByteCount
  ) throws(Problem) -> Value? {
    let bytes: [UInt8]?
    do throws(Problem) {
      bytes = try SyncedFile.read(folder + "/" + name, limit: longest)
    } catch {
      throw error.code == "data_corrupt" ? Self.damaged("\(error)") : error
    }
    guard let bytes else { return nil }
    do {
      return try JSONDecoder().decode(type, from: Data(bytes))
    } catch {
      throw Self.damaged("\(name) cannot be read")
    }
  }

  private func write(_ value: some Encodable, _ name: String) throws(Problem) {
    let bytes: Data
    do { bytes = try JSONEncoder().encode(value) } catch {
      throw Problem(
        .internalFault, code: "standing_plan_unwritable", "the standing plan cannot be written",
        cause: "\(error)")
    }
    let file = folder + "/" + name
    try SyncedFile.write(Array(bytes), to: file, through: file + ".incoming")
  }

  static func damaged(_ cause: String) -> Problem {
    Problem(
      .internalFault, code: "standing_plan_damaged", "the standing plan on the disk is damaged",
      cause: cause, next: "Let the node attach: then it gets a new one.")
  }

  private static func unknown(_ format: Int) -> Problem {
    Problem(
      .conflict, code: "standing_plan_unknown_format",
      "the standing plan has the format \(format), which this program does not know",
      next: "Run the newest version of the program on this node.")
  }
}
