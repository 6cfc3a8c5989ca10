import Glibc
import HostctlCommands
import SystemPackage

/// Where an origin is, as typed.
enum OriginAddress {
    /// A URL as it is; a folder as a file URL, in which other characters than those of RFC 3986's unreserved set are
    /// written as `%20`.
    static func url(_ text: String) -> String {
        if text.contains("://") { return text }
        let unreserved = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/".utf8)
        return "file://"
            + FilePath(text).absolute.string.utf8.map { byte in
                let hex = String(byte, radix: 16, uppercase: true)
                if unreserved.contains(byte) { return String(UnicodeScalar(byte)) }
                return byte < 16 ? "%0\(hex)" : "%\(hex)"
            }.joined()
    }
}

/// The machine that this runs on.
enum Machine {
    /// As `uname -m` says it.
    static let architecture: String = {
        var names = utsname()
        uname(&names)
        return withUnsafePointer(to: &names.machine) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 65) { String(cString: $0) }
        }
    }()
}
