import ObjectStorage

/// What a program or library needs from the file system, from its ELF headers.
///
/// The format is that of the System V ABI (64 bits, little-endian); the notes about libraries that are loaded while a
/// program runs are systemd's ELF_DLOPEN_METADATA. Nothing in the file is trusted: every offset and length is checked, and
/// what is read at most is bounded.
struct ELFFile: Equatable {
    /// The program that loads this one; `nil` for a library.
    var interpreter: String?
    /// Libraries by the names that the loader looks for.
    var needed: [String] = []
    /// Folders where the loader looks first; may begin with `$ORIGIN`.
    var searchPath: [String] = []
    /// Libraries that it says it cannot do without, although it loads them later; one name of each list is enough.
    var loadedLater: [[String]] = []

    /// - Returns: `nil` when the file is no ELF file, or an object file that nothing loads by itself.
    /// - Throws: `ELFError` when it is damaged or for another kind of machine; `SystemError`.
    static func read(_ content: TreeFile.Content) throws -> ELFFile? {
        guard let reader = try ELFReader(content) else { return nil }
        return try reader.read()
    }
}

/// Why an ELF file cannot be read.
struct ELFError: Error, Equatable {
    let detail: String
}

/// Walks the headers of one file.
private struct ELFReader {
    private let source: BoundedContent
    private let segments: [Segment]

    /// What is loaded into memory, or read by the loader.
    private struct Segment {
        let kind: UInt32
        let offset, address, size: UInt64
    }

    private static let sharedObject: UInt16 = 3
    private static let executable: UInt16 = 2

    init?(_ content: TreeFile.Content) throws {
        source = try BoundedContent(content)
        let header = try source.bytes(at: 0, count: 64, orLess: true)
        guard header.count >= 4, header[..<4] == [0x7F, 0x45, 0x4C, 0x46] else { return nil }
        guard header.count == 64 else { throw ELFError(detail: "its header is cut off") }
        // Where the kind stands is the same for every machine: GRUB's modules for BIOS are object files for 32 bits.
        let kind: UInt16 = header[5] == 2 ? UInt16(header[16]) << 8 | UInt16(header[17]) : header.number(at: 16)
        guard kind == Self.executable || kind == Self.sharedObject else { return nil }
        guard header[4] == 2, header[5] == 1 else { throw ELFError(detail: "it is not for this kind of machine") }
        let count = Int(header.number(at: 56) as UInt16)
        guard header.number(at: 54) as UInt16 == 56, count <= 256 else { throw ELFError(detail: "its header is wrong") }
        let table = try source.bytes(at: header.number(at: 32), count: count * 56)
        segments = (0..<count).map { index in
            let start = index * 56
            return Segment(
                kind: table.number(at: start), offset: table.number(at: start + 8),
                address: table.number(at: start + 16),
                size: table.number(at: start + 32))
        }
    }

    func read() throws -> ELFFile {
        var file = ELFFile()
        for segment in segments {
            switch segment.kind {
            case 2: try readDynamic(segment, into: &file)
            case 3: file.interpreter = try source.string(at: segment.offset, limit: min(segment.size, 4096))
            case 4: file.loadedLater += try notes(segment)
            default: break
            }
        }
        return file
    }

    /// The dynamic section: pairs of a tag and a value, up to the tag 0.
    private func readDynamic(_ segment: Segment, into file: inout ELFFile) throws {
        guard segment.size <= 1 << 20 else { throw ELFError(detail: "its dynamic section is too large") }
        let table = try source.bytes(at: segment.offset, count: Int(segment.size))
        var pairs: [(tag: UInt64, value: UInt64)] = []
        for start in stride(from: 0, through: table.count - 16, by: 16) {
            let tag: UInt64 = table.number(at: start)
            if tag == 0 { break }
            pairs.append((tag, table.number(at: start + 8)))
        }
        guard pairs.contains(where: { $0.tag == 1 || $0.tag == 15 || $0.tag == 29 }) else { return }
        guard let names = pairs.first(where: { $0.tag == 5 })?.value, let start = offset(of: names) else {
            throw ELFError(detail: "it has no table of names")
        }
        guard pairs.count <= 4096 else { throw ELFError(detail: "it needs more than 4,096 things") }
        for pair in pairs {
            let (place, overflow) = start.addingReportingOverflow(pair.value)
            switch pair.tag {
            case 1 where !overflow: file.needed.append(try source.string(at: place, limit: 4096))
            case 15 where !overflow, 29 where !overflow:
                file.searchPath += try source.string(at: place, limit: 1 << 16).split(separator: ":").map(String.init)
            case 1, 15, 29: throw ELFError(detail: "a name is outside of it")
            default: break
            }
        }
    }

    /// Where in the file an address is.
    private func offset(of address: UInt64) -> UInt64? {
        for segment in segments where segment.kind == 1 && address >= segment.address {
            if address - segment.address < segment.size {
                let (offset, overflow) = segment.offset.addingReportingOverflow(address - segment.address)
                return overflow ? nil : offset
            }
        }
        return nil
    }

    // MARK: notes

    /// Each note: the lengths of owner and text, a kind, the owner, the text; both padded to four bytes.
    private func notes(_ segment: Segment) throws -> [[String]] {
        guard segment.size <= 1 << 20 else { throw ELFError(detail: "its notes are too large") }
        let bytes = try source.bytes(at: segment.offset, count: Int(segment.size))
        var libraries: [[String]] = []
        var start = 0
        while start + 12 <= bytes.count {
            let owner = Int(bytes.number(at: start) as UInt32), text = Int(bytes.number(at: start + 4) as UInt32)
            let textStart = start + 12 + (owner + 3) / 4 * 4
            guard textStart <= bytes.count, text <= bytes.count - textStart else { break }
            if bytes.number(at: start + 8) as UInt32 == 0x407C_0C0A {
                libraries += DlopenNote.required(bytes[textStart..<textStart + text])
            }
            start = textStart + (text + 3) / 4 * 4
        }
        return libraries
    }
}

extension [UInt8] {
    /// A little-endian number; the caller has checked that there are enough bytes.
    fileprivate func number<Number: FixedWidthInteger>(at index: Int) -> Number {
        var value: Number = 0
        for offset in (0..<MemoryLayout<Number>.size).reversed() {
            value = value << 8 | Number(truncatingIfNeeded: self[index + offset])
        }
        return value
    }
}
