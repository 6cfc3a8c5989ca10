import Checksums
import HealthChecks
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

/// What marking a deployment good says of older releases of its channel.
@Suite struct FloorTests {
    private static let channel = "test/stable"

    /// A release in the host's store; those of higher numbers are newer.
    private func release(_ number: Int, in host: BootFixture) throws -> Checksum {
        var image = TestImage("\(number)")
        image.channel = Self.channel
        image.timestamp = UInt64(1000 * number)
        return try image.commit(to: Store.create(at: host.paths.repository, mode: .bare))
    }

    @Test("it rises with each newer release that is marked good, and an older one does not lower it")
    func rises() throws {
        let host = try BootFixture()
        try host.add(1, tries: 0, commit: release(1, in: host))
        _ = try host.boot()
        _ = try host.assessment.markGood()
        #expect(try host.records.floor(of: Self.channel)?.version == "1")
        try host.add(2, commit: release(2, in: host))
        #expect(try host.boot() == 2)
        // On trial, it says nothing yet.
        #expect(try host.assessment.record().isEmpty)
        #expect(try host.records.floor(of: Self.channel)?.version == "1")
        _ = try host.assessment.markGood()
        let records = try host.records
        #expect(records.floors.map(\.version) == ["2"])
        #expect(records.floor(of: Self.channel)?.timestamp == 2000)
        #expect(host.report.boots == records)
        let history = try History(host.paths).entries()
        _ = try host.assessment.markGood()
        #expect(try host.records == records)
        #expect(try History(host.paths).entries() == history)
        #expect(try host.assessment.markGood(1).version == "1")
        #expect(try host.records.good != records.good)
        #expect(try host.records.floors == records.floors)
    }

    @Test("a release whose commit is lost or damaged is marked good, and raises nothing", arguments: [true, false])
    func unreadable(_ isLost: Bool) throws {
        let host = try BootFixture()
        let checksum = try release(1, in: host)
        try host.add(1, commit: checksum)
        _ = try host.boot()
        let path = try Store(opening: host.paths.repository).path(of: ObjectName(checksum, .commit))
        if isLost { try Files.remove(path) } else { try Files.replace(path, with: Array("no commit".utf8)) }
        #expect(try host.assessment.markGood().version == "1")
        #expect(try host.records.good?.checksum == checksum)
        #expect(try host.records.floors.isEmpty)
    }

    @Test("in a boots.json that is damaged it is begun anew with what is marked good next") func damaged() throws {
        let host = try BootFixture()
        try host.add(1, commit: release(1, in: host))
        _ = try host.boot()
        try host.folder.write("root/ostree/hostctl/boots.json", text: "{\"format\":1,\"floors\":7}")
        #expect(try host.assessment.record().isEmpty)
        _ = try host.assessment.markGood()
        #expect(try host.records.floors.map(\.version) == ["1"])
    }
}
