internal import ClusterModel
internal import ControlAPIModel
internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// Keeps a connection from being held for nothing: a request must be read in time, an answer must
/// be taken in time, and an answer that says `Connection: close` ends the connection, whatever the
/// client still sends.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private var readsRequest = false
  private var readDeadline: Scheduled<Void>?
  private var writeDeadline: Scheduled<Void>?
  private var lingerDeadline: Scheduled<Void>?
  private var closesAfterAnswer = false
  private var isClosing = false

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let part = unwrapInboundIn(data)
    if isClosing {
      // Thrown away, so that the client comes to its end and reads the answer.
      if case .end = part { context.close(promise: nil) }
      return
    }
    switch part {
    case .head(let head):
      readsRequest = true
      if asksToContinue(head) {
        context.writeAndFlush(
          wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
      }
    case .body: break
    case .end:
      readsRequest = false
      readDeadline?.cancel()
      readDeadline = nil
    }
    context.fireChannelRead(data)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    // Most requests come whole, and need no timer.
    if readsRequest, readDeadline == nil, !isClosing {
      readDeadline = closing(context, after: ConnectionLimits.requestReading)
    }
    context.fireChannelReadComplete()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    writeDeadline?.cancel()
    writeDeadline = nil
    if !context.channel.isWritable {
      writeDeadline = closing(context, after: ConnectionLimits.unreadAnswer)
    }
    context.fireChannelWritabilityChanged()
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(let head):
      closesAfterAnswer = head.headerFields[.connection] == "close"
      context.write(data, promise: promise)
    case .body:
      context.write(data, promise: promise)
    case .end:
      guard closesAfterAnswer else { return context.write(data, promise: promise) }
      isClosing = true
      let written = promise ?? context.eventLoop.makePromise()
      if !readsRequest {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in bound.value.close(promise: nil) }
      }
      lingerDeadline = closing(context, after: ConnectionLimits.lingering)
      context.write(data, promise: written)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if isClosing, case .inputClosed? = event as? ChannelEvent {
      return context.close(promise: nil)
    }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    stopTimers()
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) { stopTimers() }

  private func stopTimers() {
    for timer in [readDeadline, writeDeadline, lingerDeadline] { timer?.cancel() }
    (readDeadline, writeDeadline, lingerDeadline) = (nil, nil, nil)
  }

  private func closing(_ context: ChannelHandlerContext, after time: Duration) -> Scheduled<Void> {
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    return context.eventLoop.scheduleTask(in: .nanoseconds(time.nanoseconds)) {
      bound.value.close(promise: nil)
    }
  }

  /// A body that is too large is not asked for: the refusal comes at once.
  private func asksToContinue(_ head: HTTPRequest) -> Bool {
    guard head.headerFields[.expect]?.lowercased() == "100-continue" else { return false }
    let length = head.headerFields[.contentLength].flatMap { Int($0) } ?? 0
    return length <= APILimits.moduleBody.bytes
  }
}
