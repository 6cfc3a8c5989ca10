public import ArgumentParser

extension ExitCode {
    /// 3: not signed by a trusted key, bound to something else, or older than allowed.
    public static let untrusted = ExitCode(3)
    /// 4: a disk is full or would be.
    public static let noSpace = ExitCode(4)
    /// 5: the origin cannot be reached or does not answer as it should.
    public static let network = ExitCode(5)
    /// 6: another process holds the lock.
    public static let locked = ExitCode(6)
    /// 7: a restart is needed first.
    public static let needsReboot = ExitCode(7)
    /// 2: the command line is wrong.
    public static let usage = ExitCode(2)
    /// 77: nothing to do, with `--unchanged-exit-77`.
    public static let unchanged = ExitCode(77)
}
