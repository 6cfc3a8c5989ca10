public import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import SystemPackage

extension Store {
    /// The bytes of all objects that a commit needs as an archive store has them, which is what a host without any of them
    /// fetches. In a bare store every file is compressed for this, on all processors, and thrown away.
    ///
    /// - Throws: `StoreError`, `SystemError`.
    public func compressedSize(of commit: Checksum) throws -> Int64 {
        var plain: Int64 = 0
        var files: [ObjectName] = []
        try forEachObject(of: commit) { name in
            if name.kind == .file, mode == .bare { files.append(name) } else { plain += try size(of: name) }
        }
        let next = Guarded(0), total = Guarded(plain), names = files
        try Workers.run(Workers.processorCount) { _, stop in
            let measure = CompressedMeasure()
            while !stop.isSet {
                let index = next.with { value in
                    defer { value += 1 }
                    return value
                }
                guard index < names.count else { return }
                let size = try measure.size(of: names[index], in: self)
                total.with { $0 += size }
            }
        }
        return total.with { $0 }
    }
}

/// Compresses files as archive objects and only counts. One for each worker.
private final class CompressedMeasure {
    private let deflater = Deflater(level: 6)
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)

    deinit { buffer.deallocate() }

    func size(of name: ObjectName, in store: Store) throws -> Int64 {
        let (header, contentSize) = try store.fileHeader(name.checksum)
        var size = Int64(header.archivePrefix(size: UInt64(contentSize)).count)
        guard header.content == .regular else { return size }
        let file = try Descriptor(opening: store.path(of: name).string, flags: O_RDONLY | O_NOFOLLOW)
        deflater.reset()
        while true {
            let count = try file.read(into: buffer)
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            try deflater.deflate(bytes, last: count == 0) { size += Int64($0.count) }
            if count == 0 { return size }
        }
    }
}
