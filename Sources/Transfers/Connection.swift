import CCurl
import Glibc
public import LinuxSystem

/// Fetches one file after another over a connection that stays open. Blocks; one for each worker thread.
///
/// TLS certificates are verified, and nothing is decompressed on the way: the bytes are the ones that were hashed.
/// A file that an address does not have is looked for at the others, when the options name some.
public final class Connection {
    let options: TransferOptions
    /// Where the last file came from, when it has more addresses than one.
    var last: Mirrors.Source?
    private let handle: CurlHandle

    /// - Parameter stop: ends a transfer soon after it is set.
    public init(_ options: TransferOptions, stop: StopFlag? = nil) {
        self.options = options
        handle = CurlHandle(options, stop: stop)
    }

    /// Fetches a file into `sink`, trying again where that may help.
    ///
    /// - Parameter limit: the most bytes that it may have.
    /// - Throws: `TransferError`, or what the sink threw.
    public func get(_ url: String, limit: Int64, into sink: any TransferSink) throws {
        try failingOver(url) { address, attempts in try get(address, limit: limit, into: sink, attempts: attempts) }
    }

    private func get(_ url: String, limit: Int64, into sink: any TransferSink, attempts: Int) throws {
        try Self.requireUsable(url)
        if let file = try LocalFile(url) { return try file.read(limit: limit, into: sink, stop: handle.receiver.stop) }
        try get(url, limit, sink, attempts) { () throws(TransferFailure) in try getOnce(url, sink) }
    }

    /// Fetches a range of a file into `sink`, going on where an attempt broke: exactly these bytes come, or an error.
    ///
    /// - Parameter range: not empty. The sink's `resumeOffset` counts from its beginning.
    /// - Throws: `TransferError`, also `.noRanges` and `.wrongRange`; what the sink threw.
    public func get(_ url: String, range: ByteRange, into sink: any TransferSink) throws {
        try failingOver(url, isRange: true) { address, attempts in
            if let file = try LocalFile(address) {
                return try file.read(range, into: sink, stop: handle.receiver.stop)
            }
            try get(address, range.count, sink, attempts) { () throws(TransferFailure) in
                try getOnce(address, range, sink)
            }
        }
    }

    private func get(
        _ url: String, _ limit: Int64, _ sink: any TransferSink, _ attempts: Int,
        _ once: () throws(TransferFailure) -> Void
    ) throws {
        try Self.requireUsable(url)
        // Who is slow while others are there is asked no longer.
        handle.set(
            CURLOPT_LOW_SPEED_LIMIT, attempts < options.attempts ? 10 * options.slowestRate : options.slowestRate)
        handle.receiver.sink = sink
        handle.receiver.limit = limit
        defer { handle.receiver.sink = nil }
        var attempt = 1
        while true {
            do throws(TransferFailure) { return try once() } catch {
                guard error.mayPass, attempt < attempts, !isStopped else { throw error.cause }
            }
            pause(options.pause(beforeAttempt: attempt))
            attempt += 1
        }
    }

    /// Fetches a small file into memory.
    ///
    /// - Parameter limit: the most bytes that it may have.
    /// - Throws: `TransferError`.
    public func bytes(of url: String, limit: Int) throws -> [UInt8] {
        let sink = MemorySink()
        try get(url, limit: Int64(limit), into: sink)
        return sink.bytes
    }

    /// Fetches a small file from this address and no other.
    func bytes(of url: String, limit: Int, attempts: Int) throws -> [UInt8] {
        let sink = MemorySink()
        try get(url, limit: Int64(limit), into: sink, attempts: attempts)
        return sink.bytes
    }

    private var isStopped: Bool { handle.receiver.stop?.isSet == true }

    private func getOnce(_ url: String, _ sink: any TransferSink) throws(TransferFailure) {
        var offset = sink.resumeOffset
        if offset == 0 { try restart(sink) }
        var code = handle.perform(url, offset: offset)
        let isBeyond = handle.receiver.status == 416
        if offset > 0, isBeyond || code == CURLE_RANGE_ERROR || code == CURLE_OK && !handle.isRest {
            // The server cannot send the rest alone. To libcurl, "there is no rest" (416) would be success, and the page
            // that some servers send with it a failure.
            offset = 0
            try restart(sink)
            code = handle.perform(url, offset: 0)
        }
        if code != CURLE_OK || !handle.receiver.isAsked { throw failure(code, url) }
    }

