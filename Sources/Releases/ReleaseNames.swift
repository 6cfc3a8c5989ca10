/// A channel: a named line of releases, as `lean-host/stable`. Safe as a relative path and as part of a ref.
public struct ChannelName: Hashable, Sendable, CustomStringConvertible {
    // The first is libostree's own corner of the refs, the second ours.
    private static let reserved = ["ostree", "hostctl"]
    /// The name, parts with `/` between them.
    public let text: String

    /// - Throws: `ReleaseError.invalidName` unless it is one to eight parts of letters, digits, `.`, `_` and `-`
    ///   that start with a letter or digit. No part may be an architecture's name, because the ref of one
    ///   channel would be a folder of another's.
    public init(_ text: String) throws(ReleaseError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 8, parts.allSatisfy(NamePart.isValid), !Self.reserved.contains(parts[0]),
            !parts.contains(where: Architecture.names.contains)
        else { throw .invalidName(kind: "channel", name: text) }
        self.text = text
    }

    public var description: String { text }
}

/// The version of a release, as `13.2-20261101`. Safe as a file name.
public struct VersionName: Hashable, Sendable, CustomStringConvertible {
    /// The version as it is shown.
    public let text: String

    /// - Throws: `ReleaseError.invalidName` unless it is letters, digits, `.`, `_` and `-`, at most 64, starting
    ///   with a letter or digit; `index` is taken, by the file beside the releases.
    public init(_ text: String) throws(ReleaseError) {
        guard NamePart.isValid(text), text != "index" else { throw .invalidName(kind: "version", name: text) }
        self.text = text
    }

    public var description: String { text }
}

/// A processor architecture by its kernel name, as `uname -m` prints it.
public struct Architecture: Hashable, Sendable, CustomStringConvertible {
    static let names = ["x86_64", "aarch64"]
    /// The kernel's name for it.
    public let text: String

    /// - Throws: `ReleaseError.invalidName` for an architecture that hostctl is not made for.
    public init(_ text: String) throws(ReleaseError) {
        guard Self.names.contains(text) else { throw .invalidName(kind: "architecture", name: text) }
        self.text = text
    }

    public var description: String { text }
}

/// One part of a name that becomes a path.
private enum NamePart {
    static func isValid(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 64 else { return false }
        return isLetterOrDigit(first) && text.utf8.allSatisfy { isLetterOrDigit($0) || "._-".utf8.contains($0) }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
