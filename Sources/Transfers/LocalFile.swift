import Glibc
import LinuxSystem
import SystemPackage

/// A `file://` address, read by ourselves: libcurl opens whatever has the name, waits for ever for a pipe's
/// other end, and wakes devices.
struct LocalFile {
    private let url: String
    private let path: String
    private static let chunk = 256 << 10

    /// - Returns: `nil` for an address of another scheme.
    /// - Throws: `TransferError.unusable` for a path that no file can have.
    init?(_ url: String) throws(TransferError) {
        let scheme = "file://"
        guard url.hasPrefix(scheme) else { return nil }
        guard let path = Self.decoded(url.dropFirst(scheme.count)) else { throw .unusable(url: url) }
        self.url = url
        self.path = path
    }

    /// Hands the file's bytes to `sink`, or those behind the ones that it has.
    ///
    /// - Throws: `TransferError`, or what the sink threw.
    func read(limit: Int64, into sink: any TransferSink, stop: StopFlag?) throws {
        let file = try open()
        let offset = sink.resumeOffset
        let isRest = try offset > 0 && offset < failing { () throws(SystemError) in try file.status().st_size }
        if isRest { lseek(file.raw, off_t(offset), SEEK_SET) } else { try sink.restart() }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.chunk, alignment: 4096)
        defer { buffer.deallocate() }
        var total = isRest ? offset : 0
        while true {
            if stop?.isSet == true { throw TransferError.cancelled(url: url) }
            let count = try failing { () throws(SystemError) in try file.read(into: buffer) }
            if count == 0 { return }
            total += Int64(count)
            guard total <= limit else { throw TransferError.tooLarge(url: url, limit: limit) }
            try sink.receive(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// Hands a range of the file to `sink`.
    ///
    /// - Throws: `TransferError`, also `.wrongRange` when the file is not as long as it should be; what the sink threw.
    func read(_ range: ByteRange, into sink: any TransferSink, stop: StopFlag?) throws {
        let file = try open()
        let size = try failing { () throws(SystemError) in Int64(try file.status().st_size) }
        guard size == range.fileSize else {
            throw TransferError.wrongRange(url: url, detail: "the file has \(size) bytes instead of \(range.fileSize)")
        }
        let offset = sink.resumeOffset
        if offset == 0 { try sink.restart() }
        lseek(file.raw, off_t(range.bytes.lowerBound + offset), SEEK_SET)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.chunk, alignment: 4096)
        defer { buffer.deallocate() }
        var remaining = range.count - offset
        while remaining > 0 {
            if stop?.isSet == true { throw TransferError.cancelled(url: url) }
            let chunk = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(remaining, Int64(buffer.count)))])
            let count = try failing { () throws(SystemError) in try file.read(into: chunk) }
            guard count > 0 else { throw TransferError.truncated(url: url) }
            remaining -= Int64(count)
            try sink.receive(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// Only a regular file is opened, and nothing is waited for. Links are followed: whatever they lead to is verified.
    private func open() throws(TransferError) -> Descriptor {
        var status = stat()
        _ = try failing { () throws(SystemError) in try retrying("read", path) { stat(path, &status) } }
        try requireFile(status)
        let file = try failing { () throws(SystemError) in
            try Descriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        }
        // Another may have taken its place.
        try requireFile(failing { () throws(SystemError) in try file.status() })
        return file
    }

    private func requireFile(_ status: stat) throws(TransferError) {
        guard status.st_mode & S_IFMT == Glibc.S_IFREG else {
            throw .unreadable(path: path, detail: "it is no regular file", isMissing: false)
        }
    }

    private func failing<Value: ~Copyable>(_ body: () throws(SystemError) -> Value) throws(TransferError) -> Value {
        do { return try body() } catch {
            let isMissing = error.code == .noSuchFileOrDirectory || error.code == .notDirectory
            throw .unreadable(path: path, detail: "\(error.code)", isMissing: isMissing)
        }
    }

    /// The path of RFC 8089 with its `%20`; `nil` when one is malformed or means NUL.
    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, digits.allSatisfy({ isxdigit(Int32($0)) != 0 }),
                let value = UInt8(String(Substring(digits)), radix: 16), value != 0
            else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
