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
}

extension JSONFields {
    /// A text, or `nil` when the member is missing or `null`.
    func optionalString(_ key: String) throws(TrustMetadataError) -> String? {
        try isNull(key) ? nil : string(key)
    }

    /// A number, or `nil` when the member is missing or `null`.
    func optionalInteger(_ key: String) throws(TrustMetadataError) -> Int64? {
        try isNull(key) ? nil : integer(key)
    }
}
