import Checksums
import Deployments
import LinuxSystem
import ObjectStorage
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

/// A sysroot of our own making, and the agreement that has to hold after every step.
final class DeploymentFixture {
    let fixture: TestSysroot

    init() throws {
        fixture = try TestSysroot()
        try SysrootChange.initialize(root: fixture.root, stateroot: "host")
    }

    var root: FilePath { fixture.root }
    var paths: SysrootPaths { fixture.paths }
    var report: SysrootReport { SysrootReader(root: root).report() }
    /// The versions in boot order.
    var versions: [String] { report.listed.map { $0.version ?? "?" } }

    func change(_ command: String = "hostctl test") throws -> SysrootChange {
        try SysrootChange(root: root, command: command)
    }

    /// Stores an image and deploys it.
    @discardableResult
    func deploy(_ image: TestImage, kernelArguments: [String] = [], keys: [(name: String, pem: String)] = []) throws
        -> DeploymentRecord
    {
        let commit = try image.commit(to: fixture.store)
        let request = DeployRequest(
            commit: commit, refspec: TestImage.ref, stateroot: "host", kernelArguments: kernelArguments,
            trustedKeys: keys)
        let record = try change().deploy(request)
        _ = try SysrootChange.cleanUp(root: root, command: "hostctl cleanup")
        return record
    }

    @discardableResult
    func deploy(_ version: String) throws -> DeploymentRecord { try deploy(TestImage(version)) }

    func folder(_ record: DeploymentRecord) -> String {
        "ostree/deploy/\(record.stateroot)/deploy/\(record.name.folderName)"
    }

    /// The stock tools see what we see, every object is whole, leases are those of the deployments, and nothing is left
    /// over on the disk.
    func expectAgreement(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let report = report
        #expect(try fixture.stockStatus() == fixture.ownStatus(), sourceLocation: sourceLocation)
        #expect(report.allProblems == [], sourceLocation: sourceLocation)
        #expect(throws: Never.self, sourceLocation: sourceLocation) { try fixture.fsck() }
        let leases = try fixture.store.refs(below: DeploymentName.leases)
        #expect(Set(leases.keys) == Set(report.listed.map(\.name.lease)), sourceLocation: sourceLocation)
        let kernels = Set(report.listed.compactMap { record in record.bootChecksum.map { "host-\($0)" } })
        #expect(try Set(Files.namesIfPresent(in: paths.kernels)) == kernels, sourceLocation: sourceLocation)
        #expect(try PendingChange.load(paths) == nil, sourceLocation: sourceLocation)
        let expected = Set(report.listed.flatMap { [$0.name.folderName, "\($0.name.folderName).origin"] })
        let present = try Set(Files.namesIfPresent(in: paths.deployments(of: "host")))
        #expect(present == expected, sourceLocation: sourceLocation)
        let links = try Files.names(in: root.appending("ostree")).filter { $0.hasPrefix("boot.") }
        #expect(links.count == (report.listed.isEmpty ? 0 : 2), sourceLocation: sourceLocation)
    }
}
