import ClusterModel
import HostPorts

/// A guest that looks whether everything it owns is as new, then stains all of it, looks again whether it
/// is as it left it, and ends in one of many ways. It says so in its log: `P` for pristine, `S` for the
/// same, `D` for dirt that it found.
struct StainingGuest: Hashable {
  enum Ending: UInt8, CaseIterable {
    case done, trap, exit, spin, recurse, flood, hog, sleep
  }

  /// What one activation does.
  struct Orders: Hashable {
    var stain: UInt8
    /// Pages that its memory grows by, elements that its table grows by.
    var pages: UInt8
    var elements: UInt8
    /// Milliseconds that it sleeps between staining and looking again.
    var sleep: UInt8
    var ending: Ending

    var input: [UInt8] { [stain, pages, elements, sleep, ending.rawValue] }

    /// Enough for what is to be seen, little enough for what is to be ended.
    var limits: ActivationLimits {
      ActivationLimits(
        memory: .mebibytes(4), cpuTime: ending == .spin ? .milliseconds(20) : .seconds(60),
        wallTime: ending == .sleep ? .milliseconds(40) : .seconds(600), output: .kibibytes(64))
    }

    /// How it ends when nobody interrupts it; `nil` for well.
    var code: ActivationFailure.Code? {
      switch ending {
      case .done: nil
      case .trap: .guestTrapped
      case .exit: .guestExited
      case .spin: .cpuTimeLimit
      case .recurse: .stackLimit
      case .flood: .outputLimit
      case .hog: .memoryLimit
      case .sleep: .wallTimeLimit
      }
    }

    /// Whether a limit of time may end it before it has said everything.
    var isHurried: Bool { ending == .spin || ending == .sleep }
  }

  /// Some that differ in what they own.
  static let all = [
    StainingGuest(pages: 1, hasSecondMemory: false),
    StainingGuest(pages: 3, hasSecondMemory: false),
    StainingGuest(pages: 2, hasSecondMemory: true),
  ]

  var pages: Int
  var hasSecondMemory: Bool

  var text: String {
    let second = hasSecondMemory ? "(memory $second 2)" : ""
    let isSecondNew =
      hasSecondMemory
      ? "(if (i32.or (i32.load $second (i32.const 70000)) (i32.load $second (i32.const 8))) (then (call $say (i32.const 68))))"
      : ""
    let stainSecond =
      hasSecondMemory
      ? "(memory.fill $second (i32.const 0) (local.get $stain) (i32.const 131072))" : ""
    return """
      (module \(Wat.imports)
        (memory $first (export "memory") \(pages)) \(second)
        (table $t 8 300 funcref) (elem (i32.const 0) $none)
        (global $g (mut i64) (i64.const 11)) (global $h (mut f64) (f64.const 0.5))
        (func $none)
        \(Self.functions)
        (func (export "_start") (local $stain i32) (local $wide i64) (local $end i32)
          (if (i64.ne (global.get $g) (i64.const 11)) (then (call $say (i32.const 68))))
          (if (f64.ne (global.get $h) (f64.const 0.5)) (then (call $say (i32.const 68))))
          (if (i32.ne (table.size $t) (i32.const 8)) (then (call $say (i32.const 68))))
          (if (i32.eqz (ref.is_null (table.get $t (i32.const 5)))) (then (call $say (i32.const 68))))
          (call $expect (i32.const 4096) (call $size) (i64.const 0)) \(isSecondNew)
          (call $say (i32.const 80))
          (i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (i32.const 8))
          (drop (call $read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
          (local.set $stain (i32.load8_u (i32.const 1024)))
          (local.set $wide
            (i64.mul (i64.extend_i32_u (local.get $stain)) (i64.const 0x0101010101010101)))
          (local.set $end (call $size))
          (drop (memory.grow (i32.load8_u (i32.const 1025))))
          (call $expect (local.get $end) (call $size) (i64.const 0))
          (drop (table.grow $t (ref.func $none) (i32.load8_u (i32.const 1026))))
          (table.set $t (i32.const 5) (ref.func $none))
          (global.set $g (local.get $wide)) (global.set $h (f64.const 7))
          (memory.fill (i32.const 4096) (local.get $stain) (i32.sub (call $size) (i32.const 4096)))
          \(stainSecond)
          (if (i32.load8_u (i32.const 1027)) (then (call $rest (i32.load8_u (i32.const 1027)))))
          (call $expect (i32.const 4096) (call $size) (local.get $wide))
          (if (i64.ne (global.get $g) (local.get $wide)) (then (call $say (i32.const 68))))
          (call $say (i32.const 83))
          (call $finish (i32.load8_u (i32.const 1028)))))
      """
  }

  private static let functions = """
    (func $say (param i32)
      (i32.store8 (i32.const 32) (local.get 0))
      (i32.store (i32.const 16) (i32.const 32)) (i32.store (i32.const 20) (i32.const 1))
      (drop (call $write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 24))))
    (func $size (result i32) (i32.mul (memory.size) (i32.const 65536)))
    (func $expect (param $from i32) (param $to i32) (param $want i64)
      (block $out (loop $l
        (br_if $out (i32.ge_u (local.get $from) (local.get $to)))
        (if (i64.ne (i64.load (local.get $from)) (local.get $want))
          (then (call $say (i32.const 68)) (return)))
        (local.set $from (i32.add (local.get $from) (i32.const 8)))
        (br $l))))
    (func $rest (param $milliseconds i32)
      (i32.store (i32.const 144) (i32.const 1))
      (i64.store (i32.const 152)
        (i64.mul (i64.extend_i32_u (local.get 0)) (i64.const 1000000)))
      (drop (call $poll (i32.const 128) (i32.const 256) (i32.const 1) (i32.const 300))))
    (func $deep (param i32) (result i32)
      (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
    (func $finish (param $how i32)
      (if (i32.eq (local.get 0) (i32.const 1)) (then (drop (i32.div_u (i32.const 1) (i32.const 0)))))
      (if (i32.eq (local.get 0) (i32.const 2)) (then (call $exit (i32.const 3))))
      (if (i32.eq (local.get 0) (i32.const 3)) (then (loop $l (br $l))))
      (if (i32.eq (local.get 0) (i32.const 4)) (then (drop (call $deep (i32.const 0)))))
      (if (i32.eq (local.get 0) (i32.const 5)) (then
        (i32.store (i32.const 16) (i32.const 4096)) (i32.store (i32.const 20) (i32.const 32768))
        (loop $l (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))) (br $l))))
      (if (i32.eq (local.get 0) (i32.const 6)) (then
        (loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable))
      (if (i32.eq (local.get 0) (i32.const 7)) (then
        (loop $l (call $rest (i32.const 255)) (br $l)))))
    """
}
