import ClusterModel
import ControlAPIModel
import HostPorts
import NIOHTTP1
import Testing

@testable import ControlAPIClient

@Suite struct StateRoutesTests {
  private let bucket = SampleCluster.bucket.name
  private let key = SampleCluster.entry.key

  @Test func `buckets and entries come as they are`() async throws {
    try await RunningServer.run { server in
      let buckets = try await server.client.buckets()
      #expect(
        buckets == [
          BucketResource(
            BucketStatus(bucket: SampleCluster.bucket, entries: 1, size: ByteCount(bytes: 68)))
        ])
      let entry = try await server.client.state(of: key, in: bucket)
      #expect(entry == StateEntryResource(SampleCluster.entry))
      let all = try await server.client.state(in: bucket, prefix: "a/")
      #expect(all == [entry])
      let none = try await server.client.state(in: bucket, after: key)
      #expect(none.isEmpty)
    }
  }

  @Test func `a bucket is declared with its limits, and nonsense is refused`() async throws {
    try await RunningServer.run { server in
      _ = try await server.client.declareBucket(
        bucket,
        BucketRequest(
          consistency: "cached", stalenessMilliseconds: 50, maximumValueBytes: 10,
          maximumSizeBytes: 2048, timeToLiveMilliseconds: 5000))
      #expect(
        server.cluster.read { $0.declared } == [
          Bucket(
            name: bucket, consistency: .cached(staleness: .milliseconds(50)),
            maximumValue: ByteCount(bytes: 10), maximumSize: ByteCount(bytes: 2048),
            timeToLive: .seconds(5))
        ])
      for nonsense in [
        BucketRequest(consistency: "weak"), BucketRequest(stalenessMilliseconds: 5),
        BucketRequest(maximumValueBytes: 0), BucketRequest(maximumSizeBytes: .max),
        BucketRequest(timeToLiveMilliseconds: -1),
      ] {
        do throws(Problem) {
          _ = try await server.client.declareBucket(bucket, nonsense)
          Issue.record("\(nonsense) was taken")
        } catch {
          #expect(error.code == "bucket_invalid")
        }
      }
    }
  }

  @Test func `a batch sets, merges and deletes under conditions`() async throws {
    try await RunningServer.run { server in
      let revisions = try await server.client.writeState([
        .init(bucket: bucket, key: key, value: BytesResource([1, 2])),
        .init(bucket: bucket, key: key, value: BytesResource(Array("3".utf8)), merge: .add),
        .init(bucket: bucket, key: key, ifRevision: 7),
        .init(bucket: bucket, key: key, value: BytesResource([]), ifRevision: 0),
      ])
      #expect(revisions.map(\.number) == [8, 9, 10, 11])
      #expect(
        server.cluster.read { $0.written } == [
          StateWrite(bucket: bucket, key: key, action: .set([1, 2])),
          StateWrite(bucket: bucket, key: key, action: .merge(.add, Array("3".utf8))),
          StateWrite(
            bucket: bucket, key: key, action: .delete,
            condition: .unchanged(since: StateRevision(7))),
          StateWrite(bucket: bucket, key: key, action: .set([]), condition: .absent),
        ])
      let empty = try await server.send(
        .POST, ["v1", "state"], headers: ["Content-Type": "application/json"],
        body: Array(#"{"writes":[]}"#.utf8))
      #expect(empty.problem?.code == "batch_invalid")
    }
  }

  @Test func `a watch tells what is there, and what is wrong before the first line`() async throws {
    try await RunningServer.run { server in
      var seen: [StateChangeResource] = []
      for try await change in try await server.client.watchState(in: bucket) {
        seen.append(change)
        break
      }
      #expect(seen.map(\.entry) == [StateEntryResource(SampleCluster.entry)])
      do throws(Problem) {
        _ = try await server.client.watchState(in: BucketName(unchecked: "none"))
        Issue.record("it was watched")
      } catch {
        #expect(error.code == "bucket_unknown")
      }
    }
  }
}
