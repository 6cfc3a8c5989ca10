import CCurl
import LinuxSystem

/// Owns a libcurl easy handle, which keeps its connection open from request to request.
final class CurlHandle {
    private let raw: OpaquePointer
    private static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// What the callbacks reach through their context pointer.
    final class Receiver {
        var sink: (any TransferSink)?
        var limit: Int64 = 0
        var count: Int64 = 0
        var failure: (any Error)?
        /// Whether more bytes came than the limit, counting also those that libcurl drops, as a redirect's page.
        var isFlooded = false
        /// How many bytes the sink had before the request.
        var offset: Int64 = 0
        /// How many bytes of a redirect's page were thrown away.
        var ignored: Int64 = 0
        /// What was asked for, when that was a range.
        var range: ByteRange?
        let stop: StopFlag?
        private let handle: UnsafeMutableRawPointer

        init(_ handle: UnsafeMutableRawPointer, stop: StopFlag?) {
            self.handle = handle
            self.stop = stop
        }

        /// The last answer's HTTP status; 0 when there was none.
        var status: Int {
            var value = 0
            hostctl_getinfo_long(handle, CURLINFO_RESPONSE_CODE, &value)
            return value
        }

        /// Whether the answer is what was asked for: the file, the rest of it, or exactly the range. To libcurl, any
        /// status below 400 is a success, also a redirect to nowhere.
        var isAsked: Bool {
            let status = status
            if let range { return status == 206 && wrongRange(range) == nil }
            return status == (offset > 0 ? 206 : 200)
        }

        /// Whether the answer sends the client elsewhere.
        var isRedirect: Bool { [301, 302, 303, 307, 308].contains(status) }

        /// What is wrong with an answer that claims to be a part of the file; `nil` when it is the one that was asked for.
        func wrongRange(_ range: ByteRange) -> String? {
            if let coding = header("Content-Encoding"), coding.lowercased() != "identity" {
                return "it is encoded as '\(coding)'"
            }
            let wanted = range.dropping(offset).contentRange
            guard let header = header("Content-Range") else { return "it does not say which bytes it has" }
            // The whole size may be left out.
            let isIt = header == wanted || header == "bytes \(range.dropping(offset).text)/*"
            return isIt ? nil : "it has '\(header)' instead of '\(wanted)'"
        }

        /// A header of the last answer.
        private func header(_ name: String) -> String? {
            var found: UnsafeMutablePointer<curl_header>?
            guard curl_easy_header(handle, name, 0, UInt32(CURLH_HEADER), -1, &found) == CURLHE_OK else { return nil }
            return found?.pointee.value.map { String(cString: $0) }
        }
    }

    let receiver: Receiver
    let options: TransferOptions

    init(_ options: TransferOptions, stop: StopFlag?) {
        precondition(Self.isReady, "libcurl cannot start")
        guard let handle = curl_easy_init() else { fatalError("out of memory") }
        raw = OpaquePointer(handle)
        self.options = options
        receiver = Receiver(handle, stop: stop)
        configure(options)
        configure(options.network)
    }

    deinit { curl_easy_cleanup(handle) }

    var handle: UnsafeMutableRawPointer { UnsafeMutableRawPointer(raw) }

    private func configure(_ options: TransferOptions) {
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_FAILONERROR, 1)
        // Redirects are followed here, one by one: see `follow`.
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_CONNECTTIMEOUT, options.connectSeconds)
        set(CURLOPT_LOW_SPEED_LIMIT, options.slowestRate)
        set(CURLOPT_LOW_SPEED_TIME, options.stallSeconds)
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_BUFFERSIZE, 256 << 10)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_USERAGENT, options.userAgent)
        let context = Unmanaged.passUnretained(receiver).toOpaque()
        hostctl_setopt_pointer(handle, CURLOPT_WRITEDATA, context)
        hostctl_setopt_callback(handle, CURLOPT_WRITEFUNCTION, receiveBody)
        set(CURLOPT_NOPROGRESS, 0)
        hostctl_setopt_pointer(handle, CURLOPT_XFERINFODATA, context)
        hostctl_setopt_progress(handle, checkProgress)
    }

    func set(_ option: CURLoption, _ value: Int) { hostctl_setopt_long(handle, option, value) }
    func set(_ option: CURLoption, _ value: String) { hostctl_setopt_string(handle, option, value) }

    /// Makes one request; the body goes to the receiver's sink.
    ///
    /// - Parameters:
    ///   - offset: how many bytes the sink has already: of the file, or of the range.
    ///   - range: what is asked for; by default the whole file.
    func perform(_ url: String, offset: Int64, range: ByteRange? = nil) -> CURLcode {
        // It also counts for the page of a redirect, which may be larger than the file; `receiveBody` knows them apart.
        let announced = max(receiver.limit - offset, ignoredLimit)
        hostctl_setopt_offset(handle, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(announced))
        hostctl_setopt_offset(handle, CURLOPT_RESUME_FROM_LARGE, curl_off_t(range == nil ? offset : 0))
        if let range {
            set(CURLOPT_RANGE, range.dropping(offset).text)
        } else {
            hostctl_setopt_pointer(handle, CURLOPT_RANGE, nil)
        }
        receiver.range = range
        receiver.offset = offset
        receiver.count = offset
        receiver.failure = nil
        receiver.isFlooded = false
        return follow(url)
    }

    /// Whether bytes came that go on where the sink had stopped. When a length happens to be the offset, libcurl
    /// takes the file for complete without looking at the range, and hands nothing on.
    var isRest: Bool { receiver.isAsked && receiver.count > receiver.offset }
}

/// libcurl's write callback: anything but the full count ends the transfer.
private func receiveBody(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let context else { return 0 }
    let receiver = Unmanaged<CurlHandle.Receiver>.fromOpaque(context).takeUnretainedValue()
    let length = size * count
    if receiver.isRedirect {
        receiver.ignored += Int64(length)
        return receiver.ignored > ignoredLimit ? 0 : length
    }
    guard receiver.count > receiver.offset || receiver.isAsked else { return 0 }
    receiver.count += Int64(length)
    guard receiver.count <= receiver.limit else { return 0 }
    do {
        try receiver.sink?.receive(UnsafeRawBufferPointer(start: bytes, count: length))
        return length
    } catch {
        receiver.failure = error
        return 0
    }
}

/// The largest page that a redirect may have, and be ignored.
private let ignoredLimit: Int64 = 1 << 20

/// libcurl's progress callback: anything but 0 ends the transfer.
private func checkProgress(
    _ context: UnsafeMutableRawPointer?, _: curl_off_t, _ received: curl_off_t, _: curl_off_t, _: curl_off_t
) -> Int32 {
    guard let context else { return 1 }
    let receiver = Unmanaged<CurlHandle.Receiver>.fromOpaque(context).takeUnretainedValue()
    receiver.isFlooded = Int64(received) - ignoredLimit > receiver.limit
    return receiver.isFlooded || receiver.stop?.isSet == true ? 1 : 0
}
