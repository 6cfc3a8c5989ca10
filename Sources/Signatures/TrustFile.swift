import Glibc
import LinuxSystem
import SystemPackage

/// One file of a trusted-keys folder.
enum TrustFile {
    /// A trusted key.
    case key(PublicKey)
    /// Revokes the keys of this name in lower folders.
    case mask

    /// Reads a regular file or a link to /dev/null; anything else might block, change or be somebody else's.
    ///
    /// - Throws: `SignatureError.unreadableKey`, `.wrongKeyType`; `SystemError`.
    init(reading path: FilePath) throws {
        if Files.linkTarget(path) == "/dev/null" {
            self = .mask
            return
        }
        let file = try Self.open(path)
        guard try file.status().st_mode & S_IFMT == Glibc.S_IFREG else {
            throw SignatureError.unreadableKey(path: path.string, detail: "it is not a regular file")
        }
        let bytes = try file.readToEnd(limit: KeyPEM.sizeLimit)
        self = bytes.isEmpty ? .mask : .key(try PublicKey(pem: bytes, path: path.string))
    }

    /// Whether it is a mask, without reading what it holds.
    ///
    /// - Throws: `SystemError`.
    static func isMask(_ path: FilePath) throws -> Bool {
        if let target = Files.linkTarget(path) { return target == "/dev/null" }
        let status = try open(path).status()
        return status.st_mode & S_IFMT == Glibc.S_IFREG && status.st_size == 0
    }

    private static func open(_ path: FilePath) throws -> Descriptor {
        do throws(SystemError) {
            // Without O_NONBLOCK a named pipe would hold us up for ever.
            return try Descriptor(opening: path.string, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        } catch {
            guard error.code == .tooManySymbolicLinkLevels else { throw error }
            throw SignatureError.unreadableKey(
                path: path.string, detail: "it is a link, and only /dev/null may be linked")
        }
    }
}
