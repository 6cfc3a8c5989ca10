import Glibc
import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing

/// The power of a real file system goes in the middle of a command: what was not flushed is lost.
///
/// ext4's own shutdown does it, which drops whatever the journal has not; a disk that lies about its cache, or writes in
/// another order than it was told, cannot be had without a device mapper.
@Suite(.enabled(if: isThorough && geteuid() == 0, "takes minutes, and mounts file systems"))
struct PowerCutTests {
    static let commands = FaultCommand.all.filter { $0.subject == .sysroot }

    @Test(
        "without power from a fault point on, old or new is whole, and the same command completes", arguments: commands)
    func points(_ command: FaultCommand) throws {
        let template = try DiskHost.template(command)
        var cuts = 0
        var generator = SeededGenerator(stream: 21)
        let points = try ReachedPoints.firstAndLast(of: command)
        for point in Campaign.choice(of: points, about: 2, &generator) {
            let environment = try FaultyCalls.stopping(at: point)
            if try cut(command, template, "at \(point)", { _ in environment }) { cuts += 1 }
        }
        print("\(command.name): the power went at \(cuts) fault points")
        #expect(cuts > 0)
    }

    @Test("without power from any call on, too", arguments: commands)
    func calls(_ command: FaultCommand) throws {
        var generator = SeededGenerator(stream: 20)
        let template = try DiskHost.template(command)
        var cuts = 0
        let calls = try FailingCalls.record(command)
        for call in Campaign.choice(of: calls, about: 2, full: 20, &generator) {
            let isCut = try cut(command, template, "before \(call)") {
                try FaultyCalls(root: $0.root).environment(.stop, at: call.number)
            }
            if isCut { cuts += 1 }
        }
        print("\(command.name): the power went before \(cuts) of \(calls.count) calls")
        #expect(cuts > 0)
    }

    @Test("a file system that breaks down and becomes read-only at a fault point", arguments: commands)
    func breakDown(_ command: FaultCommand) throws {
        let template = try DiskHost.template(command)
        var reached = 0
        var generator = SeededGenerator(stream: 22)
        let points = try ReachedPoints.firstAndLast(of: command)
        for point in Campaign.choice(of: points, about: 2, &generator) {
            let host = try DiskHost(copying: template)
            let process = try ChildProcess(
                [BuiltProducts.hostctl] + command.arguments(host.host), environment: FaultyCalls.stopping(at: point))
            guard process.waitUntilStopped() else {
                _ = try process.wait()
                try host.unmount()
                continue
            }
            reached += 1
            try host.disk.breakDown()
            process.signal(SIGCONT)
            let result = try process.wait()
            // At the last point everything may be on the disk.
            if try result.status != 0 || !ReachedPoints.isAtTheEnd(point, of: command) {
                #expect(result.end == .exited(1), "\(command.name) at \(point): \(result.errorText)")
                let text = command.message(result)
                #expect(text.contains("cannot "), "\(command.name) at \(point): \(text)")
            }
            try host.disk.restart()
            expectNone(try command.damage(host.host), "\(command.name) broken at \(point)")
            expectNone(try command.completionFaults(host.host), "\(command.name) broken at \(point)")
            try host.unmount()
        }
        print("\(command.name): the file system broke down at \(reached) fault points")
        #expect(reached > 0)
    }

    /// - Returns: whether the process came to the place.
    private func cut(
        _ command: FaultCommand, _ template: DiskHost, _ place: String,
        _ environment: (HostFixture) throws -> [String: String]
    ) throws -> Bool {
        let host = try DiskHost(copying: template)
        let process = try ChildProcess(
            [BuiltProducts.hostctl] + command.arguments(host.host), environment: environment(host.host))
        let isStopped = process.waitUntilStopped()
        if isStopped {
            try host.disk.cutPower()
            process.signal(SIGKILL)
        }
        _ = try process.wait()
        if isStopped {
            try host.disk.restart()
            expectNone(try command.damage(host.host), "\(command.name), power cut \(place)")
            expectNone(try command.completionFaults(host.host), "\(command.name), power cut \(place)")
        }
        try host.unmount()
        return isStopped
    }

}
