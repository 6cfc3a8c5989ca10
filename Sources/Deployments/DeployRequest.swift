public import Checksums
public import EtcMerges

/// A deployment to be made.
public struct DeployRequest: Sendable {
    /// The commit; all its objects are in the store.
    public var commit: Checksum
    /// The ref it came from, for the origin file: without a remote, as `lean-host/stable/x86_64`.
    public var refspec: String
    /// Where it belongs; by default the stateroot of the deployment that the next boot starts.
    public var stateroot: String?
    /// Arguments for the kernel besides those of the image and those that the host has already.
    public var kernelArguments: [String]
    /// All arguments for the kernel, in place of those of the image and the host.
    public var exactKernelArguments: [String]?
    /// Who wins where both the operator and the image have changed a file of /etc.
    public var etcPolicy = EtcPolicy.keep
    /// What of the present /etc a factory reset keeps; `nil` for a merge.
    var resetting: [EtcPath]?
    /// Told what the merge of /etc comes to, before anything is merged or switched.
    public var announce: @Sendable (EtcPlan) -> Void = { _ in }
    /// Whether to remove what is only kept to go back to, where the boot partition is too full otherwise.
    public var prunes = false
    /// Public keys in PEM to be written into the deployment's /etc, by file name: trust at installation.
    public var trustedKeys: [(name: String, pem: String)]

    public init(
        commit: Checksum, refspec: String, stateroot: String? = nil, kernelArguments: [String] = [],
        trustedKeys: [(name: String, pem: String)] = []
    ) {
        self.commit = commit
        self.refspec = refspec
        self.stateroot = stateroot
        self.kernelArguments = kernelArguments
        self.trustedKeys = trustedKeys
    }
}
