import Glibc

/// Named places where a test can end the process, as a power cut or an operator's kill would.
///
/// `HOSTCTL_FAULT_POINT=NAME` kills the process with SIGKILL the first time the place is reached;
/// `NAME:3` the third time. Without the variable a fault point is one comparison.
public enum FaultPoint {
    private static let chosen: (name: String, count: Int)? = getenv("HOSTCTL_FAULT_POINT").map { value in
        let parts = String(cString: value).split(separator: ":", maxSplits: 1).map(String.init)
        return (parts.first ?? "", parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
    }
    private static let visits = Guarded(0)

    /// Marks the place `name`; see the type.
    public static func reached(_ name: StaticString) {
        guard let chosen, chosen.name == "\(name)" else { return }
        let visit = visits.with { count in
            count += 1
            return count
        }
        if visit == chosen.count { kill(getpid(), SIGKILL) }
    }
}
