import ClusterModel
import PropertyTesting
import Testing

@testable import WasmtimeEngine

@Suite struct GuestLineTests {
  private let bucket = BucketName(unchecked: "b")
  private let key = StateKey(unchecked: "k")

  private func call(_ line: String) throws -> GuestCall { try GuestLine.call(Array(line.utf8)) }

  private func write(
    _ action: StateWrite.Action, _ condition: StateCondition = .always
  ) -> GuestCall {
    .write(StateWrite(bucket: bucket, key: key, action: action, condition: condition))
  }

  @Test func `each call is read`() throws {
    #expect(
      try call(#"{"publish":{"topic":"a/b","data":"hi","type":"t","subject":"s"}}"#)
        == .publish(
          GuestPublish(topic: Topic(unchecked: "a/b"), type: "t", subject: "s", data: [104, 105])))
    #expect(
      try call(#"{"publish":{"topic":"a","base64":"AP8="}}"#)
        == .publish(GuestPublish(topic: Topic(unchecked: "a"), data: [0, 255])))
    #expect(try call(#"{"get":{"bucket":"b","key":"k"}}"#) == .get(bucket, key, .cached))
    #expect(
      try call(#"{"get":{"bucket":"b","key":"k","consistency":"strong"}}"#)
        == .get(bucket, key, .strong))
    #expect(try call(#" {"set":{"bucket":"b","key":"k","value":""}} "#) == write(.set([])))
    #expect(
      try call(#"{"set":{"bucket":"b","key":"k","value":"1","ifRevision":0}}"#)
        == write(.set([0x31]), .absent))
    #expect(
      try call(#"{"delete":{"bucket":"b","key":"k","ifRevision":9}}"#)
        == write(.delete, .unchanged(since: StateRevision(9))))
    #expect(
      try call(#"{"merge":{"bucket":"b","key":"k","function":"max","value":"1"}}"#)
        == write(.merge(.maximum, [0x31])))
    #expect(
      try call(#"{"list":{"bucket":"b","prefix":"p","after":"k","limit":5}}"#)
        == .list(bucket, prefix: "p", after: key, limit: 5))
    #expect(
      try call(#"{"list":{"bucket":"b"}}"#) == .list(bucket, prefix: "", after: nil, limit: 100))
    #expect(try call(#"{"invalidate":{"bucket":"b","key":"k"}}"#) == .invalidate(bucket, key))
  }

  @Test func `a request over HTTP is read, and its answer written`() throws {
    let target = try #require(HTTPTarget("https://h/x"))
    #expect(
      try call(#"{"http":{"url":"https://h/x"}}"#) == .http(HTTPCall(method: "GET", target: target))
    )
    let headers = [
      HTTPCall.Header(name: "a", value: "2"), HTTPCall.Header(name: "b", value: "1"),
    ]
    #expect(
      try call(
        #"{"http":{"method":"PUT","url":"https://h/x","headers":{"B":"1","A":"2"},"data":"d"}}"#)
        == .http(HTTPCall(method: "PUT", target: target, headers: headers, body: [100])))
    let answer = HTTPAnswer(
      status: 200, headers: headers + [HTTPCall.Header(name: "a", value: "3")], body: [0xff])
    #expect(
      String(decoding: GuestLine.line(.response(answer)), as: UTF8.self)
        == #"{"ok":true,"response":{"base64":"/w==","headers":{"a":"2, 3","b":"1"},"status":200}}"#
        + "\n")
  }

