public import ObjectFormats

/// What stands at a path in a commit's tree.
public struct ComparedEntry: Sendable, Equatable {
    public enum Kind: String, Sendable { case file, link, folder }

    public let kind: Kind
    public let attributes: FileAttributes
    /// The content's bytes; 0 for links and folders.
    public let size: Int64
    /// Where a link leads; `nil` for files and folders.
    public let target: String?

    init(_ folder: DirectoryMetadata) {
        kind = .folder
        attributes = folder.attributes
        size = 0
        target = nil
    }

    init(_ header: FileHeader, size: Int64) {
        attributes = header.attributes
        switch header.content {
        case .regular:
            kind = .file
            self.size = size
            target = nil
        case .link(let target):
            kind = .link
            self.size = 0
            self.target = target
        }
    }
}

/// A path that is not the same in two trees.
public struct TreeChange: Sendable, Equatable {
    /// What is different about a path that is in both; the raw values are part of the JSON format.
    public enum Aspect: String, Sendable, CaseIterable {
        /// A file has become a folder, or the like; nothing else is compared then.
        case type
        /// A file's bytes, or where a link leads.
        case content
        /// The permission bits.
        case mode
        /// The user or the group.
        case owner
        /// An extended attribute, such as a file capability.
        case attributes
    }

    public enum Kind: String, Sendable { case added, removed, changed }

    /// Absolute, as `/usr/bin/x`.
    public let path: String
    /// What was there; `nil` for what was added.
    public let old: ComparedEntry?
    /// What is there; `nil` for what was removed.
    public let new: ComparedEntry?
    /// What is different, in the order of the cases; empty unless the path is in both.
    public let aspects: [Aspect]

    public var kind: Kind { old == nil ? .added : new == nil ? .removed : .changed }

    /// Bytes of content that are new, and that are gone.
    public var bytes: (added: Int64, removed: Int64) {
        if kind == .changed, !aspects.contains(.content), !aspects.contains(.type) { return (0, 0) }
        return (new?.size ?? 0, old?.size ?? 0)
    }
}
