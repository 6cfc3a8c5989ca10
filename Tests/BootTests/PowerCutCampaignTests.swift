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
    /// A boot loader, and the firmware that starts it.
    private struct Start {
        /// What `HOSTCTL_LOADER` and the folders of recordings call it.
        let name: String
        let loader: String
        let firmware: Machine.Firmware
    }

    private var starts: [Start] {
        let all = [
            Start(name: "systemd-boot", loader: "systemd-boot", firmware: .uefi),
            Start(name: "grub", loader: "grub", firmware: .bios),
            Start(name: "grub-uefi", loader: "grub", firmware: .uefi),
        ]
        if let one = ProcessVariables["HOSTCTL_LOADER"] { return all.filter { $0.name == one } }
        return Campaign.isFull ? all : [all[0]]
    }

    /// Machines that are started.
    private var bootCount: Int {
        ProcessVariables["HOSTCTL_BOOTS"].flatMap { Int($0) } ?? (Campaign.count(orElse: 20) + 9) / 10
    }

    /// Where recordings are kept, for the next campaign.
    private func place(_ name: String) -> FilePath? {
        ProcessVariables["HOSTCTL_RECORDINGS"].map { FilePath($0).appending(name) }
    }

    private func record(_ start: Start, in folder: FilePath) throws -> RecordedHost {
        let place = place(start.name)
        return try place.flatMap { try RecordedHost(keptIn: $0) }
            ?? RecordedHost(
                BootFixture.shared.get(), loader: start.loader, firmware: start.firmware,
                in: place ?? folder.appending("host"))
    }

    @Test("whatever a power cut leaves of any command's writes, the old or the new release boots, whole")
    func states() throws {
        for start in starts {
            let folder = try TemporaryFolder(inMemory: true, room: RecordedHost.room)
            let host = try record(start, in: folder.path)
            var campaign = PowerCutCampaign(host, hostctl: BootFixture.program)
            let clock = ContinuousClock.now
            let count = Campaign.count(orElse: 20) / starts.count
            // In rounds, so that a campaign that is ended early has told what it saw.
            for states in Self.rounds(count, of: host) {
                try campaign.run(states)
                print("\(start.name): seed \(Campaign.seed), \(ContinuousClock.now - clock), \(campaign.summary)")
            }
            #expect(campaign.thirds == [], "seed \(Campaign.seed)")
            if ProcessVariables["HOSTCTL_STATE"] != nil { continue }
            for phase in host.phases { #expect(campaign.counts.keys.contains { $0.hasPrefix("\(phase.name): ") }) }
        }
    }

    @Test(
        "a machine starts on what a power cut leaves, with what its people have made, and completes what was cut",
        .enabled(if: BootFixture.startsAll, BootFixture.allReason))
    func boots() throws {
        for start in starts {
            let folder = try TemporaryFolder(inMemory: true, room: RecordedHost.room)
            let host = try record(start, in: folder.path)
            var campaign = CutBoots(host, firmware: start.firmware, origin: host.origin)
            let count = Campaign.count(orElse: 20) / starts.count
            let isReplay = ProcessVariables["HOSTCTL_STATE"] != nil
            let step = isReplay ? 1 : max(1, count * starts.count / max(1, bootCount))
            // States of the campaign with the same seed.
            for (round, states) in Self.rounds(count, of: host).enumerated() {
                let chosen = stride(from: round % step, to: states.count, by: step).map { states[$0] }
                try campaign.run(chosen)
                print("\(start.name): seed \(Campaign.seed), \(campaign.summary)")
            }
            #expect(campaign.thirds == [], "seed \(Campaign.seed)")
            #expect(campaign.counts.isEmpty == (bootCount == 0))
        }
    }

    private static func rounds(_ count: Int, of host: RecordedHost) -> [[RecordedHost.State]] {
        let size = 60
        var generator = SeededGenerator(stream: 40)
        var drawn = DrawnCuts()
        let sizes = [Int](repeating: size, count: count / size) + (count % size == 0 ? [] : [count % size])
        let rounds = sizes.enumerated().map { turn, size in
            host.draw(size, turn: turn, &generator, besides: &drawn)
        }
        guard let chosen = ProcessVariables["HOSTCTL_STATE"] else { return rounds }
        return [rounds.joined().filter { "\($0)".hasPrefix(chosen) }]
    }

    @Test(
        "whatever a power cut leaves of an installation onto a disk: the old host, the new one, or no disk to boot",
        .enabled(if: RecordedDisk.isPossible, "needs qemu-storage-daemon and /dev/fuse"))
    func installation() throws {
        let fixture = try BootFixture.shared.get()
        for start in starts {
            let folder = try TemporaryFolder(inMemory: true, room: RecordedHost.room)
            let place = place("\(start.name)-installation") ?? folder.path.appending("disk")
            var cuts = try InstallationCuts(fixture, loader: start.loader, firmware: start.firmware, in: place)
            var generator = SeededGenerator(stream: 41)
            let count = max(8, Campaign.count(orElse: 20) / 8 / starts.count)
            try cuts.look(count, boots: bootCount / 8 / starts.count, &generator)
            print("install disk, \(start.name): seed \(Campaign.seed), \(cuts.counts), started: \(cuts.booted)")
            #expect(cuts.thirds == [], "seed \(Campaign.seed)")
            #expect(!cuts.counts.isEmpty)
        }
    }
}
