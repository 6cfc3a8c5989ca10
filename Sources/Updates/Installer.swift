import Deployments
public import LinuxSystem
import ObjectStorage
import Releases
public import Signatures
public import Sysroots
public import SystemPackage
public import Transfers

/// What a new sysroot will be.
public struct InstallRequest: Sendable {
    public var following: SysrootState
    /// The newest of the channel by default.
    public var version: String?
    public var stateroot: String
    /// The keys to trust, by the file names that they will have in `/etc/hostctl/trusted-keys.d`.
    public var trustedKeys: [(name: String, key: PublicKey)]
    /// Besides those of the image.
    public var kernelArguments: [String]

    public init(
        following: SysrootState, version: String? = nil, stateroot: String,
        trustedKeys: [(name: String, key: PublicKey)],
        kernelArguments: [String] = []
    ) {
        self.following = following
        self.version = version
        self.stateroot = stateroot
        self.trustedKeys = trustedKeys
        self.kernelArguments = kernelArguments
    }
}

/// Makes a sysroot out of a release. What it installs is verified exactly as an update is.
public struct Installer {
    public let root: FilePath
    public let version: String
    public let options: TransferOptions
    public let progress: ProgressHandler
    /// What an empty sysroot takes, with room to spare.
    private static let skeleton: (bytes: Int64, files: Int64) = (1 << 18, 64)
    static let command = "hostctl install sysroot"

    public init(root: FilePath, version: String, options: TransferOptions, progress: @escaping ProgressHandler) {
        self.root = root
        self.version = version
        self.options = options
        self.progress = progress
    }

    /// Installs; an interrupted installation is completed by running it again.
    ///
    /// - Throws: as `Updater.run`; `DeploymentError.alreadyInstalled`.
    public func run(_ request: InstallRequest) throws -> UpdateOutcome {
        let keys = TrustedKeys(keys: request.trustedKeys)
        if keys.keys.isEmpty { throw UpdateError.noTrustedKeys(folders: ["--trusted-key"]) }
        let (client, manifest, signed, sequence) = try findRelease(request, keys)
        if let finished = try finishInterrupted(manifest, request) { return finished }
        // Only now, when there is something to install and room for it, is anything written.
        try requireSpace(manifest, request)
        try SysrootChange.initialize(root: root, stateroot: request.stateroot)
        let paths = SysrootPaths(root: root)
        let store = try Store(opening: paths.repository)
        let downloads = Downloads(paths)
        let lock = try downloads.lock("\(Self.command) (pid \(ProcessStart.id))", seconds: 0, waiting: { _ in })
        var fetch = ReleaseFetch(
            origin: request.following.origin, store: store, downloads: downloads, keys: keys, options: options,
            progress: progress)
        fetch.reserve = try SpaceCheck.estimate(like: nil, in: nil)
        fetch.hasBegun = true
        try requireBoot(manifest, request)
        let size = manifest.fetchSize(from: nil)
        var outcome = UpdateOutcome(result: .deployed, manifest: manifest, previous: nil, size: size)
        outcome.fetched = try fetch.run(
            manifest, signed: signed, client: client, size: size, usesPatches: false)
        progress(ProgressReport("deploying"))
        var following = request.following
        following.sequence = sequence
        try following.save(paths)
        outcome.deployment = try deploy(manifest, request)
        try downloads.clear(store)
        _ = consume lock
        return outcome
    }

    /// The release that a request names, without installing anything.
    ///
    /// - Throws: as `run`.
    func manifest(of request: InstallRequest) throws -> ReleaseManifest {
        let keys = TrustedKeys(keys: request.trustedKeys)
        if keys.keys.isEmpty { throw UpdateError.noTrustedKeys(folders: ["--trusted-key"]) }
        return try findRelease(request, keys).1
    }

    /// Asks the file system that the folder will be on; a store that is there already has a part of it.
    private func requireSpace(_ manifest: ReleaseManifest, _ request: InstallRequest) throws {
        guard !Files.exists(SysrootPaths(root: root).repository) else { return }
        var place = root
        while !Files.isFolder(place), place.components.count > 0 { place.removeLastComponent() }
        let deployment = try SpaceCheck.estimate(like: nil, in: nil)
        let needed = SpaceNeeded(
            manifest.full,
            (bytes: deployment.bytes + Self.skeleton.bytes, files: deployment.files + Self.skeleton.files))
        try needed.require(at: place, hasBegun: false)
        if Files.isFolder(SysrootPaths(root: root).boot) { try requireBoot(manifest, request) }
    }

    private func requireBoot(_ manifest: ReleaseManifest, _ request: InstallRequest) throws {
        try SpaceCheck(SysrootPaths(root: root)).requireBoot(kernel: manifest.kernel, stateroot: request.stateroot)
    }

    /// An installation that was interrupted after its last switch, or is asked for twice, has nothing left to do.
    private func finishInterrupted(_ manifest: ReleaseManifest, _ request: InstallRequest) throws -> UpdateOutcome? {
        let reader = SysrootReader(root: root)
        let paths = SysrootPaths(root: root)
        guard reader.isSysroot, !PendingChange.exists(in: paths),
            try SysrootState.load(paths)?.follows(request.following) == true,
            let deployment = reader.report().defaultDeployment, deployment.checksum == manifest.commit
        else { return nil }
        try Downloads(paths).clear(Store(opening: paths.repository))
        var outcome = UpdateOutcome(result: .unchanged, manifest: manifest, previous: deployment, size: manifest.full)
        outcome.deployment = deployment
        return outcome
    }

    private func findRelease(
        _ request: InstallRequest, _ keys: TrustedKeys
    ) throws -> (ReleaseClient, ReleaseManifest, [UInt8], Int64) {
        let client = ReleaseClient(origin: request.following.origin, keys: keys, options: options)
        let channel = try ChannelName(request.following.channel)
        progress(ProgressReport("looking for releases"))
        let (manifest, signed, index) = try client.release(
            channel: channel, architecture: Architecture(request.following.architecture),
            version: request.version.map { (text) throws(ReleaseError) in try VersionName(text) })
        try manifest.requireSupport(by: self.version)
        return (client, manifest, signed, index.sequence)
    }

    private func deploy(_ manifest: ReleaseManifest, _ request: InstallRequest) throws -> DeploymentRecord {
        let change = try SysrootChange(root: root, command: Self.command)
        return try change.deploy(
            DeployRequest(
                commit: manifest.commit, refspec: manifest.ref, stateroot: request.stateroot,
                kernelArguments: request.kernelArguments,
                trustedKeys: request.trustedKeys.map { (name: $0.name, pem: $0.key.pem) }))
    }
}
