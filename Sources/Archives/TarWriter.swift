/// Writes a tar archive: ustar headers, and pax records for what these do not hold.
///
/// The same entries give the same bytes: nothing of the machine, the time or the program's run is in them. Readable by
/// GNU tar, bsdtar and every tar that knows POSIX.1-2001.
public final class TarWriter {
    private let write: (UnsafeRawBufferPointer) throws -> Void
    /// Of the present entry.
    private var missing: Int64 = 0
    private var padding = 0
    private var total: UInt64 = 0

    /// - Parameter write: takes the archive's bytes in order.
    public init(_ write: @escaping (UnsafeRawBufferPointer) throws -> Void) { self.write = write }

    /// Begins an entry; a file's content follows with `append`.
    ///
    /// - Throws: what `write` throws.
    public func add(_ entry: TarEntry) throws {
        try endEntry()
        let records = Self.records(entry)
        if !records.isEmpty {
            let name = Array("PaxHeaders/".utf8) + entry.path.suffix(80).filter { $0 != UInt8(ascii: "/") }
            try put(TarBlock.header(name, type: "x", mode: 0o644, size: Int64(records.count), entry: nil))
            try put(records)
            try put([UInt8](repeating: 0, count: Self.padding(Int64(records.count))))
        }
        let size = if case .file(let size) = entry.kind { size } else { Int64(0) }
        try put(
            TarBlock.header(entry.path, type: entry.kind.letter, mode: entry.permissions, size: size, entry: entry))
        missing = size
        padding = Self.padding(size)
    }

    /// Takes in content of the entry that was added last.
    ///
    /// - Throws: what `write` throws.
    public func append(_ bytes: UnsafeRawBufferPointer) throws {
        missing -= Int64(bytes.count)
        precondition(missing >= 0, "an entry has the size that was declared")
        try write(bytes)
        total += UInt64(bytes.count)
    }

    /// Ends the archive with its marker, padded to the 20 blocks of a tape record.
    ///
    /// - Throws: what `write` throws.
    public func finish() throws {
        try endEntry()
        try put([UInt8](repeating: 0, count: 2 * TarHeader.size))
        let record = UInt64(20 * TarHeader.size)
        try put([UInt8](repeating: 0, count: Int((record - total % record) % record)))
    }

    private func endEntry() throws {
        precondition(missing == 0, "an entry has the size that was declared")
        try put([UInt8](repeating: 0, count: padding))
        padding = 0
    }

    private func put(_ bytes: [UInt8]) throws {
        if bytes.isEmpty { return }
        try bytes.withUnsafeBytes { try write($0) }
        total += UInt64(bytes.count)
    }

    private static func padding(_ size: Int64) -> Int {
        (TarHeader.size - Int(size % Int64(TarHeader.size))) % TarHeader.size
    }

    /// What does not fit into the header.
    private static func records(_ entry: TarEntry) -> [UInt8] {
        var records: [UInt8] = []
        if !TarBlock.fits(entry.path) { records += record("path", entry.path) }
        if let target = entry.kind.target, !TarBlock.fits(target) { records += record("linkpath", target) }
        if case .file(let size) = entry.kind, size > TarBlock.largest(12) { records += record("size", size) }
        if Int64(entry.uid) > TarBlock.largest(8) { records += record("uid", Int64(entry.uid)) }
        if Int64(entry.gid) > TarBlock.largest(8) { records += record("gid", Int64(entry.gid)) }
        for attribute in entry.attributes {
            records += record(Array("SCHILY.xattr.".utf8) + attribute.name, attribute.value)
        }
        return records
    }

    private static func record(_ key: String, _ value: Int64) -> [UInt8] { record(key, Array(String(value).utf8)) }
    private static func record(_ key: String, _ value: [UInt8]) -> [UInt8] { record(Array(key.utf8), value) }

    /// The length counts its own digits.
    private static func record(_ key: [UInt8], _ value: [UInt8]) -> [UInt8] {
        let rest = [UInt8(ascii: " ")] + key + [UInt8(ascii: "=")] + value + [UInt8(ascii: "\n")]
        var length = rest.count + 1
        while String(length).utf8.count + rest.count != length { length = String(length).utf8.count + rest.count }
        return Array(String(length).utf8) + rest
    }
}

extension TarEntry.Kind {
    /// ustar's letter.
    fileprivate var letter: Character {
        switch self {
        case .file: "0"
        case .hardLink: "1"
        case .link: "2"
        case .characterDevice: "3"
        case .blockDevice: "4"
        case .folder: "5"
        case .pipe: "6"
        }
    }

    fileprivate var target: [UInt8]? {
        switch self {
        case .link(let target), .hardLink(let target): target
        default: nil
        }
    }
}

/// A header as it is written.
private enum TarBlock {
    /// The largest number that a field of `width` bytes holds in octal.
    static func largest(_ width: Int64) -> Int64 { (1 << (3 * (width - 1))) - 1 }

    /// Whether a field for names holds it. What is not ASCII goes into a record, where it is UTF-8 by definition.
    static func fits(_ name: [UInt8]) -> Bool { name.count <= 100 && name.allSatisfy { $0 < 0x80 } }

    static func header(_ path: [UInt8], type: Character, mode: UInt32, size: Int64, entry: TarEntry?) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: TarHeader.size)
        func put(_ bytes: some Collection<UInt8>, at start: Int, limit: Int) {
            for (index, byte) in bytes.prefix(limit).enumerated() { block[start + index] = byte }
        }
        func put(_ number: Int64, at start: Int, width: Int64) {
            // What is too large stands in a record.
            let digits = String(min(number, largest(width)), radix: 8)
            put(
                (String(repeating: "0", count: Int(width) - 1 - digits.count) + digits).utf8, at: start,
                limit: Int(width))
        }
        put(path, at: 0, limit: 100)
        put(Int64(mode), at: 100, width: 8)
        put(Int64(entry?.uid ?? 0), at: 108, width: 8)
        put(Int64(entry?.gid ?? 0), at: 116, width: 8)
        put(size, at: 124, width: 12)
        put(max(0, entry?.modified ?? 0), at: 136, width: 12)
        put(String(repeating: " ", count: 8).utf8, at: 148, limit: 8)
        put(String(type).utf8, at: 156, limit: 1)
        put(entry?.kind.target ?? [], at: 157, limit: 100)
        put("ustar\u{0}00".utf8, at: 257, limit: 8)
        let device: (UInt32, UInt32) =
            switch entry?.kind {
            case .characterDevice(let major, let minor)?, .blockDevice(let major, let minor)?: (major, minor)
            default: (0, 0)
            }
        put(Int64(device.0), at: 329, width: 8)
        put(Int64(device.1), at: 337, width: 8)
        let sum = block.reduce(0) { $0 + Int64($1) }
        put(sum, at: 148, width: 7)
        return block
    }
}
