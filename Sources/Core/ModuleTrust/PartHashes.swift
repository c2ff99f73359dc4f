import Crypto

/// The rolling hashes that a signature signs: one for each part of a module, each over everything
/// from the first section after the signature to the end of that part. A part ends with a delimiter
/// section, or with the module.
struct PartHashes {
  /// One for each part; one (of nothing) for a module without sections.
  let hashes: [[UInt8]]

  init(_ envelope: ModuleEnvelope) {
    var hashes: [[UInt8]] = []
    var rolling = SHA256()
    var isOpen = true
    for section in envelope.sections {
      rolling.update(data: envelope.bytes[section.range])
      isOpen = section.kind != .delimiter
      if !isOpen { hashes.append(Array(rolling.finalize())) }
    }
    if isOpen { hashes.append(Array(rolling.finalize())) }
    self.hashes = hashes
  }

  /// Whether one of `hashes` is that of the sections up to some place: of none, of some, or of all.
  /// One pass over the module, however many hashes there are.
  static func isBeginning(of envelope: ModuleEnvelope, among hashes: Set<[UInt8]>) -> Bool {
    guard !hashes.isEmpty else { return false }
    var rolling = SHA256()
    for section in envelope.sections {
      if hashes.contains(Array(rolling.finalize())) { return true }
      rolling.update(data: envelope.bytes[section.range])
    }
    return hashes.contains(Array(rolling.finalize()))
  }
}
