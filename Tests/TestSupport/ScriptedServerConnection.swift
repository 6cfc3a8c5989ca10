import Glibc
import LinuxSystem
import SystemPackage

/// One connection of a `ScriptedServer`: requests are read one after another, and answered as the script says.
final class ServerConnection {
    private enum Ended: Error { case connection }

    private struct Answer {
        var status = 200
        var headers: [String] = []
        var body: [UInt8] = []
        /// What `Content-Length` says; `nil` for none, and then the end of the connection ends the body.
        var length: Int?

        init(status: Int = 200, headers: [String] = [], body: [UInt8] = [], length: Int? = nil) {
            self.status = status
            self.headers = headers
            self.body = body
            self.length = length
        }

        /// A part of a file.
        init(_ file: [UInt8], _ range: ClosedRange<Int>) {
            status = 206
            headers = ["Content-Range: bytes \(range.lowerBound)-\(range.upperBound)/\(file.count)"]
            body = Array(file[range.clamped(to: 0...(file.count - 1))])
            length = body.count
        }
    }

    /// No test needs more of what never ends.
    private static let endlessLimit = 256 << 20
    private static let patience = 60.0

    private let socket: Int32
    private let number: Int
    private let state: ServerState
    private var received: [UInt8] = []
    private var answered = 0
    private var index = 0
    private var status = 0
    private var bytesSent = 0

    init(_ socket: Int32, _ number: Int, _ state: ServerState) {
        self.socket = socket
        self.number = number
        self.state = state
        var on: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    func run() {
        while !state.isStopped.isSet, let request = nextRequest() {
            let turn = state.begin(request)
            index = turn.index
            status = 0
            bytesSent = 0
            do { try serve(request, turn) } catch { return }
            answered += 1
            if let most = state.script.with({ $0.requestsPerConnection }), answered >= most { return }
        }
    }

    // MARK: requests

    private func nextRequest() -> ScriptedServer.Request? {
        let end = Array("\r\n\r\n".utf8)
        var chunk = [UInt8](repeating: 0, count: 4096)
        while received.count < 65536 {
            if let range = received.firstRange(of: end) {
                let head = String(decoding: received[..<range.lowerBound], as: UTF8.self)
                received.removeSubrange(..<range.upperBound)
                return parse(head)
            }
            let count = recv(socket, &chunk, chunk.count, 0)
            guard count > 0 else { return nil }
            received += chunk[..<count]
        }
        return nil
    }

    private func parse(_ head: String) -> ScriptedServer.Request? {
        let lines = head.split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count == 3, words[0] == "GET", words[1].hasPrefix("/") else { return nil }
        let value = { (name: String) in
            lines.first { $0.lowercased().hasPrefix(name) }.map { String($0.dropFirst(name.count).drop { $0 == " " }) }
        }
        return ScriptedServer.Request(
            path: String(words[1].dropFirst()), range: value("range:"), authorization: value("authorization:"),
            connection: number)
    }

    // MARK: answers

    private func serve(_ request: ScriptedServer.Request, _ turn: ServerState.Turn) throws {
        switch turn.behaviour {
        case .closed: throw Ended.connection
        case .status(let status): try send(text(status))
        case .redirected(let address, let page): try send(redirect(to: address, page: page))
        case .endlessRedirect: try sendEndlessRedirect(request.path)
        case .endless: try sendEndless()
        case .endlessHeader: try sendEndlessHeader()
        default: try serveFile(request, turn)
        }
    }

    private func serveFile(_ request: ScriptedServer.Request, _ turn: ServerState.Turn) throws {
        if case .after(let action) = turn.behaviour { action() }
        guard var body = try content(request.path, turn) else { return try send(text(404)) }
        switch turn.behaviour {
        case .flipped(let offset): body[offset] ^= 1
        case .truncated(let count):
            try send(Answer(body: Array(body.prefix(count)), length: body.count))
            throw Ended.connection
        case .stalled(let count):
            try send(Answer(body: Array(body.prefix(count)), length: body.count))
            waitForEnd()
            throw Ended.connection
        case .dripping(let pause): return try drip(body, pause)
        case .withoutLength: return try send(Answer(body: body))
        case .announced(let length):
            try send(Answer(body: body, length: length))
            throw Ended.connection
        case .range(let fault):
            if let range = bounds(request.range, body.count) { return try send(body, range, fault) }
        case .ignoringRange: return try send(Answer(body: body, length: body.count))
        default: break
        }
        try send(ranged(body, request.range))
    }

    private func content(_ path: String, _ turn: ServerState.Turn) throws -> [UInt8]? {
        if case .content(let bytes) = turn.behaviour { return bytes }
        let file = turn.folder.appending(path)
        guard !path.contains(".."), !Files.isFolder(file) else { return nil }
        return try Files.readIfPresent(file, limit: 256 << 20)
    }

    /// The part of a body that a `Range` header of one open or closed range asks for.
    private func ranged(_ body: [UInt8], _ range: String?) -> Answer {
        guard let range, range.hasPrefix("bytes=") else { return Answer(body: body, length: body.count) }
        guard let bounds = bounds(range, body.count) else { return text(416) }
        return Answer(body, bounds)
    }

    private func bounds(_ range: String?, _ size: Int) -> ClosedRange<Int>? {
        guard let range, range.hasPrefix("bytes=") else { return nil }
        let bounds = range.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard bounds.count == 2, let first = bounds[0], first < size else { return nil }
        return first...min(bounds[1] ?? size - 1, size - 1)
    }

    private func send(_ body: [UInt8], _ range: ClosedRange<Int>, _ fault: ServerBehaviour.RangeFault) throws {
        var answer = Answer(body, range)
        switch fault {
        case .shifted(let count): answer = Answer(body, (range.lowerBound + count)...(range.upperBound + count))
        case .lying(let count):
            answer.body = Answer(body, (range.lowerBound + count)...(range.upperBound + count)).body
            answer.length = answer.body.count
        case .untold: answer.headers = []
        case .ofOtherSize:
            answer.headers = ["Content-Range: bytes \(range.lowerBound)-\(range.upperBound)/\(body.count + 1)"]
        case .shortened(let count):
            answer.body = count < 0 ? answer.body + Array(repeating: 1, count: -count) : answer.body.dropLast(count)
            answer.length = answer.body.count
        case .cut(let count), .stalled(let count): answer.body = Array(answer.body.prefix(count))
        case .encoded: answer.headers.append("Content-Encoding: gzip")
        case .multipart:
            answer.headers = ["Content-Type: multipart/byteranges; boundary=x"]
            answer.body = Array("\r\n--x\r\nContent-Range: bytes 0-1/9\r\n\r\n".utf8) + answer.body
            answer.length = answer.body.count
        }
        try send(answer)
        if case .stalled = fault { waitForEnd() }
        if answer.length != answer.body.count { throw Ended.connection }
    }

    private func text(_ status: Int) -> Answer {
        let body = Array("status \(status)\n".utf8)
        return Answer(status: status, body: body, length: body.count)
    }

    private func redirect(to address: String, page: Int) -> Answer {
        let body = [UInt8](repeating: UInt8(ascii: " "), count: page)
        return Answer(status: 302, headers: ["Location: \(address)"], body: body, length: page)
    }

    // MARK: sending

    private func send(_ answer: Answer) throws {
        status = answer.status
        state.note(index, status: status, bytesSent: 0)
        var lines = ["HTTP/1.1 \(answer.status) Scripted"] + answer.headers
        if let length = answer.length {
            lines.append("Content-Length: \(length)")
        } else {
            lines.append("Connection: close")
        }
        try write(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8))
        try writeBody(answer.body)
        if answer.length == nil { throw Ended.connection }
    }

