import Glibc
import LinuxSystem
import SystemPackage

extension Descriptor {
    /// Connects to a socket by its name.
    ///
    /// - Throws: `SystemError`.
    static func connected(to socket: FilePath) throws -> Descriptor {
        let raw = try retrying("make a socket for", socket.string) {
            Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        }
        let line = Descriptor(adopting: raw, path: socket.string)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(socket.string.utf8).prefix(107)) }
        try withUnsafePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                _ = try retrying("connect to", socket.string) {
                    connect(raw, pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
        return line
    }
}
