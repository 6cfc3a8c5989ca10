import LinuxSystem
import SysrootFixtures
import TestSupport

/// Values that are made once for each name, the first time that they are asked for: preparing is what costs.
final class MadeOnce<Value>: Sendable {
    /// What is made is only read afterwards.
    private struct Made: @unchecked Sendable { let value: Value }

    private let made = Guarded<[String: Made]>([:])

    /// Others wait while something is made.
    func value(_ name: String, _ make: () throws -> Value) throws -> Value {
        try made.with { known in
            if let present = known[name] { return present }
            let value = Made(value: try make())
            known[name] = value
            return value
        }.value
    }
}

/// The fault points that commands come to.
enum ReachedPoints {
    private static let known = MadeOnce<[String]>()

    /// What a command comes to that nothing happens to, in this order, each as often as it is reached.
    static func sequence(of command: FaultCommand) throws -> [String] {
        try known.value(command.name) {
            let host = try command.makeHost()
            let result = try host.hostctl(command.arguments(host), environment: ["HOSTCTL_FAULT_POINT": "list"])
            guard result.status == 0 else { throw CommandFailed(command: command.name, errors: result.errorText) }
            return result.errorText.split(separator: "\n").filter { $0.hasPrefix(FaultPoint.listed) }
                .map { String($0.dropFirst(FaultPoint.listed.count)) }
        }
    }

    /// The first and the last time that the command comes to each, as `HOSTCTL_FAULT_POINT` takes them.
    static func firstAndLast(of command: FaultCommand) throws -> [String] {
        var counts: [String: Int] = [:]
        let sequence = try sequence(of: command)
        for name in sequence { counts[name, default: 0] += 1 }
        return counts.sorted { $0.key < $1.key }.flatMap {
            $0.value > 1 ? [$0.key, "\($0.key):\($0.value)"] : [$0.key]
        }
    }

    /// Whether hardly anything can be left to do after a point.
    static func isAtTheEnd(_ point: String, of command: FaultCommand) throws -> Bool {
        let sequence = try sequence(of: command)
        let parts = point.split(separator: ":").map(String.init)
        let visit = parts.count > 1 ? Int(parts[1]) : 1
        return sequence.suffix(2).contains(parts[0]) && sequence.count { $0 == parts[0] } == visit
    }
}
