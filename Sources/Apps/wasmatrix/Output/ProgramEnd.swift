import ArgumentParser
import ClusterModel
import Glibc
import SupervisionRuntime

/// How the program ends after an error: what it prints, and its exit status.
enum ProgramEnd {
  /// Prints `error` the way its kind asks for, and exits.
  static func exit(after error: any Error) -> Never {
    switch error {
    case is CancellationError:
      Glibc.exit(130)
    case let error where Wasmatrix.exitCode(for: error) == .success:
      // A request for help or for the version.
      StandardOutput.write(Wasmatrix.fullMessage(for: error) + "\n")
      Glibc.exit(0)
    case let code as ExitCode:
      Glibc.exit(code.rawValue)
    case let error where Wasmatrix.exitCode(for: error) == .validationFailure:
      ErrorPrinter.printUsage(Wasmatrix.fullMessage(for: error))
      Glibc.exit(ExitCode.validationFailure.rawValue)
    case let error:
      let problem = problem(of: error)
      ErrorPrinter.print(problem)
      Glibc.exit(problem.category.exitStatus)
    }
  }

  /// `error` as a problem, which it is unless something unexpected happened.
  static func problem(of error: any Error) -> Problem {
    if let problem = error as? Problem { return problem }
    if let failure = error as? SupervisionFailure {
      return failure.cause
        ?? Problem(
          .internalFault, code: "supervision_gave_up",
          "starting it again did not help: \(failure)",
          next: "See what it logged, and `wasmatrix doctor`.")
    }
    return Problem(
      .internalFault, code: "unexpected_error", "something unexpected went wrong",
      cause: String(describing: error))
  }
}
