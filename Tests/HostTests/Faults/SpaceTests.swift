import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

/// Real file systems that are full, or become full in the middle of a command.
@Suite(.enabled(if: isThorough && geteuid() == 0, "takes minutes, and mounts file systems"))
struct SpaceTests {
    static let commands = [FaultCommand.installing[0], .upgrade, .switching]
    /// Those of `commands` that need room in /boot, and those that hardly need any room.
    static let all =
        commands + [FaultCommand.patched, .automatic, .download, .fromDownloaded, .rollback, .pin, .unpin]
        + [.cleanup, .cleanupDownloads, .repair]

    /// What is measured while a command has to do with a full disk.
    struct Trial {
        let command: FaultCommand
        let host: DiskHost
        /// What would be left full.
        let full: SmallDisk
        var faults: [String] = []
        var refused = false

        /// What a change adds, and what must be as it was when the change was refused.
        func deployments(_ everything: [String]) -> [String] {
            let parts = command.before.isEmpty ? ["/boot/loader", "/boot/ostree"] : ["/ostree/deploy", "/boot"]
            return everything.filter { line in parts.contains { line.hasPrefix($0) } }
        }

        func everything() throws -> [String] {
            try host.host.sysroot.snapshot(
                without: [
                    "/ostree/hostctl", "/lost+found", "/boot/lost+found", "/ballast", "/ballast.d", "/boot/ballast",
                ])
        }

        /// Judges how the command ended: done, or refused with 4 and a sentence that is true.
        mutating func judge(_ result: ProcessResult, _ everythingBefore: [String]) throws {
            if result.status == 0 { return }
            refused = true
            if result.end != .exited(4) { faults.append("it ended with \(result.end): \(result.errorText)") }
            faults += try command.damage(host.host)
            let text = command.message(result)
            if text.contains("nothing was written") {
                let now = try everything()
                if now != everythingBefore {
                    faults.append("it says that nothing was written: \(changes(everythingBefore, now))")
                }
            } else if !text.contains("No space left"), !text.contains("not enough") {
                faults.append("it says \(text)")
            }
            // A repair has mended what it came to.
            guard try !command.mends && command.state(of: host.host) == command.before,
                !PendingChange.exists(in: host.host.sysroot.paths)
            else { return }
            let now = deployments(try everything())
            let deploymentsBefore = deployments(everythingBefore)
            if now != deploymentsBefore {
                faults.append("it left \(changes(deploymentsBefore, now))")
            }
        }

        private func changes(_ before: [String], _ now: [String]) -> [String] {
            Set(now).symmetricDifference(before).sorted().prefix(4).map { $0 }
        }

        /// With space, the same command completes.
        mutating func complete() throws {
            try full.empty()
            faults += try command.completionFaults(host.host)
        }
    }

    /// The least, the most, and some between them.
    private func choice(of all: [Int]) -> [Int] {
        var generator = SeededGenerator(stream: 31)
        return [all[0]] + Campaign.choice(of: Array(all[1..<(all.count - 1)]), about: 2, &generator) + [
            all[all.count - 1]
        ]
    }

    /// Runs the command on a copy of `template` with so many free blocks.
    private func attempt(
        _ command: FaultCommand, _ template: DiskHost, filling fill: (SmallDisk) throws -> Void, onBoot: Bool = false
    ) throws -> Trial {
        let host = try DiskHost(copying: template)
        var trial = Trial(command: command, host: host, full: onBoot ? host.boot ?? host.disk : host.disk)
        try fill(trial.full)
        let everything = try trial.everything()
        let result = try host.host.hostctl(command.arguments(host.host))
        try trial.judge(result, everything)
        try trial.complete()
        try host.unmount()
        return trial
    }

