/// Everything `hostctl status` shows: the deployments, what is wrong, and what went wrong last time.
public struct SysrootReport: Sendable, Equatable {
    /// The physical root that was read.
    public var root: String
    /// Whether it is the root of the running system.
    public var isRunning = false
    /// Whether /usr of the running system can be written, until the next boot.
    public var isUsrWritable = false
    /// What the host follows; `nil` before an installation, or when it cannot be read.
    public var state: SysrootState?
    /// In boot order, those without a boot entry last.
    public var deployments: [DeploymentRecord] = []
    /// Whose /etc will be merged into what is staged: it is needed until then.
    public var mergeSource: DeploymentName?
    /// Damage that belongs to no deployment.
    public var problems: [SysrootProblem] = []
    /// The last change, if it failed.
    public var lastFailure: FailureRecord?
    /// The last automatic update, if there was one.
    public var lastAutomaticRun: AutomaticRun?
    /// Why automatic updates wait, if they do or did.
    public var hold: UpdateHold?
    /// What became of boots, where somebody counts them.
    public var boots: BootRecords?
    /// When this was written into the status file: seconds since 1970; `nil` for what was read just now.
    public var writtenAt: Int64?

    public init(root: String) { self.root = root }

    /// The deployments that have a boot entry, the default first.
    public var listed: [DeploymentRecord] { deployments.filter(\.isListed) }
    /// What the next boot starts.
    public var defaultDeployment: DeploymentRecord? { deployments.first { $0.isDefault } }
    /// What the next shutdown makes the default.
    public var staged: DeploymentRecord? { deployments.first { $0.isStaged } }
    /// What will run after a restart: what is staged, or else the default.
    public var nextBoot: DeploymentRecord? { staged ?? defaultDeployment }
    /// What runs now.
    public var booted: DeploymentRecord? { deployments.first { $0.isBooted } }
    /// What `hostctl rollback` would make the default: the next one of the same stateroot that nothing is known against.
    public var rollback: DeploymentRecord? {
        guard let current = defaultDeployment else { return nil }
        return listed.dropFirst().first { $0.stateroot == current.stateroot && reasonAgainst($0) == nil }
    }
    /// Why nobody should go back to a deployment, where boots are counted: one sentence without a full stop.
    public func reasonAgainst(_ record: DeploymentRecord) -> String? {
        if let reason = boots?.reasonAgainst(record.name) { return reason }
        // Where nobody counts, what is listed is what stock tools would go back to.
        return boots != nil || record.isOnTrial ? record.obstacle : nil
    }
    /// All damage, that of the sysroot first.
    public var allProblems: [SysrootProblem] { problems + deployments.flatMap(\.problems) }
}
