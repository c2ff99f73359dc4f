import ClusterModel
import DedicatedThreads
import Glibc
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10))) struct ParkerTests {
  private static func now() -> MonotonicInstant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  @Test func `a wake-up that comes first is kept, once`() {
    let parker = Parker()
    parker.wake()
    parker.wake()
    parker.park(until: nil)
    let deadline = Self.now() + .milliseconds(5)
    parker.park(until: deadline)
    #expect(Self.now() >= deadline)
  }

  @Test func `a time that has passed does not hold anybody up`() {
    Parker().park(until: Self.now() + .seconds(-1))
    Parker().park(until: MonotonicInstant(nanoseconds: 0))
  }

  /// Each thread waits for the other's word each time: a wake-up that is lost is the end of it.
  @Test func `no wake-up is lost between two threads`() {
    let (here, there) = (Parker(), Parker())
    let turns = 20_000
    let count = Atomic(0)
    let other = DedicatedThread(name: "wm-other", urgency: .ordinary) {
      for turn in 0..<turns {
        while count.load(ordering: .acquiring) != 2 * turn + 1 { there.park(until: nil) }
        count.store(2 * turn + 2, ordering: .releasing)
        here.wake()
      }
    }
    for turn in 0..<turns {
      count.store(2 * turn + 1, ordering: .releasing)
      there.wake()
      while count.load(ordering: .acquiring) != 2 * turn + 2 { here.park(until: nil) }
    }
    other.join()
    #expect(count.load(ordering: .relaxed) == 2 * turns)
  }

  @Test func `one of many that wake is enough`() {
    let parker = Parker()
    let (turns, wakers) = (500, 4)
    let work = Atomic(0)
    let threads = (0..<wakers).map { index in
      DedicatedThread(name: "wm-waker-\(index)", urgency: .ordinary) {
        for _ in 0..<turns {
          work.add(1, ordering: .releasing)
          parker.wake()
        }
      }
    }
    while work.load(ordering: .acquiring) < turns * wakers { parker.park(until: nil) }
    for thread in threads { thread.join() }
    #expect(work.load(ordering: .relaxed) == turns * wakers)
  }
}
