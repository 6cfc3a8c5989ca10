public import Checksums
public import EtcMerges
public import Releases
public import Sysroots

/// What an update is asked to do.
public struct UpdateRequest: Sendable {
    /// How far to go.
    public enum Goal: Sendable {
        /// Only say what there is.
        case check
        /// Fetch, and deploy later without the network.
        case download
        /// Fetch and deploy.
        case deploy
        /// Deploy what was downloaded; no network.
        case deployDownloaded
    }

    public var goal: Goal
    /// A version of the channel; the newest by default.
    public var version: String?
    /// Whether a release is accepted that is older than the deployed one, or than one that has proved itself here.
    public var allowsDowngrade: Bool
    /// What to follow from now on; what is followed already by default.
    public var following: SysrootState?

    /// Whether deployments that are only kept to go back to give way where the boot partition is too full.
    public var prunes = false
    /// Whether a release is taken that did not come up on this host before.
    public var takesBad = false
    /// The address of a copy of the origin, for this run alone: what is followed stays as it is, and so does what
    /// is accepted.
    public var source: String?
    /// Asked with the commit when nobody else can change anything any more, right before it is deployed. When the
    /// answer is no, the release is downloaded and that is all.
    public var isStillWanted: @Sendable (Checksum) throws -> Bool = { _ in true }

    /// Who wins where both the operator and the image have changed a file of /etc.
    public var etcPolicy = EtcPolicy.keep
    /// Told what the merge of /etc comes to, before anything is merged or switched.
    public var announce: @Sendable (EtcPlan) -> Void = { _ in }

    public init(
        _ goal: Goal, version: String? = nil, allowsDowngrade: Bool = false, following: SysrootState? = nil,
        source: String? = nil
    ) {
        self.goal = goal
        self.version = version
        self.allowsDowngrade = allowsDowngrade
        self.following = following
        self.source = source
    }
}

/// What an update has done.
public struct UpdateOutcome: Sendable {
    /// How far it came.
    public enum Result: String, Sendable {
        /// The release is the default deployment already.
        case unchanged
        /// There is a release, and nothing was done about it.
        case available
        case downloaded
        case deployed
    }

    public let result: Result
    public let manifest: ReleaseManifest
    /// What is deployed at the start.
    public let previous: DeploymentRecord?
    /// What was, or at most will have to be, fetched.
    public var size: FetchSize
    /// What this run has fetched.
    public var fetched = FetchFigures()
    /// The new deployment.
    public var deployment: DeploymentRecord?
    /// What the merge of /etc came to, if there was one.
    public var etc: EtcPlan?
}
