import Glibc
import LinuxSystem
public import SystemPackage

/// Users and passwords, each for one server: the file `auth.conf`, in the form of netrc and apt_auth.conf(5).
///
/// ```
/// # only over https
/// machine updates.example.org login host7 password s3cret
/// # a server, or a proxy, that is reached without encryption has to be named so
/// machine http://proxy.example.org:3128 login host7 password s3cret
/// ```
///
/// An entry counts for exactly this scheme, host and port. Values are never shown.
public struct ServerCredentials: Sendable {
    struct Login: Sendable, Equatable {
        let user: String
        let password: String
    }

    private var logins: [ServerName: Login] = [:]

    /// None.
    public init() {}

    /// Whether there are any.
    public var isEmpty: Bool { logins.isEmpty }

    /// Reads a file, which only its owner may read, and only root or this user may own.
    ///
    /// - Throws: `TransferError.exposedSecret`, `TransferError.malformedCredentials`, `SystemError`.
    public init(reading path: FilePath) throws {
        try SecretFile.requirePrivate(path.string)
        let bytes = try Files.read(path, limit: 1 << 16)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw TransferError.malformedCredentials(place: path.string, detail: "it is not UTF-8 text")
        }
        try self.init(parsing: text, place: path.string)
    }

    /// - Throws: `TransferError.malformedCredentials` with the line, and nothing of what stands there.
    init(parsing text: String, place: String) throws(TransferError) {
        var machine: (server: ServerName, line: Int)?
        var user: String?
        var password: String?
        func finish() throws(TransferError) {
            guard let found = machine else { return }
            guard let user, let password else {
                throw .malformedCredentials(place: "\(place):\(found.line)", detail: "it needs a login and a password")
            }
            // The first entry of a server counts, as in netrc.
            if logins[found.server] == nil { logins[found.server] = Login(user: user, password: password) }
        }
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            var words = line.split { $0.isWhitespace }[...]
            if words.first?.hasPrefix("#") == true { continue }
            let here = "\(place):\(number + 1)"
            while let key = words.popFirst() {
                guard let value = words.popFirst() else {
                    throw .malformedCredentials(place: here, detail: "the last word has no value")
                }
                switch key {
                case "machine":
                    try finish()
                    machine = (try Self.server(value, here), number + 1)
                    (user, password) = (nil, nil)
                case "login" where machine != nil: user = String(value)
                case "password" where machine != nil: password = String(value)
                default: throw .malformedCredentials(place: here, detail: "it is not machine, login, password in turn")
                }
            }
        }
        try finish()
    }

    /// Adds another file's; those that are here already count.
    public mutating func add(_ other: ServerCredentials) { logins.merge(other.logins) { present, _ in present } }

    func login(for server: ServerName) -> Login? { logins[server] }

    private static func server(_ text: Substring, _ place: String) throws(TransferError) -> ServerName {
        let address = text.contains("://") ? String(text) : "https://\(text)"
        let path = address.split(separator: "/", omittingEmptySubsequences: false).dropFirst(3)
        guard path.allSatisfy(\.isEmpty), !address.contains("@"), let server = ServerName(address) else {
            throw .malformedCredentials(place: place, detail: "the machine is not [SCHEME://]HOST[:PORT]")
        }
        return server
    }
}

/// A file that holds a secret.
enum SecretFile {
    /// Requires that nobody but the owner can read or change it, and that the owner is root or this user.
    ///
    /// - Throws: `TransferError.exposedSecret`, `SystemError`.
    static func requirePrivate(_ path: String) throws {
        let file = try Descriptor(opening: path)
        let status = try file.status()
        let isOurs = status.st_uid == 0 || status.st_uid == geteuid()
        guard isOurs, status.st_mode & S_IFMT == Glibc.S_IFREG, status.st_mode & 0o077 == 0 else {
            throw TransferError.exposedSecret(path: path)
        }
    }
}
