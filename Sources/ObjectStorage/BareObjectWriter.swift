public import Checksums
import Glibc
public import LinuxSystem
public import ObjectFormats
import SystemPackage

/// Writes files as objects of a bare store. One for each worker: it keeps a buffer and a hasher.
///
/// What fits into the buffer is hashed before anything is written, so that an object which is there
/// already costs no write at all.
public final class BareObjectWriter {
    private let transaction: StoreTransaction
    private let buffer: UnsafeMutableRawBufferPointer
    private var used = 0
    private var hasher = SHA256()
    private var header = FileHeader(attributes: FileAttributes(permissions: 0), content: .regular)
    private var spill: Spill?

    /// A file that outgrew the buffer.
    private final class Spill {
        let path: String
        let file: Descriptor
        init(_ path: String) throws(SystemError) {
            self.path = path
            file = try Descriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        }
    }

    public init(_ transaction: StoreTransaction) {
        self.transaction = transaction
        buffer = .allocate(byteCount: 256 << 10, alignment: 4096)
    }

    deinit {
        abandon()
        buffer.deallocate()
    }

    /// Starts an object. One that was not finished is dropped.
    public func begin(_ header: FileHeader) {
        abandon()
        self.header = header
        hasher.update(header.checksumPrefix)
    }

    /// Takes in content.
    ///
    /// - Throws: `SystemError`.
    public func append(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        var rest = bytes
        while !rest.isEmpty {
            if used == buffer.count { try flush() }
            let count = min(rest.count, buffer.count - used)
            let free = UnsafeMutableRawBufferPointer(rebasing: buffer[used..<(used + count)])
            free.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
            used += count
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// Takes in the rest of an open file.
    ///
    /// - Throws: `SystemError`.
    public func append(contentsOf file: borrowing Descriptor) throws(SystemError) {
        while true {
            if used == buffer.count { try flush() }
            let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[used...]))
            if count == 0 { return }
            used += count
        }
    }

    /// Ends the object and stages it unless it is there already.
    ///
    /// - Parameter expected: the checksum it must have.
    /// - Throws: `StoreError.corrupted`, and nothing becomes visible; `SystemError`.
    public func finish(expected: Checksum? = nil) throws -> Checksum {
        if spill != nil { try flush() } else { hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<used])) }
        let name = ObjectName(hasher.finish(), .file)
        defer { abandon() }
        if let expected, expected != name.checksum {
            throw StoreError.corrupted(ObjectName(expected, .file), actual: name.checksum)
        }
        if !transaction.reserve(name) { return name.checksum }
        if case .link(let target) = header.content {
            try stageLink(target, as: name)
        } else {
            try stageFile(as: name)
        }
        return name.checksum
    }

    /// Ends the object as `finish` does, for a tree that is not whole yet.
    ///
    /// - Parameter size: how many bytes were appended.
    /// - Throws: `StoreError.missing` when another has removed it; `SystemError`.
    public func finishContent(size: Int64) throws -> StoredContent {
        let attributes = header.attributes
        let checksum = try finish()
        guard let path = transaction.location(of: ObjectName(checksum, .file)) else {
            throw StoreError.missing(ObjectName(checksum, .file))
        }
        return StoredContent(checksum: checksum, attributes: attributes, path: FilePath(path), size: size)
    }

    /// Drops an object that was begun.
    public func abandon() {
        if let spill { unlink(spill.path) }
        spill = nil
        used = 0
        _ = hasher.finish()
    }

    private func flush() throws(SystemError) {
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<used])
        hasher.update(bytes)
        if spill == nil { spill = try Spill(transaction.temporaryPath()) }
        try spill?.file.write(bytes)
        used = 0
    }

    private func stageFile(as name: ObjectName) throws {
        guard let spill else {
            return try transaction.writeReserved(name, mode: 0o600) { file in
                try file.write(UnsafeRawBufferPointer(rebasing: buffer[..<used]))
                try applyAttributes(file)
            }
        }
        try releasing(name) { () throws(SystemError) in try applyAttributes(spill.file) }
        try transaction.stage(spill.path, as: name)
        self.spill = nil
    }

    private func releasing(_ name: ObjectName, _ body: () throws(SystemError) -> Void) throws(SystemError) {
        do throws(SystemError) { try body() } catch {
            transaction.release(name)
            throw error
        }
    }

    /// The owner first: changing it clears set-id bits and capabilities. A new file need not have our group: a
    /// set-group-id folder hands on its own.
    private func applyAttributes(_ file: borrowing Descriptor) throws(SystemError) {
        let attributes = header.attributes
        let status = try file.status()
        if attributes.uid != status.st_uid || attributes.gid != status.st_gid {
            try retrying("set the owner of", file.path) { fchown(file.raw, attributes.uid, attributes.gid) }
        }
        try retrying("set the permissions of", file.path) { fchmod(file.raw, attributes.permissions) }
        try ExtendedAttributes.write(attributes.extendedAttributes, to: file.raw, path: file.path)
        try transaction.complete(file)
    }

    private func stageLink(_ target: String, as name: ObjectName) throws(SystemError) {
        let path = transaction.temporaryPath()
        let attributes = header.attributes
        do throws(SystemError) {
            try releasing(name) { () throws(SystemError) in
                try retrying("make the link", path) { symlink(target, path) }
                try retrying("set the owner of", path) { lchown(path, attributes.uid, attributes.gid) }
                try ExtendedAttributes.write(attributes.extendedAttributes, toLink: path)
            }
            try transaction.stage(path, as: name)
        } catch {
            unlink(path)
            throw error
        }
    }
}
