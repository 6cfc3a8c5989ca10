public import LinuxSystem

/// Why a boot could not be assessed.
public enum BootAssessmentError: Error, Equatable {
    case noSysroot(String)
    /// A sysroot whose boot entries are not ours: nothing counts there.
    case noBootPartition(String)
    case unmounted(String)
    /// No deployment has this index.
    case unknown(Int)
    /// What runs is no deployment.
    case notBooted
    /// A deployment that no boot entry leads to.
    case noEntry(String)
}

extension BootAssessmentError: ExplainedError {
    public var reason: String {
        switch self {
        case .noSysroot(let path): "\(path) is no sysroot"
        case .noBootPartition(let path): "\(path) has no boot partition of hostctl's, and nothing counts its boots"
        case .unmounted(let text): text
        case .unknown(let index): "no deployment with a boot entry has the index \(index)"
        case .notBooted: "what runs is no deployment of this sysroot"
        case .noEntry(let title): "no boot entry leads to \(title)"
        }
    }

    public var advice: String? {
        switch self {
        case .noSysroot: "name one with --sysroot"
        case .noBootPartition: "hosts that 'hostctl install disk' has made have one"
        case .unmounted: "mount it there and run the command again"
        case .unknown, .notBooted: "'hostctl status' shows the indexes"
        case .noEntry: nil
        }
    }
}
