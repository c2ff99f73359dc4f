import EventLoops
import Testing

@Suite(.timeLimit(.minutes(10))) struct ConnectionSharesTests {
  @Test(arguments: [1024, 4096, 20_000, 65_536, 1_048_576])
  func `all connections together leave files for everything else`(files: Int) {
    let (agents, users) = (ConnectionShares.agents(of: files), ConnectionShares.users(of: files))
    #expect(agents + users + 256 <= files)
    #expect(agents >= 256 && users >= 512)
  }

  @Test func `a fleet of ten thousand nodes attaches with the files that its unit allows`() {
    #expect(ConnectionShares.agents(of: 65_536) > 10_000)
  }

  @Test func `where there are hardly any files each port has a few connections all the same`() {
    #expect(ConnectionShares.agents(of: 100) == 64 && ConnectionShares.users(of: 100) == 64)
  }
}
