import LinuxSystem
public import SystemPackage
import TestSupport

/// Where the partitions lie of a disk that a host boots from.
public struct HostDisk: Sendable {
    /// A partition of the disk, in bytes from its beginning.
    public let boot: Range<Int>
    public let root: Range<Int>

    /// A disk without them.
    public struct NoHost: Error { public let detail: String }

    private static let bootType = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
    /// The root partitions of x86-64 and of 64-bit ARM in the discoverable partitions specification.
    private static let rootTypes = ["4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", "B921B045-1DF0-41C3-AF44-4C6F280D3FAE"]

    /// Reads the partition table of a disk in a file.
    ///
    /// - Throws: `HostDisk.NoHost`, `SystemError`.
    public init(reading image: FilePath) throws {
        let table = try Tool.output("/sbin/sfdisk", "--dump", image.string)
        var found: [String: Range<Int>] = [:]
        for line in table.split(separator: "\n") {
            let fields = line.split { $0 == "," || $0 == ":" }.map { $0.filter { $0 != " " } }
            let value = { (key: String) in
                fields.first { $0.hasPrefix(key + "=") }.map { String($0.dropFirst(key.count + 1)) }
            }
            guard let start = value("start").flatMap({ Int($0) }), let size = value("size").flatMap({ Int($0) }),
                let type = value("type")
            else { continue }
            found[type] = start * 512..<(start + size) * 512
        }
        guard let boot = found[Self.bootType], let root = Self.rootTypes.compactMap({ found[$0] }).first else {
            throw NoHost(detail: "\(image) has no boot or no root partition:\n\(table)")
        }
        (self.boot, self.root) = (boot, root)
    }
}

/// Standard tools that must not fail.
enum Tool {
    struct Failed: Error { let detail: String }

    /// - Parameter statuses: exit codes that are no failure.
    @discardableResult
    static func output(_ command: String..., allowing statuses: ClosedRange<Int32> = 0...0) throws -> String {
        let result = try run(command, environment: ["MTOOLS_SKIP_CHECK": "1", "LC_ALL": "C.UTF-8"], timeout: 300)
        guard let status = result.status, statuses.contains(status) else {
            throw Failed(detail: "\(command.joined(separator: " ")): \(result.errorText)\(result.text)")
        }
        return result.text
    }
}
