import CWasmtime
import Glibc

/// The clocks of WASI preview 1.
enum GuestClock: UInt32 {
  case realtime = 0
  case monotonic = 1
  case processCPU = 2
  case threadCPU = 3

  init(_ number: UInt32) throws(WASIError) {
    guard let clock = GuestClock(rawValue: number) else { throw WASIError(.invalid) }
    self = clock
  }

  /// Nanoseconds. The CPU clocks tell what this instance used.
  func now(_ instance: CommandInstance) -> UInt64 {
    switch self {
    case .realtime: UInt64(max(Clocks.realtime(), 0))
    case .monotonic: UInt64(max(Clocks.monotonic(), 0))
    case .processCPU, .threadCPU: UInt64(max(instance.cpuNanosecondsNow, 0))
    }
  }
}

extension WASIFunctions {
  static let clockFunctions: [WASIFunction] = [
    WASIFunction("clock_time_get", "iIi") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        let clock = try GuestClock(call.u32(0))
        try call.store(clock.now(call.instance), at: call.u32(2))
      }
    },
    WASIFunction("clock_res_get", "ii") { _, caller, values, _ in
      HostCall.answer(caller, values) { call throws(WASIError) in
        let clock = try GuestClock(call.u32(0))
        let kernel = clock == .realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC
        try call.store(UInt64(Clocks.resolution(kernel)), at: call.u32(1))
      }
    },
  ]
}
