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

  /// Whether `hash` is that of the module's beginning up to the end of some section but the last:
  /// whether something was added after signing.
  static func isOfBeginning(_ hash: [UInt8], of envelope: ModuleEnvelope) -> Bool {
    var rolling = SHA256()
    for section in envelope.sections.dropLast() {
      rolling.update(data: envelope.bytes[section.range])
      if Array(rolling.finalize()) == hash { return true }
    }
    return false
  }
}
