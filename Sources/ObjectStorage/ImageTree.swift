public import Checksums
public import ObjectFormats
public import SystemPackage

/// A root filesystem tree in memory: names and metadata, with the content still where it was.
///
/// What transforms an image works on this instead of on a disk, so that no link in it is ever followed.
public enum TreeEntry {
    case folder(TreeFolder)
    case file(TreeFile)
    case link(TreeLink)
}

/// A regular file.
public struct TreeFile {
    /// Where the bytes are.
    public enum Content {
        /// In a file, with its size in bytes.
        case onDisk(FilePath, size: Int64)
        case bytes([UInt8])
        /// In an object that is staged or stored already.
        case stored(StoredContent)
    }

    public var attributes: FileAttributes
    public var content: Content

    public init(attributes: FileAttributes, content: Content) {
        self.attributes = attributes
        self.content = content
    }

    /// In bytes.
    public var size: Int64 {
        switch content {
        case .onDisk(_, let size): size
        case .bytes(let bytes): Int64(bytes.count)
        case .stored(let stored): stored.size
        }
    }
}

/// A file that became an object before its tree was whole.
public struct StoredContent: Sendable {
    public let checksum: Checksum
    /// What the object has besides its content; a tree may want the content with other attributes.
    public let attributes: FileAttributes
    /// Where the object lies until the transaction is committed.
    public let path: FilePath
    /// In bytes.
    public let size: Int64

    init(checksum: Checksum, attributes: FileAttributes, path: FilePath, size: Int64) {
        self.checksum = checksum
        self.attributes = attributes
        self.path = path
        self.size = size
    }
}

/// A symbolic link.
public struct TreeLink {
    public var attributes: FileAttributes
    public var target: String

    public init(attributes: FileAttributes = FileAttributes(permissions: 0o777), target: String) {
        self.attributes = attributes
        self.target = target
    }
}

/// A folder with its entries.
public final class TreeFolder {
    public var attributes: FileAttributes
    public var entries: [String: TreeEntry]

    public init(attributes: FileAttributes = FileAttributes(permissions: 0o755), entries: [String: TreeEntry] = [:]) {
        self.attributes = attributes
        self.entries = entries
    }

    /// The entry at a relative path such as `usr/lib/os-release`; links are not followed.
    ///
    /// Setting makes the missing folders on the way, owned by root with mode 0755; setting `nil` removes.
    public subscript(path: String) -> TreeEntry? {
        get {
            let parts = path.split(separator: "/").map(String.init)
            guard let name = parts.last else { return .folder(self) }
            return folder(parts.dropLast())?.entries[name]
        }
        set {
            let parts = path.split(separator: "/").map(String.init)
            guard let name = parts.last else { return }
            if newValue == nil {
                folder(parts.dropLast())?.entries[name] = nil
            } else {
                makeFolder(parts.dropLast().joined(separator: "/")).entries[name] = newValue
            }
        }
    }

    /// The folder at a relative path, or `nil` when there is none or something else.
    public func folder(at path: String) -> TreeFolder? {
        folder(path.split(separator: "/").map(String.init)[...])
    }

    private func folder(_ parts: ArraySlice<String>) -> TreeFolder? {
        var current = self
        for part in parts {
            guard case .folder(let next)? = current.entries[part] else { return nil }
            current = next
        }
        return current
    }

    /// The folder at a relative path, made with mode 0755 and owned by root where it is missing.
    /// A file or link of that name gives way.
    @discardableResult
    public func makeFolder(_ path: String) -> TreeFolder {
        var current = self
        for part in path.split(separator: "/").map(String.init) {
            if case .folder(let next)? = current.entries[part] {
                current = next
            } else {
                let next = TreeFolder()
                current.entries[part] = .folder(next)
                current = next
            }
        }
        return current
    }

    /// The names in the order of their bytes, in which everything here is walked.
    public var sortedNames: [String] { entries.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } }
}
