import Checksums
import LinuxSystem
import ObjectFormats
import ObjectPatches
import ObjectStorage
import Releases
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// Releases with patches, and what an upgrade by them has to leave.
extension HostileServerFixture {
    static let patchIndexPath = "patches/lean-host/stable/x86_64/3.index"
    static let patchPoolPath = "patches/lean-host/stable/x86_64/3.pool"

    /// The index of release 3's patches.
    func patchIndex() throws -> PatchIndex {
        let files = try #require(try manifest("3").patches)
        return try PatchIndex(frame: served(Self.patchIndexPath), decodedSize: Int(files.indexDecodedSize))
    }

    /// Offers release 3 with other patches, well signed.
    func offerPatches(_ change: (inout PatchFiles) -> Void) async throws {
        var manifest = try manifest("3")
        var files = try #require(manifest.patches)
        change(&files)
        manifest.patches = files
        try await offer(manifest)
    }

    /// Upgrades to the newest release, which must work; what was fetched.
    func upgrade(to version: String = "3", sourceLocation: SourceLocation = #_sourceLocation) throws -> JSONFields {
        let deployed = try host.versions()
        let fetched = try host.changeJSON("upgrade").fields("fetched")
        try host.expectAgreement([version] + deployed.prefix(1), sourceLocation: sourceLocation)
        return fetched
    }

    static func patchPath(_ file: String) -> String { "patches/lean-host/stable/x86_64/\(file)" }

    /// The store has what these releases need and nothing else, and nothing is left of a download.
    func expectNothingElse(_ versions: [String], sourceLocation: SourceLocation = #_sourceLocation) throws {
        var needed = Set<ObjectName>()
        for version in versions { try origin.store.forEachObject(of: commit(version)) { needed.insert($0) } }
        let repository = host.sysroot.paths.repository
        let output = try run([
            "/usr/bin/find", repository.appending("objects").string, "-type", "f,l", "-printf", "%P\n",
        ])
        let paths = Set(output.text.split(separator: "\n").map(String.init).filter { !$0.hasSuffix(".commitmeta") })
        let others = paths.subtracting(needed.map(\.barePath))
        #expect(others == [], sourceLocation: sourceLocation)
        let staging = host.sysroot.paths.state.appending("download/staging")
        #expect(!Files.exists(staging), sourceLocation: sourceLocation)
        let passing = host.sysroot.paths.state.appending("download/passing")
        #expect(!Files.exists(passing), sourceLocation: sourceLocation)
    }
}
