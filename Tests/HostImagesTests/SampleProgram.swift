import Glibc
import ObjectFormats
import ObjectStorage

/// An ELF file made by hand: a 64-bit little-endian program or library with what a test needs in it.
struct SampleProgram {
    var interpreter: String?
    var needed: [String] = []
    var runPath: String?
    /// JSON of a note about libraries that are loaded later.
    var note: String?
    /// 2 for a program, 3 for a library, 1 for an object file.
    var kind: UInt16 = 3

    var bytes: [UInt8] {
        var names: [UInt8] = [0]
        var dynamic: [UInt8] = []
        func add(_ tag: UInt64, _ name: String) {
            dynamic += Self.number(tag) + Self.number(UInt64(names.count))
            names += Array(name.utf8) + [0]
        }
        for name in needed { add(1, name) }
        if let runPath { add(29, runPath) }
        // Four segments follow the header, then the parts, one after another.
        let count = 4, start = UInt64(64 + count * 56)
        let loader = Array((interpreter ?? "").utf8) + [0]
        let noteBytes = note.map { Self.note($0) } ?? []
        let loaderStart = start, noteStart = loaderStart + UInt64(loader.count)
        let namesStart = noteStart + UInt64(noteBytes.count), dynamicStart = namesStart + UInt64(names.count)
        // The table of names at an address that is not its place in the file.
        let base: UInt64 = 0x40_0000
        dynamic += Self.number(5 as UInt64) + Self.number(base + namesStart) + [UInt8](repeating: 0, count: 16)
        let end = dynamicStart + UInt64(dynamic.count)
        var file: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
        file += Self.number(kind) + Self.number(62 as UInt16) + Self.number(1 as UInt32)
        file += Self.number(0 as UInt64) + Self.number(64 as UInt64) + Self.number(0 as UInt64)
        file += Self.number(0 as UInt32) + Self.number(64 as UInt16) + Self.number(56 as UInt16)
        file += Self.number(UInt16(count)) + [UInt8](repeating: 0, count: 6)
        file += Self.segment(1, 0, base, end)
        file += Self.segment(needed.isEmpty && runPath == nil ? 0 : 2, dynamicStart, base, UInt64(dynamic.count))
        file += Self.segment(interpreter == nil ? 0 : 3, loaderStart, base, UInt64(loader.count))
        file += Self.segment(note == nil ? 0 : 4, noteStart, base, UInt64(noteBytes.count))
        return file + loader + noteBytes + names + dynamic
    }

    /// As a file of a tree.
    var entry: TreeEntry {
        .file(TreeFile(attributes: FileAttributes(permissions: 0o755), content: .bytes(bytes)))
    }

    private static func note(_ json: String) -> [UInt8] {
        let text = Array(json.utf8) + [0]
        let padding = [UInt8](repeating: 0, count: (4 - text.count % 4) % 4)
        return number(4 as UInt32) + number(UInt32(text.count)) + number(0x407C_0C0A as UInt32) + Array("FDO\0".utf8)
            + text + padding
    }

    private static func segment(_ kind: UInt32, _ offset: UInt64, _ base: UInt64, _ size: UInt64) -> [UInt8] {
        number(kind) + number(4 as UInt32) + number(offset) + number(base + offset) + number(base + offset)
            + number(size) + number(size) + number(8 as UInt64)
    }

    private static func number<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
        (0..<MemoryLayout<Number>.size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}
