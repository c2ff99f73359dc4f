import CWasmtime

/// One function of WASI preview 1: its name, its type (i = i32, I = i64), what it does.
struct WASIFunction {
  let name: String
  let parameters: String
  let results: String
  let body: wasmtime_func_unchecked_callback_t

  init(
    _ name: String, _ parameters: String, results: String = "i",
    _ body: @escaping wasmtime_func_unchecked_callback_t
  ) {
    self.name = name
    self.parameters = parameters
    self.results = results
    self.body = body
  }
}

/// A function that guests may import; types are letters, i = i32 and I = i64.
public struct GuestImport: Hashable, Sendable {
  public let module: String
  public let name: String
  public let parameters: String
  public let results: String

  init(_ module: String, _ name: String, _ parameters: String, _ results: String) {
    self.module = module
    self.name = name
    self.parameters = parameters
    self.results = results
  }
}

/// All functions of WASI preview 1; docs/WASI.md lists them. What a module may do with files is a matter of
/// the descriptors that it is given.
enum WASIFunctions {
  static let module = "wasi_snapshot_preview1"
  /// What may wait, so that it is defined apart from ``synchronous``.
  static let asynchronous: [(name: String, body: wasmtime_func_async_callback_t)] = [
    ("poll_oneoff", PollOneoff.start), ("fd_read", ReadFunction.start),
  ]

  static let synchronous: [WASIFunction] =
    processFunctions + streamFunctions + clockFunctions + fileFunctions + folderFunctions
    + pathFunctions + socketFunctions

  /// Every name that the module offers.
  static let names: Set<String> = Set(
    (synchronous + [WriteFunction.synchronous]).map(\.name) + asynchronous.map(\.name))

  /// Every function with its type, sorted by name.
  static var imports: [GuestImport] {
    ((synchronous + [WriteFunction.synchronous]).map {
      GuestImport(module, $0.name, $0.parameters, $0.results)
    }
      + asynchronous.map { GuestImport(module, $0.name, asynchronousParameters, "i") })
      .sorted { $0.name < $1.name }
  }

  /// All of them take the same, and answer with an error number.
  private static let asynchronousParameters = "iiii"

  /// Defines all of them in a linker.
  ///
  /// - Parameter writesMayWait: whether a guest that writes to a full pipe waits.
  static func define(in linker: OpaquePointer, writesMayWait: Bool) {
    for function in synchronous + (writesMayWait ? [] : [WriteFunction.synchronous]) {
      let type = wm_functype_new(function.parameters, function.results)
      define(module, function.name) { module, moduleLength, name, nameLength in
        wasmtime_linker_define_func_unchecked(
          linker, module, moduleLength, name, nameLength, type, function.body, nil, nil)
      }
      wasm_functype_delete(type)
    }
    let type = wm_functype_new(asynchronousParameters, "i")
    let writing = [(name: WriteFunction.synchronous.name, body: WriteFunction.asynchronous)]
    for function in asynchronous + (writesMayWait ? writing : []) {
      define(module, function.name) { module, moduleLength, name, nameLength in
        wasmtime_linker_define_async_func(
          linker, module, moduleLength, name, nameLength, type, function.body, nil, nil)
      }
    }
    wasm_functype_delete(type)
  }

  private static func define(
    _ module: String, _ name: String,
    _ body: (UnsafePointer<CChar>, Int, UnsafePointer<CChar>, Int) -> OpaquePointer?
  ) {
    let error = module.withCString { modulePointer in
      name.withCString { body(modulePointer, module.utf8.count, $0, name.utf8.count) }
    }
    if let error {
      preconditionFailure(
        "\(module).\(name) was defined wrongly: \(LibraryFailure.message(consuming: error))")
    }
  }
}
