public import ArgumentParser
public import LinuxSystem

extension ExitCode {
    /// 2: the command line is wrong.
    public static let usage = ExitCode(2)
    /// 77: nothing to do, with `--unchanged-exit-77`.
    public static let unchanged = ExitCode(77)

    /// The one table of exit codes; `docs/errors.md` explains it.
    public init(_ category: FailureCategory) {
        switch category {
        case .failed: self.init(1)
        case .untrusted: self.init(3)
        case .noSpace: self.init(4)
        case .network: self.init(5)
        case .locked: self.init(6)
        case .needsReboot: self.init(7)
        }
    }
}
