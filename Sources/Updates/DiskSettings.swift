import BootLoaders
import Disks
import LinuxSystem
public import Settings
import Signatures
public import SystemPackage

/// A file that says how a disk is installed, without anybody there: `hostctl install disk --config FILE`.
///
/// systemd's syntax. `[Install]` says what and how, `[Host]` what the host is, each `[User]` adds one.
public struct DiskSettings: Sendable {
    private let file: SettingsFile

    private static let schema = SettingsSchema([
        "Install": [
            "Origin", "Channel", "Version", "TrustedKeys", "Stateroot", "BootLoader", "FileSystem", "Size", "BootSize",
            "RootSize", "Tries", "KernelArguments",
        ],
        "Host": ["Hostname", "PasswordHash", "SSHKeyFiles"],
        "User": ["Name", "PasswordHash", "SSHKeyFiles", "Groups"],
    ])

    /// - Throws: `SettingsError` with file and line, `SystemError`.
    public init(reading path: FilePath) throws { file = try SettingsFile(reading: path, schema: Self.schema) }

    /// Without a file; everything comes from the command line.
    public init() throws(SettingsError) { file = try SettingsFile(parsing: "", place: "--config", schema: Self.schema) }

    /// Adds an option of the command line, which counts after the file.
    public func setting(_ key: String, _ value: String, in section: String, option: String) throws(SettingsError)
        -> DiskSettings
    {
        var copy = self
        try copy.add("\(key)=\(value)", section, option)
        return copy
    }

    private init(_ file: SettingsFile) { self.file = file }

    private mutating func add(_ assignment: String, _ section: String, _ option: String) throws(SettingsError) {
        var file = file
        try file.add(assignment, section: section, option: option)
        self = DiskSettings(file)
    }

    // MARK: [Install]

    public func origin() throws(SettingsError) -> String {
        try file.requiredString("Origin", in: "Install", example: "https://updates.example.com")
    }
    public func channel() throws(SettingsError) -> String {
        try file.requiredString("Channel", in: "Install", example: "lean-host/stable")
    }
    public var version: String? { file.string("Version", in: "Install") }
    public var stateroot: String { file.string("Stateroot", in: "Install") ?? "host" }
    /// Files of public keys.
    public func trustedKeys() throws(SettingsError) -> [String] { try file.words("TrustedKeys", in: "Install") ?? [] }
    /// Of a new file, in bytes; `nil` when it is not said.
    public func size() throws(SettingsError) -> Int64? { try bytes("Size") }

    /// Everything else.
    ///
    /// - Throws: `SettingsError` for values that cannot be meant, `SystemError` for key files that cannot be read.
    public func apply(to request: inout DiskRequest) throws {
        let loader = try file.choice(
            "BootLoader", in: "Install", from: LoaderKind.allCases.map(\.rawValue), default: request.loader.rawValue)
        request.loader = LoaderKind(rawValue: loader) ?? request.loader
        let kind = try file.choice(
            "FileSystem", in: "Install", from: RootFileSystem.allCases.map(\.rawValue),
            default: request.fileSystem.rawValue)
        request.fileSystem = RootFileSystem(rawValue: kind) ?? request.fileSystem
        request.bootSize = try bytes("BootSize") ?? request.bootSize
        request.rootSize = try bytes("RootSize")
        request.tries = Int(
            try file.integer(
                "Tries", in: "Install", within: 1...Int64(TryCounter.mostTries), default: Int64(request.tries)))
        request.release.kernelArguments += try file.words("KernelArguments", in: "Install") ?? []
        request.host = try identity()
    }

    /// A number with K, M, G or T after it, each 1,024 of the one before.
    private func bytes(_ key: String) throws(SettingsError) -> Int64? {
        guard let value = file.string(key, in: "Install") else { return nil }
        let shift = ["K": 10, "M": 20, "G": 30, "T": 40][value.last?.uppercased() ?? ""]
        if let number = Int64(shift == nil ? value : String(value.dropLast())), number > 0, number < 1 << 40 {
            let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << Int64(shift ?? 0))
            if !overflow { return bytes }
        }
        throw wrong(file, key, "Install", "write a number of bytes, or one with K, M, G or T, such as 8G")
    }

    // MARK: [Host] and [User]

    private func identity() throws -> HostIdentity {
        var identity = HostIdentity()
        identity.hostname = try hostname()
        identity.passwordHash = try passwordHash(file, "Host")
        identity.keys = try keys(file, "Host")
        for block in file.blocks(of: "User") {
            var user = HostIdentity.User(name: try userName(block))
            user.passwordHash = try passwordHash(block, "User")
            user.keys = try keys(block, "User")
            user.groups = try block.words("Groups", in: "User") ?? []
            identity.users.append(user)
        }
        return identity
    }

    /// RFC 1123's names, at most 64 bytes, which is what the kernel has room for.
    private func hostname() throws(SettingsError) -> String? {
        guard let name = file.string("Hostname", in: "Host") else { return nil }
        let isRight =
            name.utf8.count <= 64
            && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
                !part.isEmpty && part.first != "-" && part.last != "-"
                    && part.utf8.allSatisfy { Self.isLowercase($0) || (0x41...0x5A).contains($0) || $0 == 0x2D }
            }
        if isRight { return name }
        throw wrong(file, "Hostname", "Host", "write letters, digits and '-', in parts with '.' between them")
    }

    private func userName(_ block: SettingsFile) throws(SettingsError) -> String {
        let name = try block.requiredString("Name", in: "User", example: "admin")
        let isRight =
            name.utf8.count <= 31 && name.utf8.first.map { (0x61...0x7A).contains($0) } == true
            && name.utf8.allSatisfy { Self.isLowercase($0) || $0 == 0x2D || $0 == 0x5F }
        if isRight { return name }
        throw wrong(block, "Name", "User", "write at most 31 lower-case letters, digits, '-' and '_'")
    }

    private static func isLowercase(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }

    /// A hash as crypt(3) writes it, never a password.
    private func passwordHash(_ block: SettingsFile, _ section: String) throws(SettingsError) -> String? {
        guard let hash = block.string("PasswordHash", in: section) else { return nil }
        let isRight =
            hash.hasPrefix("$") && hash.split(separator: "$").count >= 3
            && hash.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
        if isRight { return hash }
        throw wrong(block, "PasswordHash", section, "write what 'openssl passwd -6' prints")
    }

    private func keys(_ block: SettingsFile, _ section: String) throws -> [String] {
        try (block.words("SSHKeyFiles", in: section) ?? []).flatMap { path in
            let text = String(decoding: try Files.read(FilePath(path), limit: 1 << 16), as: UTF8.self)
            return text.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") && $0.contains(" ") }
        }
    }

    private func wrong(_ block: SettingsFile, _ key: String, _ section: String, _ advice: String) -> SettingsError {
        SettingsError(block.place(of: key, in: section), "\(key)= cannot be what it is", advice: advice)
    }
}
