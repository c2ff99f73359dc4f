import Glibc

/// Linux's `SCHED_RESET_ON_FORK`, which is no plain number in its header.
private let resetOnFork: CInt = 0x4000_0000

/// Does something on this thread ahead of all that is not scheduled in real time, where that is permitted: whoever
/// measures what a busy machine does must not wait for a processor itself.
func urgently<Value>(_ body: () throws -> Value) rethrows -> Value {
  // Where it is not permitted it waits like everybody else; whoever it starts is scheduled as ever.
  var priority = sched_param(sched_priority: 1)
  sched_setscheduler(0, SCHED_FIFO | resetOnFork, &priority)
  defer {
    priority.sched_priority = 0
    sched_setscheduler(0, SCHED_OTHER, &priority)
  }
  return try body()
}
