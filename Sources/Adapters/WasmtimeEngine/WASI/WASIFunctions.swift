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
  /// Which functions may wait, beside `poll_oneoff`, which always may.
  struct Waiting: OptionSet {
    let rawValue: UInt8
    static let reading = Waiting(rawValue: 1)
    static let writing = Waiting(rawValue: 2)
  }

  private static let synchronous: [WASIFunction] =
    processFunctions + streamFunctions + clockFunctions + fileFunctions + folderFunctions
    + pathFunctions + socketFunctions

  /// Those that can be defined either way.
  private static let either:
    [(plain: WASIFunction, waiting: wasmtime_func_async_callback_t, when: Waiting)] = [
      (ReadFunction.synchronous, ReadFunction.asynchronous, .reading),
      (WriteFunction.synchronous, WriteFunction.asynchronous, .writing),
    ]

  private static let pollName = "poll_oneoff"

  /// Every name that the module offers.
  static let names: Set<String> = Set(imports.map(\.name))

  /// Every function with its type, sorted by name.
  static let imports: [GuestImport] =
    ((synchronous + either.map(\.plain)).map {
      GuestImport(module, $0.name, $0.parameters, $0.results)
    } + [GuestImport(module, pollName, asynchronousParameters, "i")])
    .sorted { $0.name < $1.name }

  /// All of them take the same, and answer with an error number.
  private static let asynchronousParameters = "iiii"

  /// Defines all of them in a linker.
  static func define(in linker: OpaquePointer, _ waiting: Waiting) {
    let plain = either.filter { !waiting.contains($0.when) }.map(\.plain)
    for function in synchronous + plain {
      let type = wm_functype_new(function.parameters, function.results)
      define(module, function.name) { module, moduleLength, name, nameLength in
        wasmtime_linker_define_func_unchecked(
          linker, module, moduleLength, name, nameLength, type, function.body, nil, nil)
      }
      wasm_functype_delete(type)
    }
    let type = wm_functype_new(asynchronousParameters, "i")
    let asynchronous = either.filter { waiting.contains($0.when) }.map {
      (name: $0.plain.name, body: $0.waiting)
    }
    for function in asynchronous + [(name: pollName, body: PollOneoff.start)] {
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
