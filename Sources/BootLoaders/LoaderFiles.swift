import Glibc
import LinuxSystem
import SystemPackage

/// What is known about loaders' files.
enum LoaderFiles {
    /// No loader has more bytes.
    static let limit = 16 << 20

    /// Refuses a file that firmware would not start: no PE header, or shorter than its sections.
    static func checkExecutable(_ path: FilePath) throws {
        let bytes = try Files.read(path, limit: limit)
        guard bytes.count >= 512, bytes.starts(with: "MZ".utf8) else {
            throw BootLoaderError.unusableLoader(path: path.string, problem: "it is no EFI program")
        }
        let header = Int(number(bytes, at: 0x3c, bytes: 4))
        guard header + 24 <= bytes.count, bytes[header..<header + 4].elementsEqual([0x50, 0x45, 0, 0]) else {
            throw BootLoaderError.unusableLoader(path: path.string, problem: "it is no EFI program")
        }
        let sections = Int(number(bytes, at: header + 6, bytes: 2))
        let table = header + 24 + Int(number(bytes, at: header + 20, bytes: 2))
        for section in 0..<sections {
            let entry = table + section * 40
            guard entry + 40 <= bytes.count else {
                throw BootLoaderError.unusableLoader(path: path.string, problem: "it is cut off")
            }
            let end = number(bytes, at: entry + 16, bytes: 4) + number(bytes, at: entry + 20, bytes: 4)
            guard end <= UInt64(bytes.count) else {
                throw BootLoaderError.unusableLoader(path: path.string, problem: "it is cut off")
            }
        }
    }

    /// A little-endian number.
    static func number(_ bytes: [UInt8], at offset: Int, bytes count: Int) -> UInt64 {
        (0..<count).reversed().reduce(0) { $0 << 8 | UInt64(bytes[offset + $1]) }
    }

    /// The text between two marks.
    static func text(after start: String, before end: String, in bytes: [UInt8]) -> String? {
        let mark = Array(start.utf8)
        guard let position = bytes.withUnsafeBytes({ find(mark, in: $0) }) else { return nil }
        let rest = bytes[(position + mark.count)...].prefix(128)
        let text = String(decoding: rest.prefix { $0 >= 0x20 && $0 < 0x7f }, as: UTF8.self)
        guard let close = text.range(of: end) else { return nil }
        return String(text[..<close])
    }

    private static func find(_ mark: [UInt8], in bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= mark.count else { return nil }
        return (0...bytes.count - mark.count).first { start in
            bytes[start] == mark[0] && bytes[start..<start + mark.count].elementsEqual(mark)
        }
    }
}

extension String {
    /// Where `other` begins.
    fileprivate func range(of other: String) -> String.Index? {
        indices.first { self[$0...].hasPrefix(other) }
    }
}