    private func drip(_ body: [UInt8], _ pause: Double) throws {
        try send(Answer(body: [], length: body.count))
        for byte in body {
            if waitForEnd(pause) { throw Ended.connection }
            try writeBody([byte])
        }
    }

    private func sendEndless() throws {
        try write(Array("HTTP/1.1 200 Scripted\r\nConnection: close\r\n\r\n".utf8))
        status = 200
        try writeEndless([UInt8](repeating: 0, count: 65536))
    }

    private func sendEndlessHeader() throws {
        try write(Array("HTTP/1.1 200 Scripted\r\n".utf8))
        status = 200
        try writeEndless(Array(repeating: Array("X-Padding: and so on\r\n".utf8), count: 256).flatMap { $0 })
    }

    private func sendEndlessRedirect(_ path: String) throws {
        try write(
            Array("HTTP/1.1 302 Scripted\r\nLocation: /\(path)\r\nTransfer-Encoding: chunked\r\n\r\n".utf8))
        status = 302
        try writeEndless(Array("10000\r\n".utf8) + [UInt8](repeating: 0, count: 65536) + Array("\r\n".utf8))
    }

    private func writeEndless(_ chunk: [UInt8]) throws {
        while bytesSent < Self.endlessLimit { try writeBody(chunk) }
        throw Ended.connection
    }

    private func writeBody(_ bytes: [UInt8]) throws {
        var sent = 0
        defer { state.note(index, status: status, bytesSent: bytesSent) }
        while sent < bytes.count {
            let part = try writeSome(bytes, from: sent)
            sent += part
            bytesSent += part
        }
    }

    private func write(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count { sent += try writeSome(bytes, from: sent) }
    }

    private func writeSome(_ bytes: [UInt8], from start: Int) throws -> Int {
        let count = bytes.withUnsafeBytes { buffer in
            let rest = UnsafeRawBufferPointer(rebasing: buffer[start...])
            return Glibc.send(socket, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
        }
        guard count > 0, !state.isStopped.isSet else { throw Ended.connection }
        return count
    }

    /// Waits until the client goes away; whether it did so in `seconds`.
    @discardableResult
    private func waitForEnd(_ seconds: Double = patience) -> Bool {
        var remaining = seconds
        while remaining > 0, !state.isStopped.isSet {
            var event = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            if poll(&event, 1, Int32(min(remaining, 0.05) * 1000)) > 0 { return true }
            remaining -= 0.05
        }
        return state.isStopped.isSet
    }
}
