import BootLoaders
import Checksums
import HealthChecks
import LinuxSystem
import Sysroots
import SystemPackage
import TestSupport
import Testing

@Suite struct AssessmentTests {
    @Test("a good boot takes the counter away and is remembered, once", arguments: LoaderKind.allCases)
    func good(_ kind: LoaderKind) throws {
        let host = try BootFixture(kind)
        try host.add(1, tries: 0)
        try host.add(2)
        #expect(try host.boot() == 2)
        #expect(try host.assessment.record().isEmpty)
        #expect(try host.assessment.markGood().version == "2")
        #expect(try host.names == ["host-000002", "host-000001"])
        #expect(try host.records.good?.description == "host/\(BootFixture.checksum(2)).0")
        let history = try History(host.paths).entries()
        #expect(history.map(\.action) == [.good])
        _ = try host.assessment.markGood()
        #expect(try History(host.paths).entries() == history)
    }

    @Test(
        "a release that never says anything is remembered as bad by the one that boots after it",
        arguments: LoaderKind.allCases)
    func silent(_ kind: LoaderKind) throws {
        let host = try BootFixture(kind)
        try host.add(1, tries: 0)
        try host.add(2, tries: 2)
        #expect(try host.boot() == 2)
        #expect(try host.boot() == 2)
        #expect(try host.boot() == 1)
        let lines = try host.assessment.record()
        #expect(lines.count == 1 && lines[0].contains("2 is remembered as bad"), "\(lines)")
        #expect(try host.records.bad.map(\.version) == ["2"])
        #expect(try host.records.bad[0].reason.contains("2 times"))
        #expect(try host.assessment.record().isEmpty)
        #expect(try host.names == ["host-000001", "host-000002+0-2"])
        #expect(try host.boot() == 1)
        #expect(host.report.boots?.bad.count == 1)
    }

    @Test(
        "a failed check is tried again while tries are left, then the last good one takes over",
        arguments: LoaderKind.allCases)
    func failing(_ kind: LoaderKind) throws {
        let host = try BootFixture(kind)
        try host.add(1, tries: 0)
        try host.add(2)
        for _ in 1...3 {
            #expect(try host.boot() == 2)
            #expect(try host.fails("database: it is dead") == "restart")
        }
        #expect(try host.boot() == 1)
        #expect(try host.assessment.record().isEmpty)
        #expect(try host.records.bad.map(\.reason) == ["database: it is dead"])
        #expect(try host.records.failing == nil)
        #expect(try host.assessment.markGood().version == "1")
        #expect(try host.records.bad.count == 1)
    }

    @Test("a host whose two deployments fail stays on the last good one")
    func noLoop() throws {
        let host = try BootFixture()
        try host.add(1, tries: 0)
        try host.add(2, tries: 1)
        #expect(try host.boot() == 2)
        #expect(try host.fails("a") == "restart")
        for _ in 1...3 {
            #expect(try host.boot() == 1)
            #expect(try host.fails("b") == "stay")
        }
        #expect(try host.records.failing?.count == 3)
        #expect(try host.names == ["host-000001", "host-000002+0-1"])
    }

