import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing

/// The calls that commands make, and what becomes of a command when one of them fails.
enum FailingCalls {
    private static let known = MadeOnce<[FaultyCalls.Call]>()

    /// The changing calls of a command that nothing happens to.
    static func record(_ command: FaultCommand) throws -> [FaultyCalls.Call] {
        try known.value(command.name) { try recordAnew(command) }
    }

    private static func recordAnew(_ command: FaultCommand) throws -> [FaultyCalls.Call] {
        let host = try command.makeHost()
        let log = host.sysroot.beside("calls")
        let faulty = FaultyCalls(root: command.changedFolder(host))
        let result = try host.hostctl(command.arguments(host), environment: faulty.recording(to: log))
        guard result.status == 0 else { throw SystemError("record the calls of", command.name) }
        return try FaultyCalls.calls(in: log)
    }

    /// Calls whose failure is nobody's business: their answer only serves messages, or tidiness.
    static func isHarmless(_ call: FaultyCalls.Call, in command: FaultCommand) -> Bool {
        // An object that cannot be taken from a deployment is fetched, and an exit code of 0 says that it was.
        if command.mends, call.path.contains("/objects/"), ["link", "unlink", "fsync"].contains(call.function) {
            return true
        }
        // A folder of objects that cannot be moved as a whole is moved object by object.
        if call.function == "rename", call.path.contains("/objects/") { return true }
        // libostree removes what it is about to make under this name, and then finds out whether it could.
        if call.function == "unlinkat", call.path.hasSuffix(".tmp") { return true }
        // libostree copies the times of settings as well as it can.
        if call.function == "futimens", call.path.contains("/etc/") { return true }
        // libostree's lock files.
        if call.function == "unlinkat", call.path.hasSuffix("/ostree/lock") { return true }
        // Who holds a lock is written into it for those who wait.
        if call.path.hasSuffix("/lock") || call.path.hasSuffix("/.lock") {
            return ["pwrite", "pwrite64", "ftruncate", "ftruncate64"].contains(call.function)
        }
        return false
    }

    /// Runs a command in which the fault comes to call `number`, and looks at the exit code, the message, what there
    /// is afterwards, and whether the same command completes.
    ///
    /// - Returns: what is not as it must be, and the call that failed; no call when the command made fewer.
    static func run(
        _ command: FaultCommand, _ action: FaultyCalls.Action, _ code: Errno, at number: Int
    ) throws -> (faults: [String], call: FaultyCalls.Call?) {
        let host = try command.makeHost()
        let log = host.sysroot.beside("calls")
        let faulty = FaultyCalls(root: command.changedFolder(host))
        let result = try host.hostctl(
            command.arguments(host), environment: faulty.environment(action, at: number, log: log))
        guard let call = try FaultyCalls.calls(in: log).first else {
            return (result.status == 0 ? [] : ["without a fault: \(result.errorText)"], nil)
        }
        var faults = judge(command, result, code, call)
        faults += try command.damage(host)
        faults += try command.completionFaults(host)
        return (faults.map { "\(command.name), \(action), \(call): \($0)" }, call)
    }

    private static func judge(_ command: FaultCommand, _ result: ProcessResult, _ code: Errno, _ call: FaultyCalls.Call)
        -> [String]
    {
        if result.status == 0 { return isHarmless(call, in: command) ? [] : ["the failure was swallowed"] }
        let expected: Int32 = code == .noSpace || code.rawValue == Errno.diskQuotaExceeded.rawValue ? 4 : 1
        var faults: [String] = []
        if result.end != .exited(expected) { faults.append("it ended with \(result.end): \(result.errorText)") }
        // What was done, to what, and why it did not work.
        let text = command.message(result)
        if !text.contains("cannot ") || !text.contains("\(code)") { faults.append("it says: \(text)") }
        return faults
    }
}

extension Errno {
    static let diskQuotaExceeded = Errno(rawValue: 122)  // EDQUOT
}

/// One changing call after the other fails, over whole commands.
@Suite struct FailingCallTests {
    @Test("the calls of a command are seen, and a failing one fails it")
    func counted() throws {
        let calls = try FailingCalls.record(.pin)
        #expect(calls.count > 5)
        let functions = Set(calls.map(\.function))
        #expect(functions.contains("fsync"), "\(functions)")
        let result = try FailingCalls.run(.pin, .fail(.ioError), .ioError, at: calls.count + 1)
        #expect(result.call == nil && result.faults == [])
    }

    @Test(
        "one call that fails fails the command, which says so, leaves old or new whole, and completes when run again",
        .enabled(if: isThorough, "takes minutes; left out of the quick run"), arguments: FaultCommand.all)
    func once(_ command: FaultCommand) throws { try sweep(command, .ioError, about: 5, stream: 10) { .fail($0) } }

    @Test(
        "a file system that becomes read-only fails the command, which says so, and completes when it is writable",
        .enabled(if: isThorough, "takes minutes; left out of the quick run"), arguments: FaultCommand.all)
    func readOnly(_ command: FaultCommand) throws {
        try sweep(command, .readOnlyFileSystem, about: 2, stream: 11) { .failFromHere($0) }
    }

    @Test(
        "a quota that is used up fails the command with 4, and it completes when there is room",
        .enabled(if: isThorough, "takes minutes; left out of the quick run"), arguments: FaultCommand.all)
    func quota(_ command: FaultCommand) throws {
        try sweep(command, .diskQuotaExceeded, about: 2, stream: 12) { .failFromHere($0) }
    }

    private func sweep(
        _ command: FaultCommand, _ code: Errno, about count: Int, stream: UInt64,
        _ action: (Errno) -> FaultyCalls.Action
    ) throws {
        var generator = SeededGenerator(stream: stream)
        let all = try FailingCalls.record(command)
        let chosen = Campaign.choice(of: all, about: count, full: 10 * count, &generator)
        var failed = 0
        for call in chosen {
            let (faults, call) = try FailingCalls.run(command, action(code), code, at: call.number)
            if call != nil { failed += 1 }
            #expect(faults == [], "seed \(Campaign.seed)")
        }
        print("\(command.name), \(action(code)): \(failed) of \(all.count) calls have failed")
        #expect(failed > 0)
    }
}
