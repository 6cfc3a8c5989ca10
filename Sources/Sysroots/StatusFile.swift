import Glibc
import LinuxSystem
import SystemPackage
import TrustMetadata

/// The last report, readable by everyone: the file `status`, refreshed by every change.
public struct StatusFile {
    let path: FilePath

    public init(_ paths: SysrootPaths) { path = paths.state.appending("status") }

    /// Writes a report; passwords in addresses are left out.
    ///
    /// - Throws: `SystemError`.
    public func write(_ report: SysrootReport) throws {
        var report = report
        report.writtenAt = Int64(time(nil))
        if let origin = report.state?.origin { report.state?.origin = Self.withoutPassword(origin) }
        // A failure's text may quote an address.
        if let reason = report.lastFailure?.reason { report.lastFailure?.reason = Self.withoutPasswords(in: reason) }
        if let detail = report.lastAutomaticRun?.detail {
            report.lastAutomaticRun?.detail = Self.withoutPasswords(in: detail)
        }
        try StateFile(path: path).write(report.json, mode: 0o644)
    }

    /// The report; `nil` when there is none or it cannot be read.
    func read() -> SysrootReport? {
        do { return try readStrictly() } catch { return nil }
    }

    /// How often a deployment could still be tried when this was written, `nil` in it for a good one; no value at all
    /// when it had no boot entry then, or the boot partition could not be read.
    public func triesLeft(of name: DeploymentName) -> Int?? {
        read()?.deployments.first { $0.name == name && $0.isListed && !$0.areTriesUnknown }.map(\.triesLeft)
    }

    /// - Throws: `SystemError`, `SysrootError.damagedState`.
    func requireReadable() throws { _ = try readStrictly() }

    private func readStrictly() throws -> SysrootReport? {
        try StateFile(path: path).read { (fields) throws(TrustMetadataError) in try SysrootReport(fields) }
    }

    static func withoutPasswords(in text: String) -> String {
        text.split(separator: " ", omittingEmptySubsequences: false).map { withoutPassword(String($0)) }
            .joined(separator: " ")
    }

    /// An address without user and password.
    public static func withoutPassword(_ address: String) -> String {
        guard let scheme = address.firstRange(of: "://") else { return address }
        let rest = address[scheme.upperBound...]
        let authority = rest.prefix { $0 != "/" }
        guard let at = authority.lastIndex(of: "@") else { return address }
        return String(address[..<scheme.upperBound] + rest[rest.index(after: at)...])
    }
}
