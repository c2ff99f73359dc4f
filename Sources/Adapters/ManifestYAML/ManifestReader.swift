public import ClusterModel

/// Reads the text of a `wasmatrix.yaml`. JSON is YAML too, so it reads JSON as well.
///
/// The way of a text: characters (``SourceText``) -> events of libyaml (``EventStream``) -> a
/// bounded tree with places (``TreeBuilder``) -> the manifest (``ApplicationDecoder``). Each step
/// adds what is wrong to one list, so that the user sees everything at once.
public enum ManifestReader {
  /// Room for the thousand modules that are allowed, with 20 triggers each, twice over.
  public static let maximumSize = ByteCount.mebibytes(1)

  /// Reads a manifest. Touches no file: whether a source is there is for the caller to see.
  ///
  /// - Parameters:
  ///   - text: what stands in the file.
  ///   - file: its name, for messages.
  /// - Throws: everything that is wrong with it, in the order of the file.
  public static func read(
    _ text: String, file: String
  ) throws(ManifestProblems) -> ApplicationManifest {
    let problems = ProblemList(file: file)
    let manifest = decode(text, problems: problems)
    guard problems.isEmpty, let manifest else { throw problems.all }
    return manifest
  }

  /// Reads a manifest from bytes that may be anything.
  ///
  /// - Throws: everything that is wrong with it, in the order of the file.
  public static func read(
    _ bytes: [UInt8], file: String
  ) throws(ManifestProblems) -> ApplicationManifest {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      let problems = ProblemList(file: file)
      problems.add(
        "the file is not UTF-8 text", at: SourceText.placeOfInvalidUTF8(in: bytes),
        allowed: "text in UTF-8")
      throw problems.all
    }
    return try read(text, file: file)
  }

  /// `nil` only when a problem was added.
  private static func decode(_ text: String, problems: ProblemList) -> ApplicationManifest? {
    let mark: Unicode.Scalar = "\u{FEFF}"
    var text = text
    if text.unicodeScalars.first == mark { text.unicodeScalars.removeFirst() }
    guard let end = SourceText.check(text, problems: problems) else { return nil }

    let root = text.withUTF8 { bytes -> ManifestNode? in
      guard let events = EventStream(borrowing: bytes) else {
        problems.add("there is no memory to read the file", at: .start)
        return nil
      }
      var builder = TreeBuilder(events: events, end: end, problems: problems)
      return builder.document()
    }
    guard let root, !root.isNull else {
      if problems.isEmpty {
        problems.add(
          "the file is empty", at: .start, allowed: "the keys apiVersion, name and modules")
      }
      return nil
    }
    return ApplicationDecoder(values: ValueReader(problems: problems)).manifest(from: root)
  }
}
