import Glibc
import LinuxSystem
import SystemPackage

/// GRUB's environment block: 1024 bytes, a first line that names it, lines `name=value`, and `#` up to the end.
///
/// GRUB writes it back over the very blocks that it was read from, so it is never moved, and always written in place.
/// All of ours is within the first 512 bytes: one sector, which a disk writes whole or not at all.
struct GRUBEnvironment: Equatable {
    static let size = 1024
    static let sectorSize = 512
    private static let signature = "# GRUB Environment Block\n"

    /// The lines in order, each without its end. Values have no line ends: a backslash stands before each one in the
    /// file, and before each backslash.
    private(set) var variables: [(name: String, value: String)] = []

    static func == (one: GRUBEnvironment, other: GRUBEnvironment) -> Bool { one.bytes() == other.bytes() }

    init() {}

    /// Reads a block as GRUB does; `nil` when it is none: another size, or another first line.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.size, bytes.starts(with: Self.signature.utf8) else { return nil }
        var rest = bytes.dropFirst(Self.signature.utf8.count)
        while let first = rest.first, first != UInt8(ascii: "#") {
            let line = Self.takeLine(&rest)
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let name = String(decoding: line[..<equals], as: UTF8.self)
            variables.append((name, String(decoding: line[(equals + 1)...], as: UTF8.self)))
        }
    }

    /// Takes a line with its end; a backslash takes the byte after it as it is.
    private static func takeLine(_ rest: inout ArraySlice<UInt8>) -> [UInt8] {
        var line: [UInt8] = []
        while let byte = rest.popFirst(), byte != UInt8(ascii: "\n") {
            if byte == UInt8(ascii: "\\"), let next = rest.popFirst() { line.append(next) } else { line.append(byte) }
        }
        return line
    }

    subscript(name: String) -> String? {
        get { variables.last { $0.name == name }?.value }
        set {
            variables.removeAll { $0.name == name }
            // In front: whatever else somebody keeps here, ours stays within the first sector.
            if let newValue { variables.insert((name, newValue), at: 0) }
        }
    }

    /// The block's 1024 bytes; `nil` when the variables do not fit.
    func bytes() -> [UInt8]? {
        var result = Array(Self.signature.utf8)
        for (name, value) in variables {
            result += Array(name.utf8) + [UInt8(ascii: "=")]
            for byte in value.utf8 {
                if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\\") { result.append(UInt8(ascii: "\\")) }
                result.append(byte)
            }
            result.append(UInt8(ascii: "\n"))
        }
        guard result.count <= Self.size else { return nil }
        return result + [UInt8](repeating: UInt8(ascii: "#"), count: Self.size - result.count)
    }
}

/// The environment block's file on the partition.
struct GRUBEnvironmentFile: Sendable {
    let partition: BootPartition
    var path: FilePath { partition.root.appending("grub/grubenv") }

    /// The block; an empty one where the file is missing or no block, which GRUB does not read either.
    func read() throws(SystemError) -> GRUBEnvironment {
        let bytes = try Files.readIfPresent(path, limit: 64 << 10) ?? []
        return GRUBEnvironment(bytes) ?? GRUBEnvironment()
    }

    /// Whether GRUB could read and write the file.
    func isUsable() throws(SystemError) -> Bool {
        GRUBEnvironment(try Files.readIfPresent(path, limit: 64 << 10) ?? []) != nil
    }

    /// Makes the file when it is missing, and anew when it is no block.
    func prepare() throws {
        if try isUsable() { return }
        try partition.makeFolder(path.removingLastComponent())
        try partition.remove(path)
        guard let bytes = GRUBEnvironment().bytes() else { return }
        try partition.add(path, bytes)
    }

    /// Writes the block over itself. The bytes after the first sector only when they change, and then before it.
    func write(_ environment: GRUBEnvironment) throws {
        guard let bytes = environment.bytes() else {
            throw BootLoaderError.unusableEnvironment(path: path.string, problem: "has no room for another variable")
        }
        let file = try Descriptor(opening: path.string, flags: O_RDWR | O_NOFOLLOW)
        let old = try file.read(exactly: GRUBEnvironment.size)
        guard old.count == GRUBEnvironment.size else {
            throw BootLoaderError.unusableEnvironment(path: path.string, problem: "is not 1024 bytes long")
        }
        FaultPoint.reached("boot.before-environment")
        for start in [GRUBEnvironment.sectorSize, 0] {
            let range = start..<start + GRUBEnvironment.sectorSize
            if old[range] == bytes[range] { continue }
            try retrying("write", path.string) {
                bytes[range].withUnsafeBytes { pwrite(file.raw, $0.baseAddress, $0.count, off_t(start)) }
            }
            FaultPoint.reached("boot.before-environment-flush")
            try file.sync()
        }
        FaultPoint.reached("boot.after-environment")
        let isWritten = try BootPartition.readsBack(file, bytes.count) { offset, chunk in
            chunk.elementsEqual(bytes[offset..<min(offset + chunk.count, bytes.count)])
        }
        guard isWritten else { throw BootLoaderError.damagedWrite(path.string) }
    }
}