  @Test(arguments: [
    (#"{"http":{}}"#, "http needs url"), (#"{"http":{"url":"h"}}"#, "url can be http://"),
    (#"{"http":{"url":"https://h","method":"TRACE"}}"#, "method can be"),
    (#"{"http":{"url":"https://h","headers":{"host":"x"}}}"#, "belongs to the connection"),
    (#"{"http":{"url":"https://h","headers":[]}}"#, "no object of texts"),
    (#"{"http":{"url":"https://h","timeout":1}}"#, "http has no"),
  ])
  func `what is no request over HTTP is told`(line: String, says: String) {
    do {
      _ = try call(line)
      Issue.record("it was taken")
    } catch {
      let message = (error as? Problem)?.message ?? ""
      #expect(message.contains(says))
    }
  }

  @Test(arguments: [
    ("nonsense", "no JSON object"), ("[]", "no JSON object"), ("{}", "one member"),
    (#"{"get":{},"set":{}}"#, "one member"), (#"{"fly":{}}"#, "no call \"fly\""),
    (#"{"get":5}"#, "get is no object"), (#"{"get":{}}"#, "get needs bucket"),
    (#"{"get":{"bucket":"B","key":"k"}}"#, "not a valid bucket name"),
    (#"{"get":{"bucket":"b","key":""}}"#, "not a valid key"),
    (#"{"get":{"bucket":"b","key":5}}"#, "key is no text"),
    (#"{"get":{"bucket":"b","key":"k","consistency":"weak"}}"#, "can be strong, cached"),
    (#"{"get":{"bucket":"b","key":"k","ttl":5}}"#, "get has no \"ttl\""),
    (#"{"set":{"bucket":"b","key":"k"}}"#, "needs value or base64"),
    (#"{"set":{"bucket":"b","key":"k","value":"a","base64":""}}"#, "value and base64"),
    (#"{"set":{"bucket":"b","key":"k","base64":"%"}}"#, "RFC 4648"),
    (#"{"set":{"bucket":"b","key":"k","value":"","ifRevision":"1"}}"#, "no whole number"),
    (#"{"merge":{"bucket":"b","key":"k","value":"1"}}"#, "needs function"),
    (#"{"list":{"bucket":"b","limit":0}}"#, "limit can be"),
    (#"{"list":{"bucket":"b","limit":99999999999}}"#, "limit can be"),
    (#"{"publish":{"topic":"a/#"}}"#, "not a valid topic"),
    (#"{"publish":{"topic":"a","subject":""}}"#, "attributes are"),
  ])
  func `what is no request is told`(line: String, says: String) {
    let problem = #expect(throws: Problem.self) { try call(line) }
    #expect(problem?.code == "request_invalid")
    #expect(problem?.message.contains(says) == true, "\(problem?.message ?? "nothing")")
  }

  @Test func `no bytes are more than a refusal`() async throws {
    let pieces = [
      "{", "}", "[", "]", "\"get\"", "\"set\"", ":", ",", "\"bucket\"", "\"b\"", "\"key\"", "\"k\"",
      "\"value\"", "1e999", "-", "9223372036854775808", "null", "\"\\u0000\"", "\"\\ud800\"",
      "\u{0}",
      "\"ifRevision\"", "\"publish\"", "\"topic\"", "{\"get\":{\"bucket\":\"b\",\"key\":\"k\"}}",
    ].map { Array($0.utf8) }
    let line = Generator<[UInt8]>.oneOf([
      .element(of: pieces), .bytes(count: 0...6), .constant([UInt8](repeating: 0x5b, count: 2000)),
    ]).array(count: 0...30).map { $0.flatMap { $0 } }
    try await checkProperty(
      "Feature: wasmatrix, Property 22: no line of a guest is more than a refusal", cases: 2000,
      line
    ) { line in
      do throws(Problem) { _ = try GuestLine.call(line) } catch {
        return error.code == "request_invalid"
      }
      return true
    }
  }

  @Test func `answers are lines that say how it went`() {
    func text(_ answer: GuestAnswer) -> String {
      String(decoding: GuestLine.line(answer), as: UTF8.self)
    }
    #expect(text(.done) == "{\"ok\":true}\n")
    #expect(text(.entry(nil)) == "{\"entry\":null,\"ok\":true}\n")
    #expect(
      text(.entry(GuestEntry(key: key, value: Array("a\"\n".utf8), revision: StateRevision(3))))
        == #"{"entry":{"key":"k","revision":3,"value":"a\"\n"},"ok":true}"# + "\n")
    #expect(
      text(.entries([GuestEntry(key: key, value: [255], revision: nil)]))
        == #"{"entries":[{"base64":"/w==","key":"k"}],"ok":true}"# + "\n")
    #expect(
      text(.refused(Problem(.conflict, code: "c", "m", cause: "w")))
        == #"{"error":{"code":"c","message":"m (w)"}}"# + "\n")
    let large = GuestEntry(
      key: key, value: [UInt8](repeating: 1, count: GuestLine.maximumLength), revision: nil)
    #expect(text(.entry(large)).contains("answer_too_large"))
  }

  @Test func `lines are the same in whatever pieces they come`() async throws {
    let byte = Generator<UInt8>.element(of: [0x61, 0x0a, 0x62])
    let text = byte.array(count: 0...60)
    let cuts = Generator<Int>.int(in: 0...10).array(count: 0...30)
    try await checkProperty(
      "lines do not depend on how they are written", cases: 500, zip(text, cuts)
    ) {
      text, cuts in
      var whole = LineReader(maximumLength: 6)
      let expected = text.withUnsafeBytes { whole.read($0) }
      var reader = LineReader(maximumLength: 6)
      var lines: [LineReader.Line] = []
      var rest = text[...]
      for cut in cuts {
        lines += Array(rest.prefix(cut)).withUnsafeBytes { reader.read($0) }
        rest = rest.dropFirst(cut)
      }
      lines += Array(rest).withUnsafeBytes { reader.read($0) }
      let naive = text.split(separator: 0x0a, omittingEmptySubsequences: false).dropLast()
        .filter { !$0.isEmpty }
        .map { $0.count < 6 ? LineReader.Line.complete(Array($0)) : .tooLong }
      return lines == expected && lines == naive && reader.isWithinLine == whole.isWithinLine
    }
  }
}
