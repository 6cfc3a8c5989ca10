import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport

extension HostFixture {
    /// Writes hostctl.conf of the deployment that boots next.
    func configure(_ lines: [String]) throws {
        try write("etc/hostctl/hostctl.conf", lines.joined(separator: "\n") + "\n")
    }

    /// Writes a file of the deployment that boots next.
    @discardableResult
    func write(_ path: String, _ text: String, mode: UInt32 = 0o644) throws -> FilePath {
        let file = try folder().appending(path)
        try Files.makeFolder(file.removingLastComponent())
        try Files.replace(file, with: Array(text.utf8), mode: mode)
        return file
    }

    /// Makes the host follow its channel at another address.
    func follow(_ address: String) throws {
        try SysrootState(origin: address, channel: Self.channel, architecture: "x86_64").save(sysroot.paths)
    }
}
