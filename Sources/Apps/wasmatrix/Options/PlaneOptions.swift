import ArgumentParser
import ClusterModel

/// What every verb that runs a control plane takes.
struct PlaneOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "MiB that the data folder may take, from \(DataUsage.smallestQuota.bytes >> 20) on; beyond it "
        + "publishes, state writes and pushes are refused. Without it there is no bound but the disk.",
      valueName: "n"))
  var quotaMebibytes: Int?

  @OptionGroup(title: "Certificates") var certificates: CertificateOptions

  @OptionGroup(title: "Event log") var events: EventLogOptions

  @Option(
    help: ArgumentHelp(
      "How long an agent that boots without a control plane may go on with what it was told last; told anew with two "
        + "thirds of that left.", valueName: "time"))
  var standingPlanLife = DurationArgument(StandingPlanRules.defaultLife)

  /// A pebibyte: nobody means more.
  private static let largestQuota = 1 << 30

  var quota: ByteCount? { quotaMebibytes.map { .mebibytes($0) } }

  func validate() throws {
    guard StandingPlanRules.allowedLife.contains(standingPlanLife.duration) else {
      throw ValidationError("--standing-plan-life is 2s to 90d")
    }
    let smallest = DataUsage.smallestQuota.bytes >> 20
    guard let quotaMebibytes else { return }
    guard (smallest...Self.largestQuota).contains(quotaMebibytes) else {
      throw ValidationError("--quota-mebibytes is \(smallest) to \(Self.largestQuota)")
    }
  }
}
