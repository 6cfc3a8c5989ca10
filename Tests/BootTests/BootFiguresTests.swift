import LinuxSystem
import PowerCuts
import SystemPackage
import TestSupport
import Testing

/// What booting, updating and going back take, beside a minimal Debian on the same machine in the same run.
///
/// `Tests/BootTests/figures` runs it. Only ratios and the order of things mean something: there is no KVM.
@Suite(
    "figures of machines",
    .enabled(if: BootFixture.isPossible && ProcessVariables["HOSTCTL_FIGURES"] != nil, "only HOSTCTL_FIGURES=rounds"),
    .serialized)
struct BootFiguresTests {
    private let rounds = max(1, ProcessVariables["HOSTCTL_FIGURES"].flatMap { Int($0) } ?? 3)

    @Test("the lean host is up before a minimal Debian, in less memory and of less disk")
    func boots() throws {
        let fixture = try BootFixture.shared.get()
        let hosts = [
            ("lean host", try Machine(fixture.disk("systemd-boot"), firmware: .uefi)),
            ("minimal Debian", try Machine(plainDebian(fixture), firmware: .uefi)),
        ]
        // Both make what only a first boot makes.
        for (_, machine) in hosts {
            try machine.boot()
            _ = try machine.waitUntilStarted()
            try machine.switchOff()
        }
        var seen: [String: [Sample]] = [:]
        for _ in 0..<rounds {
            for (name, machine) in hosts {
                try machine.boot()
                #expect(try machine.waitUntilStarted().hasPrefix("running"))
                seen[name, default: []].append(try Sample(machine))
                try machine.switchOff()
            }
        }
        let medians = hosts.map { (name: $0.0, sample: Sample.medians(seen[$0.0] ?? [])) }
        for (name, sample) in medians { print("figure: \(name), \(sample)") }
        let (lean, plain) = (medians[0].sample, medians[1].sample)
        print("figure: to multi-user, \(lean.total / plain.total) of a minimal Debian")
        #expect(lean.total < plain.total)
        #expect(lean.memory < plain.memory)
    }

    /// A disk with it, made once for the fixture.
    private func plainDebian(_ fixture: BootFixture) throws -> FilePath {
        let disk = fixture.folder.appending("plain-debian.qcow2")
        if Files.exists(disk) { return disk }
        let folder = try TemporaryFolder()
        let agent = try folder.write("agent", text: MachineAgent.program)
        let unit = try folder.write("unit", text: MachineAgent.unit)
        try Machine.need(
            run(["Tests/BootTests/plain-debian", disk.string, agent.string, unit.string], timeout: 1500))
        return disk
    }

    @Test("an upgrade is staged, finalized and taken back in a machine")
    func update() throws {
        let fixture = try BootFixture.shared.get()
        let machine = try Machine(fixture.disk("systemd-boot"), firmware: .uefi, origin: fixture.origin)
        try machine.boot()
        _ = try machine.waitUntilStarted()
        try show("staging", machine, "hostctl upgrade --progress none")
        try show("finalization", machine, "hostctl finalize --now")
        try machine.restart()
        #expect(try machine.release() == "2")
        _ = try machine.waitUntilStarted()
        try show("rollback", machine, "hostctl rollback")
        print("figure: boot partition\n\(try machine.run("cd /boot/efi && du -k hostctl/* && df -k .; free -m"))")
    }

    private func show(_ name: String, _ machine: Machine, _ command: String) throws {
        let output = try machine.run("time -p \(command)", timeout: 600).split(separator: "\n").suffix(3)
        print("figure: \(name) in a machine, \(output.joined(separator: ", ")) seconds")
    }
}

/// What one boot took.
private struct Sample: CustomStringConvertible {
    /// Seconds from the kernel's first instruction to that of init, and from there until everything was started.
    var kernel: Double
    var userspace: Double
    /// Used, in MiB.
    var memory: Double
    /// Used of the root file system, in MiB.
    var disk: Double
    var total: Double { kernel + userspace }

    init(_ machine: Machine) throws {
        let show =
            "systemctl show --value -p KernelTimestampMonotonic -p UserspaceTimestampMonotonic -p FinishTimestampMonotonic"
        let script =
            "\(show); free -m | awk '/^Mem/ { print $3 }'; df -m / /sysroot 2>/dev/null | awk 'END { print $3 }'"
        let numbers = try machine.run(script).split(separator: "\n").compactMap { Double($0) }
        guard numbers.count == 5 else { throw Machine.Failure(description: "no figures: \(numbers)") }
        (kernel, userspace) = ((numbers[1] - numbers[0]) / 1e6, (numbers[2] - numbers[1]) / 1e6)
        (memory, disk) = (numbers[3], numbers[4])
    }

    /// The median of each of them.
    static func medians(_ samples: [Sample]) -> Sample {
        var middle = samples[0]
        for path in [\Sample.kernel, \.userspace, \.memory, \.disk] {
            middle[keyPath: path] = samples.map { $0[keyPath: path] }.sorted()[samples.count / 2]
        }
        return middle
    }

    var description: String {
        "kernel \(kernel) s, userspace \(userspace) s, \(Int(memory)) MiB used, \(Int(disk)) MiB of disk"
    }
}