    @Test(
        "a second deployment of the good release, as after a slip in the kernel's arguments, is bad alone",
        arguments: LoaderKind.allCases, [true, false])
    func sameCommit(_ kind: LoaderKind, _ isTold: Bool) throws {
        let host = try BootFixture(kind)
        try host.add(1, tries: 0)
        _ = try host.boot()
        _ = try host.assessment.markGood()
        try host.add(1, tries: 1, serial: 1)
        _ = try host.boot()
        #expect(host.report.booted?.name.serial == 1)
        if isTold { #expect(try host.fails("a: b") == "restart") }
        _ = try host.boot()
        #expect(host.report.booted?.name.serial == 0)
        _ = try host.assessment.record()
        let records = try host.records
        #expect(records.bad.isEmpty && records.good?.serial == 0)
        #expect(records.badDeployments.map(\.name.serial) == [1])
        #expect(records.badDeployments[0].reason.contains("only this one is bad"))
        if isTold { #expect(records.badDeployments[0].reason.hasPrefix("a: b")) }
        #expect(host.report.rollback == nil)
        #expect(try host.assessment.record().isEmpty)
        #expect(try host.assessment.markGood(1).name.serial == 1)
        #expect(try host.records.badDeployments.isEmpty)
    }

    @Test("an entry whose deployment is gone is none that could take over") func emptyPromise() throws {
        let host = try BootFixture()
        try host.add(1, tries: 0)
        try host.add(2, tries: 1)
        _ = try host.boot()
        let first = try #require(host.report.listed.first { !$0.isBooted })
        try Files.removeTree(host.paths.folder(of: first.name))
        #expect(try host.fails("a") == "stay")
        #expect(throws: BootLoaderError.lastEntry(2)) { try host.loader.remove(generation: 2) }
    }

    @Test("a loader that does not count is no reason to go round for ever")
    func uncounted() throws {
        let host = try BootFixture()
        try host.add(1, tries: 0)
        try host.add(2)
        _ = try host.boot()
        var restarts = 0
        while try host.fails("a") == "restart" {
            restarts += 1
            try #require(restarts < 10)
            if try host.loader.listing().entries.first?.generation != 2 { break }
            try host.bootUncounted()
        }
        #expect(restarts == 3)
        #expect(try host.names == ["host-000001", "host-000002+0-1"])
    }

    @Test("the only deployment stays up when it fails")
    func alone() throws {
        let host = try BootFixture()
        try host.add(1, tries: 1)
        _ = try host.boot()
        #expect(try host.fails("a") == "stay")
        #expect(try host.names == ["host-000001+0-1"])
    }

    @Test("marking bad by hand chooses the other one, and refuses where there is none")
    func byHand() throws {
        let host = try BootFixture()
        try host.add(1, tries: 0)
        #expect(throws: BootLoaderError.lastEntry(1)) { try host.assessment.markBad(0, reason: nil) }
        #expect(try host.records.bad.isEmpty)
        try host.add(2)
        _ = try host.boot()
        #expect(try host.assessment.markBad(reason: "no sound").version == "2")
        #expect(try host.boot() == 1)
        #expect(try host.records.bad.map(\.reason) == ["no sound"])
        #expect(throws: BootAssessmentError.unknown(7)) { try host.assessment.markGood(7) }
        #expect(try host.assessment.markGood(1).version == "2")
        #expect(try host.records.bad.isEmpty)
        #expect(try host.boot() == 2)
    }

    @Test("a damaged boots.json keeps no boot from being assessed")
    func damaged() throws {
        let host = try BootFixture()
        try host.add(1, tries: 0)
        try host.add(2, tries: 1)
        _ = try host.boot()
        try host.folder.write("root/ostree/hostctl/boots.json", text: "{\"format\":1,\"go")
        #expect(try host.boot() == 1)
        #expect(try host.assessment.record().count == 1)
        #expect(try host.records.bad.map(\.version) == ["2"])
    }

    @Test("without its boot partition a deployment on trial restarts a few times, a good one never")
    func unmounted() throws {
        let host = try BootFixture()
        try host.add(1, tries: 0)
        _ = try host.boot()
        _ = try host.assessment.markGood()
        try host.add(2)
        _ = try host.boot()
        try host.unmount()
        let consequences = try (1...5).map { _ in
            try host.bootUncounted()
            return try host.fails("emergency")
        }
        #expect(consequences == ["restart", "restart", "restart", "stay", "stay"])
        #expect(throws: BootAssessmentError.self) { try host.assessment.markGood() }
        try host.mount()
        try host.loader.markBad(generation: 2)
        #expect(try host.boot() == 1)
        try host.unmount()
        #expect(try host.fails("emergency") == "stay")
    }

    @Test("the fallback of a replaced loader is kept until another boot was good")
    func loaderFallback() throws {
        let host = try BootFixture()
        try host.add(1, tries: 0)
        _ = try host.boot()
        try host.folder.write("root/boot/efi/EFI/BOOT/BOOTX64.EFI", text: "new")
        try host.folder.write("root/boot/efi/EFI/BOOT/BOOTX64.OLD", text: "old")
        try host.assessment.noteLoaderUpdate()
        _ = try host.assessment.markGood()
        let fallback = host.paths.bootPartition.appending("EFI/BOOT/BOOTX64.OLD")
        #expect(Files.exists(fallback))
        _ = try host.boot()
        _ = try host.assessment.markGood()
        #expect(!Files.exists(fallback))
        #expect(try host.records.loaderReplacedIn == nil)
    }

    @Test("a fallback whose record was lost goes with the second good boot, as the first may be one by what was before")
    func fallbackWithoutRecord() throws {
        let host = try BootFixture()
        try host.add(1, tries: 0)
        _ = try host.boot()
        try host.folder.write("root/boot/efi/EFI/BOOT/BOOTX64.EFI", text: "new")
        try host.folder.write("root/boot/efi/EFI/BOOT/BOOTX64.OLD", text: "old")
        let fallback = host.paths.bootPartition.appending("EFI/BOOT/BOOTX64.OLD")
        for _ in 1...2 { _ = try host.assessment.markGood() }
        #expect(Files.exists(fallback))
        _ = try host.boot()
        _ = try host.assessment.markGood()
        #expect(!Files.exists(fallback))
        #expect(try host.records.loaderReplacedIn == nil)
    }

    @Test("a loader's file that cannot be read is told, and takes no good boot back")
    func unreadableLoader() throws {
        let host = try BootFixture()
        try host.add(1, tries: 0)
        try host.add(2)
        #expect(try host.boot() == 2)
        try host.assessment.noteLoaderUpdate()
        #expect(try host.boot() == 2)
        try Files.makeFolder(host.paths.bootPartition.appending("EFI/BOOT/BOOTX64.EFI"))
        try host.folder.write("root/boot/efi/EFI/BOOT/BOOTX64.OLD", text: "old")
        #expect(throws: SystemError.self) { try host.assessment.markGood() }
        #expect(try host.names == ["host-000002", "host-000001"])
        #expect(try host.records.good?.checksum.hex == BootFixture.checksum(2))
        #expect(try History(host.paths).entries().map(\.action) == [.good])
    }

    @Test("a failure that is told twice in one boot, as after a kill, counts once") func toldTwice() throws {
        let host = try BootFixture(.systemdBoot)
        try host.add(1, tries: 0)
        try host.add(2)
        for count in 1...2 {
            #expect(try host.boot() == 2)
            for _ in 1...3 { #expect(try host.fails("it is dead") == "restart") }
            #expect(try host.records.failing?.count == count)
            #expect(try host.records.bad.isEmpty)
        }
    }
}
