import Archives

/// Tar archives byte by byte, so that they can be wrong.
struct RawTar {
    private(set) var bytes: [UInt8] = []

    /// Adds a header with the right checksum, whatever it says.
    mutating func header(
        _ name: String, _ type: Character, size: String = "0", link: String = "",
        edit: (inout [UInt8]) -> Void = { _ in }
    ) {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at start: Int) {
            for (index, byte) in text.utf8.enumerated() { block[start + index] = byte }
        }
        put(name, at: 0)
        put("0000644", at: 100)
        put("0000000", at: 108)
        put("0000000", at: 116)
        put(size, at: 124)
        put("00000000000", at: 136)
        put(String(type), at: 156)
        put(link, at: 157)
        put("ustar\u{0}00", at: 257)
        edit(&block)
        put("        ", at: 148)
        let sum = String(block.reduce(0) { $0 + Int($1) }, radix: 8)
        put(String(repeating: "0", count: 6 - sum.count) + sum + "\u{0}", at: 148)
        bytes += block
    }

    /// Adds content, padded.
    mutating func content(_ content: [UInt8]) {
        bytes += content
        bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    /// Adds an entry with content.
    mutating func entry(_ name: String, _ type: Character, _ text: String, link: String = "") {
        header(name, type, size: String(text.utf8.count, radix: 8), link: link)
        content(Array(text.utf8))
    }

    /// Adds the end marker.
    mutating func end() { bytes += [UInt8](repeating: 0, count: 1024) }

    /// An archive of whatever `build` adds, with its end marker.
    static func make(_ build: (inout RawTar) -> Void) -> [UInt8] {
        var tar = RawTar()
        build(&tar)
        tar.end()
        return tar.bytes
    }
}

/// Bytes in memory as a source.
final class MemorySource: ByteSource {
    let name = "the archive"
    private var rest: ArraySlice<UInt8>
    /// How much is given at once.
    private let portion: Int

    init(_ bytes: some Collection<UInt8>, portion: Int = .max) {
        rest = Array(bytes)[...]
        self.portion = portion
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(rest.count, buffer.count, portion)
        buffer.copyBytes(from: rest.prefix(count))
        rest = rest.dropFirst(count)
        return count
    }
}

/// Everything in an archive: entries with their content.
func contents(
    _ source: any ByteSource, limits: ArchiveLimits = ArchiveLimits()
) throws -> [(entry: TarEntry, content: [UInt8])] {
    let reader = TarReader(source, limits: limits)
    var all: [(TarEntry, [UInt8])] = []
    while let entry = try reader.next() { all.append((entry, try reader.readContent(limit: 64 << 20))) }
    return all
}

func contents(
    _ bytes: some Collection<UInt8>, limits: ArchiveLimits = ArchiveLimits()
) throws -> [(entry: TarEntry, content: [UInt8])] {
    try contents(MemorySource(bytes), limits: limits)
}

/// An archive of our own writer.
func written(_ entries: [(TarEntry, [UInt8])]) throws -> [UInt8] {
    var bytes: [UInt8] = []
    let writer = TarWriter { bytes.append(contentsOf: $0) }
    for (entry, content) in entries {
        try writer.add(entry)
        try content.withUnsafeBytes { try writer.append($0) }
    }
    try writer.finish()
    return bytes
}

func file(_ path: String, _ content: String) -> (TarEntry, [UInt8]) {
    let bytes = Array(content.utf8)
    return (TarEntry(path: Array(path.utf8), kind: .file(size: Int64(bytes.count)), permissions: 0o644), bytes)
}
