import ClusterModel
import Foundation
import HostPorts
import PropertyTesting
import Testing

@testable import WasmtimeEngine

extension Wat {
  /// Makes the file `x` in its scratch folder, which must not be there, writes its one variable and its
  /// input to it in turns with others, sleeping in between, and gives back what is in it then.
  fileprivate static let keeper = """
    (module
      (import "wasi_snapshot_preview1" "fd_read"
        (func $read (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_write"
        (func $write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_pread"
        (func $pread (param i32 i32 i32 i64 i32) (result i32)))
      (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "poll_oneoff"
        (func $poll (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 900) "x")
      (func $put (param $file i32) (param $address i32) (param $length i32)
        (i32.store (i32.const 0) (local.get $address))
        (i32.store (i32.const 4) (local.get $length))
        (if (call $write (local.get $file) (i32.const 0) (i32.const 1) (i32.const 8))
          (then unreachable)))
      (func $sleep
        (i32.store (i32.const 416) (i32.const 1))
        (i64.store (i32.const 424) (i64.const 200000))
        (if (call $poll (i32.const 400) (i32.const 464) (i32.const 1) (i32.const 500))
          (then unreachable)))
      (func (export "_start")
        ;; Made new (1 | 4), for reading and writing.
        (if (call $open (i32.const 3) (i32.const 0) (i32.const 900) (i32.const 1) (i32.const 5)
              (i64.const 0x46) (i64.const 0) (i32.const 0) (i32.const 12))
          (then unreachable))
        (if (call $environ (i32.const 1024) (i32.const 1100)) (then unreachable))
        (call $put (i32.load (i32.const 12)) (i32.const 1100) (i32.const 10))
        (call $sleep)
        (i32.store (i32.const 0) (i32.const 2000)) (i32.store (i32.const 4) (i32.const 100))
        (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
        (call $put (i32.load (i32.const 12)) (i32.const 2000) (i32.load (i32.const 8)))
        (call $sleep)
        (i32.store (i32.const 0) (i32.const 3000)) (i32.store (i32.const 4) (i32.const 1000))
        (if (call $pread (i32.load (i32.const 12)) (i32.const 0) (i32.const 1) (i64.const 0)
              (i32.const 8))
          (then unreachable))
        (call $put (i32.const 1) (i32.const 3000) (i32.load (i32.const 8)))))
    """
}

// Both look at the one folder of scratch folders.
@Suite(.serialized) struct FileIsolationTests {
  private static func activation(_ number: Int) -> Activation {
    Activation(
      arguments: ["test"],
      environment: [EnvironmentVariable(name: "ME", value: String(1_000_000 + number))],
      input: Array("input \(number)".utf8),
      folders: [GuestFolder(path: "/tmp", source: .scratch(ScratchLimits()))],
      limits: .patient)
  }

  // Feature: wasmatrix, Property 14: For any set of modules that run at the same time, none sees
  // what another has
  @Test func `no instance sees another's files, environment or leftovers`() async throws {
    let module = try await SharedEngine.prepare(Wat.keeper)
    try await checkProperty(
      "Feature: wasmatrix, Property 14: no instance sees another's files, environment or leftovers",
      cases: 100, Generator<Int>.int(in: 1...40)
    ) { concurrent in
      await withTaskGroup(of: Bool.self) { group in
        for number in 0..<concurrent {
          group.addTask {
            let report = await module.run(Self.activation(number))
            return output(report) == Array("ME=\(1_000_000 + number)input \(number)".utf8)
          }
        }
        return await group.reduce(true) { $0 && $1 }
      }
    }
    // And nothing is left when the reports are out.
    let left = try FileManager.default.contentsOfDirectory(atPath: SharedEngine.scratchFolder)
    #expect(left == [])
  }

  @Test func `what is open is closed and removed, whatever the end`() async throws {
    let before = try openDescriptors()
    let open = """
      (if (call $open (i32.const 3) (i32.const 0) (i32.const 900) (i32.const 1) (i32.const 1)
            (i64.const 0x46) (i64.const 0) (i32.const 0) (i32.const 12)) (then unreachable))
      """
    for ending in ["", "unreachable", "(loop $l (br $l))", "(call $exit (i32.const 3))"] {
      let module = try await SharedEngine.prepare(
        """
        (module
          (import "wasi_snapshot_preview1" "path_open"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") 1) (data (i32.const 900) "x")
          (func (export "_start") \(open) \(ending)))
        """)
      var activation = Self.activation(1)
      activation.limits.cpuTime = .milliseconds(5)
      for _ in 0..<20 { _ = await module.run(activation) }
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: SharedEngine.scratchFolder) == [])
    // Others of this process come and go meanwhile; 80 that stay open would be seen.
    #expect(try openDescriptors() < before + 40)
  }

  private func openDescriptors() throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
  }
}
