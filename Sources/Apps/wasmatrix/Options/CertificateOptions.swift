import AccessRules
import ArgumentParser

/// How long the certificates of a cluster hold.
struct CertificateOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How long a certificate of a node or of the control plane holds; it is renewed with a third of that "
        + "left.", valueName: "time"))
  var certificateLife = DurationArgument(CertificateRules().nodeLife)

  @Option(
    help: ArgumentHelp(
      "How long after it expired a node's certificate is still good for getting a new one.",
      valueName: "time"))
  var certificateGrace = DurationArgument(CertificateRules().grace)

  var rules: CertificateRules {
    CertificateRules(
      nodeLife: certificateLife.duration, controlPlaneLife: certificateLife.duration,
      grace: certificateGrace.duration)
  }

  func validate() throws {
    guard CertificateRules.allowedLife.contains(certificateLife.duration),
      CertificateRules.allowedGrace.contains(certificateGrace.duration)
    else {
      throw ValidationError(
        "--certificate-life is 2s to 90d, --certificate-grace 0s to 90d")
    }
  }
}
