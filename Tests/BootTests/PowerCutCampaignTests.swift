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
            let host = try RecordedHost(fixture, loader: loader, firmware: firmware, in: folder.path.appending("host"))
            var campaign = PowerCutCampaign(host, hostctl: hostctl)
            var generator = SeededGenerator(stream: 40)
            let count = Campaign.count(orElse: 20) / loaders.count
            let clock = ContinuousClock.now
            try campaign.run(count, &generator)
            print("\(loader): seed \(Campaign.seed), \(ContinuousClock.now - clock)")
            for (what, number) in campaign.counts.sorted(by: { $0.key < $1.key }) { print("    \(what) in \(number)") }
            #expect(campaign.thirds == [], "seed \(Campaign.seed)")
            #expect(campaign.counts.values.reduce(0, +) >= min(count, 15))
        }
    }
}
