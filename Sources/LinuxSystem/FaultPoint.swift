import Glibc

/// Named places where a test can end the process, as a power cut or an operator's kill would.
///
/// `HOSTCTL_FAULT_POINT=NAME` kills the process with SIGKILL the first time the place is reached;
/// `NAME:3` the third time; `list` names each place on standard error instead. Without the variable a fault point is one
/// comparison.
public enum FaultPoint {
    private static let chosen: (name: String, count: Int)? = getenv("HOSTCTL_FAULT_POINT").map { value in
        let parts = String(cString: value).split(separator: ":", maxSplits: 1).map(String.init)
        return (parts.first ?? "", parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
    }
    private static let visits = Guarded(0)

    /// Marks the place `name`; see the type.
    public static func reached(_ name: StaticString) {
        guard let chosen else { return }
        if chosen.name == "list" { return tell(name) }
        guard chosen.name == "\(name)" else { return }
        let visit = visits.with { count in
            count += 1
            return count
        }
        if visit == chosen.count { kill(getpid(), SIGKILL) }
    }

    /// What begins a line of the list.
    public static let listed = "fault point "

    private static func tell(_ name: StaticString) {
        let line = Array("\(listed)\(name)\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }
}
