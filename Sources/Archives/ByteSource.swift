import Glibc
public import LinuxSystem

/// Bytes in order, from a file, a pipe or another source.
public protocol ByteSource: AnyObject {
    /// What messages call it.
    var name: String { get }

    /// Reads some bytes, at most `buffer.count`; 0 only at the end.
    ///
    /// - Throws: the source's own error; a failure is never taken for the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// An open file or pipe, read from where it stands.
public final class FileSource: ByteSource {
    private let file: Descriptor

    public init(_ file: consuming Descriptor) { self.file = file }

    public var name: String { file.path }

    public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try file.read(into: buffer) }

    /// Goes back to the first byte.
    ///
    /// - Throws: `SystemError`, for a pipe too.
    public func rewind() throws(SystemError) {
        try retrying("rewind", file.path) { lseek(file.raw, 0, SEEK_SET) }
    }
}

/// Gives some bytes that were taken from a source before the others.
final class PrefixedSource: ByteSource {
    private var prefix: [UInt8]
    private let rest: any ByteSource

    /// Takes at most `count` bytes from `source`, to look at them.
    init(_ source: any ByteSource, peeking count: Int) throws {
        rest = source
        prefix = []
        var chunk = [UInt8](repeating: 0, count: count)
        while prefix.count < count {
            let wanted = count - prefix.count
            let read = try chunk.withUnsafeMutableBytes { try source.read(into: .init(rebasing: $0[..<wanted])) }
            if read == 0 { break }
            prefix += chunk[..<read]
        }
    }

    /// The bytes that were looked at.
    var peeked: [UInt8] { prefix }
    var name: String { rest.name }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        if prefix.isEmpty { return try rest.read(into: buffer) }
        let count = min(prefix.count, buffer.count)
        buffer.copyBytes(from: prefix[..<count])
        prefix.removeFirst(count)
        return count
    }
}
