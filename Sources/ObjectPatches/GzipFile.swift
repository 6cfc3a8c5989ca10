import CZlib

/// Writes gzip files (RFC 1952) that a release's patches can look into, because what made them can be done again.
public enum GzipFile {
    /// The largest content, in bytes: the header has 32 bits for its size.
    public static let limit = Int(UInt32.max)

    /// The same bytes for the same content, as `gzip -n -9` writes them.
    ///
    /// - Parameters:
    ///   - content: at most `limit` bytes.
    ///   - threads: how many look for matches; the result does not depend on it.
    /// - Throws: `SystemError` when a thread cannot be started.
    public static func compress(_ content: [UInt8], threads: Int = 1) throws -> [UInt8] {
        precondition(content.count <= limit, "too large for gzip")
        // Identification, deflate, no flags, no time, best compression, Unix.
        var file: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 3]
        let deflater = GzipDeflater(level: 9, threads: threads)
        try content.withUnsafeBytes { bytes in try deflater.append(bytes) { file.append(contentsOf: $0) } }
        try deflater.finish { file.append(contentsOf: $0) }
        let checksum = content.withUnsafeBytes { bytes in
            crc32_z(0, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
        }
        for number in [UInt32(truncatingIfNeeded: checksum), UInt32(content.count)] {
            withUnsafeBytes(of: number.littleEndian) { file.append(contentsOf: $0) }
        }
        return file
    }
}
