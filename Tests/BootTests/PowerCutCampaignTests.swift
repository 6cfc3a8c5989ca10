import LinuxSystem
import PowerCuts
import SystemPackage
import TestSupport
import Testing

/// Every write of a machine's disk is recorded while it upgrades, finalizes, is marked good, goes back and tidies up;
/// then the power goes at any of its flushes, with any of the later writes there, reordered or torn.
///
/// `Tests/BootTests/faults --count N --seed S` is the campaign; a run of all tests looks at twenty states.
@Suite("power cuts", .enabled(if: BootFixture.startsMachines, BootFixture.reason), .serialized)
struct PowerCutCampaignTests {
    private var loaders: [(String, Machine.Firmware)] {
        Campaign.isFull ? [("systemd-boot", .uefi), ("grub", .bios)] : [("systemd-boot", .uefi)]
    }

    @Test("whatever a power cut leaves of any command's writes, the old or the new release boots, whole")
    func states() throws {
        let fixture = try BootFixture.shared.get()
        let hostctl = BootFixture.program
        for (loader, firmware) in loaders {
            let folder = try TemporaryFolder(inMemory: true)
            let place = ProcessVariables["HOSTCTL_RECORDINGS"].map { FilePath($0).appending(loader) }
            let host =
                try place.flatMap { try RecordedHost(keptIn: $0) }
                ?? RecordedHost(
                    fixture, loader: loader, firmware: firmware, in: place ?? folder.path.appending("host"))
            var campaign = PowerCutCampaign(host, hostctl: hostctl)
            var generator = SeededGenerator(stream: 40)
            let count = Campaign.count(orElse: 20) / loaders.count
            let clock = ContinuousClock.now
            // In rounds, so that a campaign that is ended early has told what it saw.
            for round in Self.rounds(count) {
                try campaign.run(round, &generator)
                print("\(loader): seed \(Campaign.seed), \(ContinuousClock.now - clock), \(campaign.summary)")
            }
            #expect(campaign.thirds == [], "seed \(Campaign.seed)")
            #expect(campaign.counts.values.reduce(0, +) >= min(count, 15))
        }
    }

    private static func rounds(_ count: Int) -> [Int] {
        let size = 60
        return [Int](repeating: size, count: count / size) + (count % size == 0 ? [] : [count % size])
    }

    @Test("whatever a power cut leaves of an installation onto a disk: the old host, the new one, or no disk to boot")
    func installation() throws {
        let fixture = try BootFixture.shared.get()
        for (loader, _) in loaders {
            let folder = try TemporaryFolder(inMemory: true)
            var cuts = try InstallationCuts(fixture, loader: loader, in: folder.path.appending("disk"))
            var generator = SeededGenerator(stream: 41)
            let count = max(8, Campaign.count(orElse: 20) / 8 / loaders.count)
            try cuts.look(count, &generator)
            print("install disk, \(loader): seed \(Campaign.seed), \(cuts.counts)")
            #expect(cuts.thirds == [], "seed \(Campaign.seed)")
            #expect(cuts.counts.values.reduce(0, +) >= count)
        }
    }
}
