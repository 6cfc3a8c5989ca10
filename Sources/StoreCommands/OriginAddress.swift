import Glibc
import HostctlCommands
import SystemPackage

/// Where an origin is, as typed.
enum OriginAddress {
    /// A URL as it is, a folder as a file URL.
    static func url(_ text: String) -> String {
        text.contains("://") ? text : "file://\(FilePath(text).absolute)"
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
