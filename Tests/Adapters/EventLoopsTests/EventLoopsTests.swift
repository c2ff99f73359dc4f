import EventLoops
import NIOCore
import NIOPosix
import Testing

@Suite(.timeLimit(.minutes(10))) struct EventLoopsTests {
  /// Whether this runs on a thread of these loops.
  private static func isOn(_ loops: EventLoops) -> Bool {
    loops.group.makeIterator().contains { $0.inEventLoop }
  }

  private static func fromElsewhere() async {
    await withCheckedContinuation { continuation in
      NIOThreadPool.singleton.submit { _ in continuation.resume() }
    }
  }

  @Test func `a task stays on its thread, whoever wakes it, with the tasks that it awaits`() async {
    let loops = EventLoops.wire
    await Task(executorPreference: loops) {
      for _ in 0..<200 {
        #expect(Self.isOn(loops))
        await Self.fromElsewhere()
      }
      let children = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<8 {
          group.addTask {
            await Task.yield()
            return Self.isOn(loops)
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(children == Array(repeating: true, count: 8))
      #expect(Self.isOn(loops))
    }.value
  }

  @Test func `what takes longer leaves the thread, and comes back`() async {
    struct Fault: Error {}
    let loops = EventLoops.wire
    await Task(executorPreference: loops) {
      let wasElsewhere = await elsewhere {
        let wasAtOnce = !Self.isOn(loops) && !Self.isOn(.api)
        await Self.fromElsewhere()
        return wasAtOnce && !Self.isOn(loops) && !Self.isOn(.api)
      }
      #expect(wasElsewhere && Self.isOn(loops))
      await #expect(throws: Fault.self) { try await elsewhere { throw Fault() } }
      #expect(Self.isOn(loops))
    }.value
  }

  @Test func `the threads of the wire are not those of the API`() async {
    let isOnBoth = await Task(executorPreference: EventLoops.api) {
      Self.isOn(.api) && Self.isOn(.wire)
    }.value
    #expect(!isOnBoth)
  }
}
