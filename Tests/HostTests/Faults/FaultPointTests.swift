import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing

/// Every named fault point of the sources is hit by kill -9, and the command it hits is completed by running it again.
@Suite struct FaultPointTests {
    /// All names that stand in the sources: a new one takes part by itself, and fails here when no command comes there.
    static let points: [String] = {
        let sources = FilePath(#filePath).removingLastComponent().appending("../../../Sources")
        do {
            let result = try run(["/usr/bin/grep", "-rhoE", "FaultPoint\\.reached\\(\"[^\"]*\"\\)", sources.string])
            let names = result.text.split(separator: "\n").map { $0.split(separator: "\"")[1] }
            return Set(names.map(String.init)).sorted()
        } catch {
            return []
        }
    }()

    /// One of each area, and those next to a switch.
    private static let quick = points.filter { $0.hasSuffix("-switch") || $0.hasSuffix("-index") }

    @Test("the sources are found, and have fault points") func found() { #expect(Self.points.count > 30) }

    @Test("a fault point that nothing comes to would be told")
    func unknown() throws { #expect(try killed(.pin, at: "nowhere.at-all") == nil) }

    @Test(
        "killed at any fault point, old or new is whole, and the same command completes",
        arguments: isThorough ? points : quick)
    func kill(_ point: String) throws {
        let commands = FaultCommand.all.sorted { affinity($0, point) > affinity($1, point) }
        var kills = 0
        for command in commands where try ReachedPoints.sequence(of: command).contains(point) {
            guard let host = try killed(command, at: point) else { continue }
            kills += 1
            expectNone(try command.damage(host), "\(command.name) killed at \(point)")
            expectNone(try command.completionFaults(host), "\(command.name) killed at \(point)")
            if !Campaign.isFull { break }
        }
        if Campaign.isFull { print("\(point): \(kills) commands killed") }
        if kills == 0, try !isHitElsewhere(point) {
            Issue.record("no command comes to \(point): add one to FaultCommand.all")
        }
    }

    private func isHitElsewhere(_ point: String) throws -> Bool {
        // These need damage of their own kinds, a host that has booted, a hostile or broken origin.
        var files: [String] = []
        switch point.prefix(while: { $0 != "." }) {
        case "repair":
            files = ["RepairTests.swift"]
            files += ["PartitionRepairTests", "FactoryResetTests"].map { "../DeploymentsTests/\($0).swift" }
        case "fallback": files = ["../DeploymentsTests/FallbackTests.swift"]
        // A table is cut there by hand: growing takes a disk with partitions that the kernel knows.
        case "grow": files = ["../DisksTests/PartitionGrowthTests.swift"]
        case "restart": files = ["UnitTests.swift"]
        case "reset": files = ["../DeploymentsTests/FactoryResetTests.swift"]
        // These need a boot partition.
        case "stage", "finalize", "discard", "mirror", "prune", "deploy":
            files = ["../DeploymentsTests/PartitionKillTests.swift"]
        case "boot":
            files = ["KillTests.swift", "LoaderTests.swift"].map { "../BootLoadersTests/\($0)" }
            files.append("../DeploymentsTests/PartitionKillTests.swift")
        // The judgement of a boot takes a host that has booted from its boot partition.
        case "bad", "good", "fail": files = ["AssessmentKillTests.swift"]
        // An installation onto a disk takes a real image.
        case "disk": files = ["../BootTests/InstallDiskTests.swift"]
        default: break
        }
        if try files.contains(where: { try isNamed(point, in: $0) }) { return true }
        return try ["HostilePatchesTests", "HostileRouteTests", "HostilePackTests"].contains {
            try isNamed(point, in: "\($0).swift")
        }
    }

    private func isNamed(_ point: String, in file: String) throws -> Bool {
        let path = FilePath(#filePath).removingLastComponent().removingLastComponent().appending(file)
        let text = String(decoding: try Files.read(path, limit: 1 << 20), as: UTF8.self)
        // The end of the name, or which of its visits.
        return text.contains("\"\(point)\"") || text.contains("\"\(point):")
    }

    /// The likeliest command first: most points are named after it.
    private func affinity(_ command: FaultCommand, _ point: String) -> Int {
        let area = point.prefix { $0 != "." }
        if command.name.contains(area) { return 2 }
        return command.name == "upgrade" ? 1 : 0
    }

    /// - Returns: the host, when the command was killed there.
    private func killed(_ command: FaultCommand, at point: String) throws -> HostFixture? {
        let host = try command.makeHost()
        let result = try host.hostctl(command.arguments(host), environment: ["HOSTCTL_FAULT_POINT": point])
        if result.end == .signaled(9) { return host }
        #expect(result.status == 0, "\(command.name): \(result.errorText)")
        return nil
    }
}
