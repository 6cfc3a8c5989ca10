public import Checksums
import Glibc
import LinuxSystem
import SystemPackage

/// A file under `refs`, whatever ref it is.
public struct StoreRef: Sendable, Hashable {
    /// Its path below `refs`: `heads/lean-host/stable/x86_64`, `remotes/origin/demo`, `mirrors/org.example/demo`.
    public let path: String
    /// The commit that it names; `nil` when it names none, or cannot be read.
    public let commit: Checksum?
}

extension Store {
    /// Every ref: local ones, those of remotes, and those of mirrored collections.
    ///
    /// More than ostree would list: a name that ostree does not take for a ref's still keeps what it names. What starts
    /// with a dot is left out: it is on its way to another name.
    /// - Throws: `SystemError` when a folder cannot be read.
    public func allRefs() throws -> [StoreRef] {
        var found: [StoreRef] = []
        for kind in try Files.namesIfPresent(in: path.appending("refs")) where !kind.hasPrefix(".") {
            try collect(kind, into: &found)
        }
        return found
    }

    private func collect(_ relative: String, into found: inout [StoreRef]) throws {
        let file = path.appending("refs").appending(relative)
        var status = stat()
        // A link is an alias of another ref.
        if lstat(file.string, &status) == 0, status.st_mode & S_IFMT == Glibc.S_IFDIR {
            for name in try Files.names(in: file) where !name.hasPrefix(".") {
                try collect("\(relative)/\(name)", into: &found)
            }
        } else {
            found.append(StoreRef(path: relative, commit: Self.commit(in: file)))
        }
    }

    /// What cannot be read names nothing; whoever asks must not take that for "nothing is needed".
    private static func commit(in file: FilePath) -> Checksum? {
        do throws(SystemError) {
            let bytes = try Files.read(file, limit: 1024)
            let text = String(decoding: bytes, as: UTF8.self)
            return Checksum(hex: text.prefix { !$0.isWhitespace })
        } catch {
            return nil
        }
    }

    /// Whether a commit is known to lack objects: `ostree pull` was interrupted, or asked for less.
    func isPartial(_ commit: Checksum) -> Bool { Files.exists(partialMark(commit)) }

    func partialMark(_ commit: Checksum) -> FilePath { path.appending("state/\(commit.hex).commitpartial") }
}
