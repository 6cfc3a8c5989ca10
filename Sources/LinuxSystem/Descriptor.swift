import CLinux
public import Glibc
import SystemPackage

/// An open file that is closed when the value's life ends.
public struct Descriptor: ~Copyable, Sendable {
    /// The number, for system calls; it must not outlive this value.
    public let raw: Int32
    /// What was opened, for messages.
    public let path: String

    /// Takes over an open descriptor.
    public init(adopting raw: Int32, path: String) {
        self.raw = raw
        self.path = path
    }

    /// Opens `path`, relative to `directory` when one is given; for reading by default. Close-on-exec is always set.
    ///
    /// - Throws: `SystemError`.
    public init(
        opening path: String, relativeTo directory: Int32? = nil, flags: Int32 = 0, mode: mode_t = 0
    ) throws(SystemError) {
        let raw = try retrying("open", path) { hostctl_openat(directory ?? AT_FDCWD, path, flags | O_CLOEXEC, mode) }
        self.init(adopting: raw, path: path)
    }

    deinit { close(raw) }

    /// Reads at most `buffer.count` bytes; 0 at the end of the file.
    ///
    /// - Throws: `SystemError`.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        try retrying("read", path) { Glibc.read(raw, buffer.baseAddress, buffer.count) }
    }

    /// Writes the whole buffer.
    ///
    /// - Throws: `SystemError`.
    public func write(_ buffer: UnsafeRawBufferPointer) throws(SystemError) {
        var rest = buffer
        while !rest.isEmpty {
            let written = try retrying("write", path) { Glibc.write(raw, rest.baseAddress, rest.count) }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
        }
    }

    /// Writes all bytes of `bytes`.
    ///
    /// - Throws: `SystemError`.
    public func write(_ bytes: [UInt8]) throws(SystemError) {
        let failure = bytes.withUnsafeBytes { buffer -> SystemError? in
            do throws(SystemError) { try write(buffer) } catch { return error }
            return nil
        }
        if let failure { throw failure }
    }

    /// Reads this many bytes; fewer when the file ends before.
    ///
    /// - Throws: `SystemError`.
    public func read(exactly count: Int) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let start = done
            let more = try retrying("read", path) {
                bytes.withUnsafeMutableBytes { Glibc.read(raw, $0.baseAddress.map { $0 + start }, count - start) }
            }
            if more == 0 { break }
            done += more
        }
        bytes.removeLast(count - done)
        return bytes
    }

    /// Reads to the end, refusing more than `limit` bytes.
    ///
    /// - Throws: `SystemError`; `EFBIG` when there is more than `limit`.
    public func readToEnd(limit: Int) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(limit, 65535) + 1)
        while true {
            let count = try retrying("read", path) { Glibc.read(raw, &chunk, chunk.count) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[..<count])
            if bytes.count > limit { throw SystemError("read", path, code: .fileTooLarge) }
        }
    }

    /// Flushes content and metadata to the disk.
    ///
    /// - Throws: `SystemError`.
    public func sync() throws(SystemError) {
        try retrying("flush", path) { fsync(raw) }
    }

    /// Flushes the whole file system that holds this file.
    ///
    /// - Throws: `SystemError`.
    public func syncFileSystem() throws(SystemError) {
        try retrying("flush the file system of", path) { hostctl_syncfs(raw) }
    }

    /// The file's metadata.
    ///
    /// - Throws: `SystemError`.
    public func status() throws(SystemError) -> stat {
        var result = stat()
        try retrying("examine", path) { fstat(raw, &result) }
        return result
    }
}
