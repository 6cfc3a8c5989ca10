import LinuxSystem
import Registries
public import SystemPackage

/// What an image is imported from.
public enum ImportSource: Sendable, Equatable {
    /// A root filesystem on disk.
    case folder(FilePath)
    /// A tar archive of a root filesystem, or of an OCI layout; `nil` for standard input.
    case archive(FilePath?, tag: String?)
    /// An OCI layout on disk.
    case layout(FilePath, tag: String?)

    /// As it is typed: a path, `-`, `oci:FOLDER[:TAG]` or `oci-archive:FILE[:TAG]`.
    ///
    /// - Throws: `ImageError.noSource`.
    public init(_ text: String) throws(ImageError) {
        if text == "-" {
            self = .archive(nil, tag: nil)
        } else if text.hasPrefix("oci-archive:") {
            let (path, tag) = Self.split(text.dropFirst("oci-archive:".count))
            self = .archive(path == "-" ? nil : FilePath(path), tag: tag)
        } else if text.hasPrefix("oci:") {
            let (path, tag) = Self.split(text.dropFirst("oci:".count))
            self = .layout(FilePath(path), tag: tag)
        } else if Files.isFolder(FilePath(text)) {
            let path = FilePath(text)
            self = OCILayout.isLayout(path) ? .layout(path, tag: nil) : .folder(path)
        } else if Files.exists(FilePath(text)) {
            self = .archive(FilePath(text), tag: nil)
        } else {
            throw .noSource(text)
        }
    }

    /// As containers' tools do: the tag is what follows the first colon, and may have colons itself.
    private static func split(_ text: Substring) -> (path: String, tag: String?) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let tag = parts.count > 1 && !parts[1].isEmpty ? String(parts[1]) : nil
        return (String(parts[0]), tag)
    }
}
