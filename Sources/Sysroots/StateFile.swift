import Glibc
import LinuxSystem
import SystemPackage
import TrustMetadata

/// A small JSON file under /ostree/hostctl, replaced whole.
struct StateFile {
    let path: FilePath

    /// The file's members, or `nil` when there is no file.
    ///
    /// - Throws: `SystemError`, `SysrootError.damagedState`.
    func read<Value>(_ body: (JSONFields) throws(TrustMetadataError) -> Value) throws -> Value? {
        guard let bytes = try Files.readIfPresent(path, limit: 4 << 20) else { return nil }
        do throws(TrustMetadataError) {
            let fields = try JSONFields(strict: bytes, what: path.string)
            try fields.requireFormat(1)
            return try body(fields)
        } catch {
            throw SysrootError.damagedState(path: path.string, detail: error.reason)
        }
    }

    /// - Parameter mode: 0600 by default: addresses and messages may hold a password.
    /// - Throws: `SystemError`.
    func write(_ value: JSONValue, mode: mode_t = 0o600) throws(SystemError) {
        try Files.replace(path, with: value.encode(pretty: true) + [UInt8(ascii: "\n")], mode: mode)
    }
}

extension JSONValue {
    /// A text, or `null`.
    init(_ text: String?) { self = text.map { .string($0) } ?? .null }
    /// A number, or `null`.
    init(_ number: Int64?) { self = number.map { .integer($0) } ?? .null }

    /// An object of these members, without those that are `null`: what is not known is not written.
    static func known(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
        .object(members.filter { $0.value != .null }.map { (key: $0.key, value: $0.value) })
    }
}

extension JSONFields {
    /// A text, or `nil` when there is no such member.
    func optionalString(_ key: String) throws(TrustMetadataError) -> String? {
        try has(key) ? string(key) : nil
    }

    /// A number, or `nil` when there is no such member.
    func optionalInteger(_ key: String) throws(TrustMetadataError) -> Int64? {
        try has(key) ? integer(key) : nil
    }
}
