import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

@testable import Sysroots

/// What `boots.json` remembers of releases that have proved themselves.
@Suite struct BootRecordsTests {
    private let fixture: TestSysroot

    init() throws {
        fixture = try TestSysroot()
        try Files.makeFolder(fixture.paths.state)
    }

    private static let file = "ostree/hostctl/boots.json"
    private static let name = "host/\(String(repeating: "a", count: 64)).0"

    private func record(
        _ version: String?, at timestamp: Int64?, channel: String? = "host/stable"
    ) throws -> DeploymentRecord {
        var record = DeploymentRecord(index: 0, name: try #require(DeploymentName(text: Self.name)))
        record.version = version
        record.channel = channel
        record.timestamp = timestamp
        return record
    }

    @Test("the floors of channels come back as they were, and are in the report") func roundTrip() throws {
        var records = BootRecords()
        records.raiseFloor(to: try record("2", at: 200))
        records.raiseFloor(to: try record("7", at: 100, channel: "host/testing"))
        try records.save(fixture.paths)
        let read = try BootRecords.load(fixture.paths)
        #expect(read == records)
        let expected = BootRecords.Floor(channel: "host/stable", version: "2", timestamp: 200)
        #expect(read.floor(of: "host/stable") == expected)
        #expect(read.floor(of: "host/testing")?.version == "7")
        #expect(read.floor(of: "host/other") == nil)
        var report = SysrootReport(root: "/")
        report.boots = records
        #expect(try SysrootReport(JSONFields(report.json, what: "the report")) == report)
    }

    @Test("a floor only rises, and only to what tells its channel, version and time") func rising() throws {
        var records = BootRecords()
        records.raiseFloor(to: try record("2", at: 200))
        let raised = records
        let others = try [
            record("1", at: 199), record("2.1", at: 200), record(nil, at: 300), record("3", at: nil),
            record("3", at: 300, channel: nil),
        ]
        for other in others {
            records.raiseFloor(to: other)
            #expect(records == raised)
        }
        records.raiseFloor(to: try record("3", at: 300))
        #expect(records.floors.map(\.version) == ["3"])
    }

    @Test("of many channels the floors that were raised last are kept") func many() throws {
        var records = BootRecords()
        for number in 0...BootRecords.mostFloors {
            records.raiseFloor(to: try record("1", at: 1, channel: "host/\(number)"))
            records.raiseFloor(to: try record("\(number)", at: Int64(number) + 1))
        }
        #expect(records.floors.count == BootRecords.mostFloors)
        #expect(records.floor(of: "host/stable")?.timestamp == Int64(BootRecords.mostFloors) + 1)
        #expect(records.floor(of: "host/1") == nil)
        #expect(records.floor(of: "host/2") != nil)
    }

    @Test("a file of an older hostctl has none, and what only a later one knows is passed over") func others() throws {
        try fixture.write(Self.file, "{\"format\":1,\"good\":\"\(Self.name)\",\"bad\":[],\"later\":{\"a\":1}}")
        let records = try BootRecords.load(fixture.paths)
        #expect(records.good?.description == Self.name)
        #expect(records.floors.isEmpty)
        try records.save(fixture.paths)
        #expect(try !fixture.read(Self.file).contains("floors"))
    }

    @Test(
        "floors that are not what hostctl writes are damage",
        arguments: [
            "7", "[7]", "[{}]", #"[{"channel":"c","version":"1"}]"#,
            #"[{"channel":"c","version":"1","timestamp":-1}]"#,
        ])
    func damage(_ floors: String) throws {
        try fixture.write(Self.file, "{\"format\":1,\"floors\":\(floors)}")
        #expect(throws: SysrootError.self) { try BootRecords.load(fixture.paths) }
    }
}