    private func getOnce(_ url: String, _ range: ByteRange, _ sink: any TransferSink) throws(TransferFailure) {
        let offset = sink.resumeOffset
        if offset == 0 { try restart(sink) }
        if offset == range.count { return }
        let code = handle.perform(url, offset: offset, range: range)
        let receiver = handle.receiver
        if code == CURLE_OK, receiver.isAsked {
            if receiver.count == range.count { return }
            throw TransferFailure(TransferError.truncated(url: TransferError.shown(url)), mayPass: true)
        }
        throw failure(code, url)
    }

    private func restart(_ sink: any TransferSink) throws(TransferFailure) {
        do { try sink.restart() } catch { throw TransferFailure(error, mayPass: false) }
    }

    private func failure(_ code: CURLcode, _ address: String) -> TransferFailure {
        let url = TransferError.shown(address)
        let receiver = handle.receiver
        if let error = receiver.failure { return TransferFailure(error, mayPass: false) }
        // Before its size: the page that explains a failure may be larger than what was asked for.
        let status = receiver.status
        if let failure = handle.proxyFailure(url) { return failure }
        if status >= 400 {
            let mayPass = status >= 500 || status == 429 || status == 408
            return TransferFailure(TransferError.refused(url: url, status: status), mayPass: mayPass)
        }
        if let range = receiver.range, let error = Self.rangeError(range, receiver, url) {
            return TransferFailure(error, mayPass: false)
        }
        if receiver.count > receiver.limit || receiver.isFlooded || code == CURLE_FILESIZE_EXCEEDED {
            return TransferFailure(TransferError.tooLarge(url: url, limit: receiver.limit), mayPass: false)
        }
        switch code {
        case CURLE_ABORTED_BY_CALLBACK: return TransferFailure(TransferError.cancelled(url: url), mayPass: false)
        // The callback refused it, or there was no body to refuse.
        case CURLE_OK, CURLE_WRITE_ERROR:
            return TransferFailure(TransferError.refused(url: url, status: status), mayPass: false)
        case CURLE_PARTIAL_FILE: return TransferFailure(TransferError.truncated(url: url), mayPass: true)
        case CURLE_TOO_MANY_REDIRECTS: return TransferFailure(TransferError.redirected(url: url), mayPass: false)
        // Also said of an answer without a status line, as what an earlier answer had too much looks like.
        case CURLE_UNSUPPORTED_PROTOCOL where status != 0:
            return TransferFailure(TransferError.redirected(url: url), mayPass: false)
        case CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE, CURLE_PEER_FAILED_VERIFICATION:
            let detail = String(cString: curl_easy_strerror(code))
            return TransferFailure(TransferError.unreachable(url: url, detail: detail), mayPass: false)
        case CURLE_URL_MALFORMAT: return TransferFailure(TransferError.unusable(url: url), mayPass: false)
        default:
            let detail = String(cString: curl_easy_strerror(code))
            return TransferFailure(TransferError.unreachable(url: url, detail: detail), mayPass: true)
        }
    }

    /// An answer that is no part of the file, or not the one that was asked for.
    private static func rangeError(
        _ range: ByteRange, _ receiver: CurlHandle.Receiver, _ url: String
    ) -> TransferError? {
        switch receiver.status {
        case 200: .noRanges(url: url)
        case 206: receiver.wrongRange(range).map { .wrongRange(url: url, detail: $0) }
        default: nil
        }
    }

    /// Waits, but not past a stop.
    private func pause(_ seconds: Double) {
        var remaining = seconds
        while remaining > 0, !isStopped {
            usleep(UInt32(min(remaining, 0.05) * 1_000_000))
            remaining -= 0.05
        }
    }

    private static func requireUsable(_ url: String) throws {
        let isKnown = ["http://", "https://", "file:///"].contains { url.hasPrefix($0) }
        guard isKnown, url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw TransferError.unusable(url: TransferError.shown(url))
        }
        guard TransferError.shown(url) == url else {
            throw TransferError.passwordInAddress(url: TransferError.shown(url))
        }
    }
}

/// Why an attempt failed, and whether another one may do better.
struct TransferFailure: Error {
    let cause: any Error
    let mayPass: Bool

    init(_ cause: any Error, mayPass: Bool) {
        self.cause = cause
        self.mayPass = mayPass
    }
}

private final class MemorySink: TransferSink {
    private(set) var bytes: [UInt8] = []
    func restart() { bytes.removeAll(keepingCapacity: true) }
    func receive(_ bytes: UnsafeRawBufferPointer) { self.bytes.append(contentsOf: bytes) }
}
