import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import SystemPackage

/// Reads commits, dirtrees and dirmetas one after another into one buffer. One for each worker.
final class MetadataReader {
    private let store: Store
    private var buffer: UnsafeMutableRawBufferPointer
    private var hasher = SHA256()

    init(_ store: Store) {
        self.store = store
        buffer = .allocate(byteCount: 64 << 10, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// Calls `body` with the object's bytes, checksum verified; they hold for the call alone.
    ///
    /// - Throws: `StoreError.missing`, `StoreError.corrupted`, `SystemError`, what `body` throws.
    func read<Result>(_ name: ObjectName, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        let count = try load(name)
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        hasher.update(bytes)
        let actual = hasher.finish()
        guard actual == name.checksum else { throw StoreError.corrupted(name, actual: actual) }
        return try body(bytes)
    }

    private func load(_ name: ObjectName) throws -> Int {
        let file: Descriptor
        do throws(SystemError) {
            file = try Descriptor(opening: store.objectPath(name), flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        } catch {
            if error.code == .noSuchFileOrDirectory { throw StoreError.missing(name) }
            if error.code == .tooManySymbolicLinkLevels { throw StoreError.corrupted(name, actual: nil) }
            throw error
        }
        let status = try file.status()
        guard status.st_mode & S_IFMT == Glibc.S_IFREG, status.st_size <= Store.metadataLimit else {
            throw StoreError.corrupted(name, actual: nil)
        }
        grow(to: Int(status.st_size) + 1)
        var count = 0
        while count < buffer.count {
            let more = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
            if more == 0 { return count }
            count += more
        }
        throw StoreError.corrupted(name, actual: nil)
    }

    private func grow(to size: Int) {
        guard size > buffer.count else { return }
        buffer.deallocate()
        buffer = .allocate(byteCount: size * 2, alignment: 16)
    }
}
