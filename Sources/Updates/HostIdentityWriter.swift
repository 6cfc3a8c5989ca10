import Glibc
public import LinuxSystem
import Sysroots
import SystemPackage

/// Writes what makes a host this one into a new deployment's /etc and its stateroot's /var.
struct HostIdentityWriter {
    let identity: HostIdentity
    /// The deployment's root folder.
    let deployment: FilePath
    /// The stateroot's /var.
    let variable: FilePath

    /// The first number of people's accounts, as in Debian's adduser.
    private static let firstNumber = 1000

    private var etc: FilePath { deployment.appending("etc") }

    /// - Throws: `DiskConfigurationError` for a user whose name a user or a group of the image has already, and for a
    ///   group that it has not; `SystemError`.
    func write() throws {
        // Unset, so that the first boot makes one of its own.
        try Files.replace(etc.appending("machine-id"), with: [], mode: 0o444)
        if let name = identity.hostname { try Files.replace(etc.appending("hostname"), with: Array("\(name)\n".utf8)) }
        if let hash = identity.passwordHash { try setPassword("root", hash) }
        if !identity.keys.isEmpty { try addKeys(identity.keys, home: "roothome", owner: 0) }
        for user in identity.users { try add(user, number: freeNumber()) }
    }

    /// The lowest one that no user or group has, neither of the image nor one that was added before: who has the number
    /// of another owns the other's files.
    private func freeNumber() throws(SystemError) -> Int {
        let taken = Set(try numbers(2...3, of: "passwd") + numbers(2...2, of: "group"))
        var number = Self.firstNumber
        while taken.contains(number) { number += 1 }
        return number
    }

    private func numbers(_ fields: ClosedRange<Int>, of file: String) throws(SystemError) -> [Int] {
        try lines(file).flatMap { line in
            let parts = line.split(separator: ":", omittingEmptySubsequences: false)
            return fields.compactMap { $0 < parts.count ? Int(parts[$0]) : nil }
        }
    }

    private func add(_ user: HostIdentity.User, number: Int) throws {
        guard try !lines("passwd").contains(where: { $0.hasPrefix("\(user.name):") }) else {
            throw DiskConfigurationError.userExists(user.name)
        }
        guard try !lines("group").contains(where: { $0.hasPrefix("\(user.name):") }) else {
            throw DiskConfigurationError.groupExists(user.name)
        }
        try append("passwd", "\(user.name):x:\(number):\(number):\(user.name):/var/home/\(user.name):/bin/sh")
        try append("group", "\(user.name):x:\(number):")
        try append("shadow", "\(user.name):\(user.passwordHash ?? "*"):\(Self.today):0:99999:7:::")
        if Files.exists(etc.appending("gshadow")) { try append("gshadow", "\(user.name):!::") }
        for group in user.groups {
            try change("group", of: group) { $0 + ($0.hasSuffix(":") ? "" : ",") + user.name }
        }
        try makeFolder(variable.appending("home"), owner: 0, mode: 0o755)
        try makeFolder(variable.appending("home/\(user.name)"), owner: number, mode: 0o700)
        if !user.keys.isEmpty { try addKeys(user.keys, home: "home/\(user.name)", owner: number) }
    }

    private func addKeys(_ keys: [String], home: String, owner: Int) throws {
        try makeFolder(variable.appending(home), owner: owner, mode: 0o700)
        let folder = variable.appending(home).appending(".ssh")
        try makeFolder(folder, owner: owner, mode: 0o700)
        let file = folder.appending("authorized_keys")
        try Files.replace(file, with: Array(keys.map { "\($0)\n" }.joined().utf8), mode: 0o600)
        try retrying("change the owner of", file.string) { lchown(file.string, uid_t(owner), gid_t(owner)) }
    }

    private func makeFolder(_ path: FilePath, owner: Int, mode: mode_t) throws(SystemError) {
        try Files.makeFolder(path, mode: mode)
        try retrying("change the owner of", path.string) { lchown(path.string, uid_t(owner), gid_t(owner)) }
        try retrying("set the permissions of", path.string) { chmod(path.string, mode) }
    }

    // MARK: accounts

    private func setPassword(_ name: String, _ hash: String) throws {
        try change("shadow", of: name) { line in
            var fields = line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            if fields.count > 1 { fields[1] = hash }
            return fields.joined(separator: ":")
        }
    }

    private func lines(_ file: String) throws(SystemError) -> [String] {
        let bytes = try Files.readIfPresent(etc.appending(file), limit: 1 << 20) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private func append(_ file: String, _ line: String) throws(SystemError) { try save(file, lines(file) + [line]) }

    /// Changes the line of one name.
    private func change(_ file: String, of name: String, _ body: (String) -> String) throws {
        var lines = try lines(file)
        guard let index = lines.firstIndex(where: { $0.hasPrefix("\(name):") }) else {
            throw DiskConfigurationError.unknownName(name, file: "/etc/\(file)")
        }
        lines[index] = body(lines[index])
        try save(file, lines)
    }

    /// With the owner and mode that the image's file has.
    private func save(_ file: String, _ lines: [String]) throws(SystemError) {
        let path = etc.appending(file)
        var status = stat()
        let exists = stat(path.string, &status) == 0
        let mode = exists ? status.st_mode & 0o777 : file.hasSuffix("shadow") ? 0o640 : 0o644
        try Files.replace(path, with: Array(lines.map { "\($0)\n" }.joined().utf8), mode: mode)
        if exists {
            try retrying("change the owner of", path.string) { lchown(path.string, status.st_uid, status.st_gid) }
        }
    }

    private static var today: Int { time(nil) / 86_400 }
}

/// A configuration of a host that its image does not fit.
public enum DiskConfigurationError: ExplainedError, Equatable {
    /// A user whom the image has already.
    case userExists(String)
    /// A user who would get a group of the same name, which the image has already.
    case groupExists(String)
    /// A user or group that the image does not have.
    case unknownName(String, file: String)

    public var reason: String {
        switch self {
        case .userExists(let name): "the image has a user '\(name)' already"
        case .groupExists(let name): "the image has a group '\(name)' already"
        case .unknownName(let name, let file): "the image's \(file) has no '\(name)'"
        }
    }

    public var advice: String? { "change the configuration; the disk is not complete and does not boot" }
}