    @Test("with any number of free blocks a command is done, or refused with 4 and the old state", arguments: all)
    func blocks(_ command: FaultCommand) throws {
        let template = try DiskHost.template(command)
        var refusals = 0
        let all = [0, 1, 2, 3, 5, 8, 16, 32, 64, 100, 150, 200, 250, 270, 290, 310, 350, 400, 450, 500, 600, 800]
        let numbers = choice(of: all)
        for free in numbers {
            let trial = try attempt(command, template, filling: { try $0.fill(leaving: free) })
            expectNone(trial.faults, "\(command.name) with \(free) free blocks")
            if trial.refused { refusals += 1 }
        }
        print("\(command.name): refused with \(refusals) numbers of free blocks")
        // What only removes may always be done.
        #expect(refusals > 0 || command.name == FaultCommand.cleanupDownloads.name)
        #expect(refusals < numbers.count)
    }

    @Test("with any number of files that can be made, too", arguments: commands)
    func files(_ command: FaultCommand) throws {
        let template = try DiskHost.template(command, files: 1024)
        var refusals = 0
        let all = [0, 1, 2, 4, 8, 16, 32, 48, 64, 80, 96, 128, 160, 200, 250]
        let numbers = choice(of: all)
        for free in numbers {
            let trial = try attempt(command, template, filling: { try $0.fillFiles(leaving: free) })
            expectNone(trial.faults, "\(command.name) with room for \(free) files")
            if trial.refused { refusals += 1 }
        }
        print("\(command.name): refused with \(refusals) numbers of free files")
        #expect(refusals > 0 && refusals < numbers.count)
    }

    @Test("a /boot of its own with any number of free blocks, too", arguments: commands + [.rollback])
    func boot(_ command: FaultCommand) throws {
        let template = try DiskHost.template(command, bootSize: 4 << 20)
        var refusals = 0
        let all = [0, 1, 2, 3, 5, 8, 16, 32, 64, 128, 200, 250, 260, 300, 330, 340, 400, 500]
        let numbers = choice(of: all)
        for free in numbers {
            let trial = try attempt(command, template, filling: { try $0.fill(leaving: free) }, onBoot: true)
            expectNone(trial.faults, "\(command.name) with \(free) free blocks in /boot")
            if trial.refused { refusals += 1 }
        }
        print("\(command.name): refused with \(refusals) numbers of free blocks in /boot")
        #expect(refusals > 0 && refusals < numbers.count)
    }

    @Test("a disk that becomes full at any stage of a command", arguments: all)
    func stages(_ command: FaultCommand) throws {
        try fill(command, bootSize: nil)
    }

    @Test("a /boot that becomes full at any stage of a command", arguments: commands + [.rollback])
    func bootStages(_ command: FaultCommand) throws { try fill(command, bootSize: 4 << 20) }

    private func fill(_ command: FaultCommand, bootSize: Int?) throws {
        let template = try DiskHost.template(command, bootSize: bootSize)
        var (reached, refused) = (0, 0)
        var generator = SeededGenerator(stream: 30)
        let points = try ReachedPoints.firstAndLast(of: command)
        for point in Campaign.choice(of: points, about: 2, &generator) {
            for free in Campaign.isFull ? [0, 2] : [0] {
                // Which thread comes where how often is not the same each time.
                guard let trial = try interrupt(command, template, point, leaving: free) else { break }
                reached += 1
                if trial.refused { refused += 1 }
                expectNone(trial.faults, "\(command.name) with \(free) free blocks from \(point) on")
            }
        }
        let place = bootSize == nil ? "disk" : "/boot"
        print("\(command.name): the \(place) became full at \(reached) stages, \(refused) of them failed")
        #expect(reached > 0)
    }

    /// - Returns: nothing when the command does not come to the point.
    private func interrupt(
        _ command: FaultCommand, _ template: DiskHost, _ point: String, leaving free: Int
    ) throws -> Trial? {
        let host = try DiskHost(copying: template)
        var trial = Trial(command: command, host: host, full: host.boot ?? host.disk)
        let everything = try trial.everything()
        let process = try ChildProcess(
            [BuiltProducts.hostctl] + command.arguments(host.host), environment: FaultyCalls.stopping(at: point))
        guard process.waitUntilStopped() else {
            _ = try process.wait()
            try host.unmount()
            return nil
        }
        try trial.full.fill(leaving: free)
        process.signal(SIGCONT)
        try trial.judge(process.wait(), everything)
        try trial.complete()
        try host.unmount()
        return trial
    }
}
