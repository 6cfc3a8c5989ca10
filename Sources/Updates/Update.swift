import Checksums
import Deployments
import EtcMerges
import LinuxSystem
import ObjectFormats
import ObjectStorage
import Releases
import Signatures
import Sysroots
import SystemPackage
import Transfers

/// One run of an updater.
struct Update {
    let updater: Updater
    let request: UpdateRequest
    let reader: SysrootReader
    let store: Store
    let downloads: Downloads
    let keys: TrustedKeys
    let following: SysrootState
    /// Where things are fetched from in this run.
    private var origin: String { request.source ?? following.origin }

    init(_ updater: Updater, _ reader: SysrootReader, _ request: UpdateRequest) throws {
        self.updater = updater
        self.request = request
        self.reader = reader
        guard let following = try request.following ?? SysrootState.load(updater.paths) else {
            throw UpdateError.noOrigin(sysroot: updater.paths.root.string)
        }
        self.following = following
        store = try Store(opening: updater.paths.repository)
        downloads = Downloads(updater.paths)
        keys = try Self.keys(reader)
    }

    private static func keys(_ reader: SysrootReader) throws -> TrustedKeys {
        let keys = try reader.trustedKeys()
        if keys.keys.isEmpty { throw UpdateError.noTrustedKeys(folders: reader.trustedKeyFolders.map(\.string)) }
        return keys
    }

    func check() throws -> UpdateOutcome { try findRelease().outcome }

    /// - Parameter hasBegun: whether something has been written already.
    func run(hasBegun: Bool) throws -> UpdateOutcome {
        request.goal == .deployDownloaded ? try deployDownloaded() : try fetchAndDeploy(hasBegun: hasBegun)
    }

    private func change() throws -> SysrootChange {
        try SysrootChange(
            root: updater.paths.root, command: updater.command, wait: updater.wait, notices: updater.notices)
    }

    private struct Found {
        let outcome: UpdateOutcome
        let sequence: Int64
        let signed: [UInt8]
        let client: ReleaseClient
        let route: ReleaseRoute?
        /// Why a release was not looked at that may have been on the way.
        let routeFailure: String?
    }

    /// Settles which release is meant, and whether it is acceptable, from small signed documents.
    private func findRelease() throws -> Found {
        let client = ReleaseClient(origin: origin, keys: keys, options: updater.options)
        let channel = try ChannelName(following.channel)
        updater.progress(ProgressReport("looking for releases"))
        let (manifest, signed, index) = try client.release(
            channel: channel, architecture: Architecture(following.architecture),
            version: request.version.map { (text) throws(ReleaseError) in try VersionName(text) })
        try requireNewest(index.sequence)
        var outcome = try judge(manifest, index)
        var found: (route: ReleaseRoute?, failure: String?) = (nil, nil)
        if outcome.result == .available { found = route(to: manifest, index, client) }
        outcome.size.routeBytes = found.route?.bytes
        return Found(
            outcome: outcome, sequence: index.sequence, signed: signed, client: client, route: found.route,
            routeFailure: found.failure)
    }

    /// The way through other releases, when patches of the one that is wanted do not start here. What keeps a release from
    /// being looked at is no reason to fail: there are other ways.
    private func route(
        to manifest: ReleaseManifest, _ index: ChannelIndex, _ client: ReleaseClient
    ) -> (route: ReleaseRoute?, failure: String?) {
        let found = client.route(to: manifest, of: index) { store.contains(ObjectName($0, .commit)) }
        guard let route = found.route, route.bytes < manifest.full.compressedBytes else {
            return (nil, found.failure?.reason)
        }
        return (route, found.failure?.reason)
    }

    /// An index that has been replaced is still signed; only its number tells.
    private func requireNewest(_ sequence: Int64) throws {
        guard let state = try SysrootState.load(updater.paths), state.follows(following), !request.allowsDowngrade,
            sequence < state.sequence
        else { return }
        throw ReleaseError.replayed(offered: sequence, seen: state.sequence)
    }

    /// Whether a verified manifest may replace what is deployed.
    ///
    /// - Parameter index: the index that names it; `nil` for what was downloaded earlier.
    private func judge(_ manifest: ReleaseManifest, _ index: ChannelIndex? = nil) throws -> UpdateOutcome {
        try manifest.requireSupport(by: updater.version)
        let report = reader.report()
        let previous = report.nextBoot
        let deployed = try previous.flatMap { try commitIfWhole($0.checksum) }
        let isSame = deployed != nil && previous?.checksum == manifest.commit && previous?.refspec == manifest.ref
        // What is deployed must not pass for a newer release: that would hide that there is none.
        if isSame, let deployed { try manifest.requireIdentity(of: deployed) }
        if let previous, previous.checksum != manifest.commit, !request.allowsDowngrade {
            guard let deployed else { throw UpdateError.damagedDeployment(commit: previous.checksum.hex) }
            guard manifest.timestamp >= deployed.timestamp, index?.names(manifest, before: previous.checksum) != true
            else {
                throw ReleaseError.downgrade(
                    offered: manifest.version.text, deployed: previous.version ?? previous.checksum.hex)
            }
        }
        try requireNotOlderThanProven(manifest, report)
        if isSame, let previous { try requireFinalizable(previous) }
        if !isSame { try requireNotBad(manifest) }
        return UpdateOutcome(
            result: isSame ? .unchanged : .available, manifest: manifest, previous: previous,
            size: manifest.fetchSize(from: previous?.checksum))
    }

    /// After a rollback what boots next is older than what has proved itself here, and must not let in what lies between
    /// them, as known holes may be in it. What is deployed already can be gone back to anyway.
    private func requireNotOlderThanProven(
        _ manifest: ReleaseManifest, _ report: SysrootReport
    ) throws(ReleaseError) {
        let isDeployed = report.deployments.contains { record in
            (record.isListed || record.isStaged) && record.checksum == manifest.commit
        }
        // Records that cannot be read hide a floor; nothing is deployed then without `--force`, see `requireNotBad`.
        guard !request.allowsDowngrade, !isDeployed, let floor = report.boots?.floor(of: manifest.channel.text),
            manifest.timestamp < UInt64(clamping: floor.timestamp)
        else { return }
        throw .olderThanProven(offered: manifest.version.text, proven: floor.version)
    }

    /// A release that did not come up here once would not do so the next time either. It can still be asked about.
    private func requireNotBad(_ manifest: ReleaseManifest) throws {
        guard request.goal != .check, !request.takesBad, updater.paths.hasBootPartition,
            let bad = try BootRecords.load(updater.paths).bad(manifest.commit)
        else { return }
        throw UpdateError.knownBad(release: "\(manifest.channel) \(manifest.version)", reason: bad.reason)
    }

    /// What is staged, and could not be switched to, is no good news: the reason has to be seen by who asks next.
    private func requireFinalizable(_ previous: DeploymentRecord) throws {
        guard previous.isStaged, let failure = try FailureRecord.load(updater.paths),
            failure.command == SysrootChange.finalizeCommand
        else { return }
        throw DeploymentError.notFinalized(name: previous.name.description, reason: failure.reason)
    }

    /// A deployment whose commit is lost is replaced rather than trusted: the same release may be fetched again. Looked
    /// at is what costs nothing, the first folders; `hostctl verify` looks at everything.
    private func commitIfWhole(_ checksum: Checksum) throws -> Commit? {
        do {
            let commit = try store.commit(checksum)
            let folders = try store.tree(commit.rootTree).folders
            let needed = folders.flatMap { [ObjectName($0.tree, .dirtree), ObjectName($0.metadata, .dirmeta)] }
            let isWhole = (needed + [ObjectName(commit.rootMetadata, .dirmeta)]).allSatisfy { store.contains($0) }
            return isWhole ? commit : nil
        } catch is StoreError {
            return nil
        }
    }

    private func fetchAndDeploy(hasBegun: Bool) throws -> UpdateOutcome {
        let found = try findRelease()
        if found.outcome.result == .unchanged {
            try follow(found.sequence)
            try downloads.clear(store, of: found.outcome.manifest.commit)
            return found.outcome
        }
        var fetch = ReleaseFetch(
            origin: origin, store: store, downloads: downloads, keys: keys, options: updater.options,
            progress: updater.progress)
        fetch.hasBegun = hasBegun
        if request.goal == .deploy {
            fetch.reserve = try SpaceCheck.estimate(like: found.outcome.previous?.checksum, in: store)
            try SpaceCheck(updater.paths).requireBoot(
                kernel: found.outcome.manifest.kernel, prunes: request.prunes)
        }
        let figures = try fetch.run(
            found.outcome.manifest, signed: found.signed, client: found.client, size: found.outcome.size,
            usesPatches: true, route: found.route)
        var outcome = found.outcome.with(.downloaded)
        outcome.fetched = figures
        // What was tried later tells more of why patches were not used.
        outcome.fetched.patchFailure = figures.patchFailure ?? found.routeFailure
        try rememberSequence(found.sequence)
        if request.goal == .deploy { try deploy(&outcome, found.sequence) }
        return outcome
    }

    /// Everything is verified again: keys may have been revoked since the download.
    private func deployDownloaded() throws -> UpdateOutcome {
        let manifest = try downloads.manifest(keys)
        let wanted = OriginLayout.ref(
            channel: try ChannelName(following.channel), architecture: try Architecture(following.architecture))
        guard manifest.ref == wanted, request.version ?? manifest.version.text == manifest.version.text else {
            throw UpdateError.otherDownload(release: "\(manifest.channel) \(manifest.version)")
        }
        var outcome = try judge(manifest)
        if outcome.result == .unchanged {
            try downloads.clear(store, of: manifest.commit)
            return outcome
        }
        try deploy(&outcome)
        return outcome
    }

    private func deploy(_ outcome: inout UpdateOutcome, _ sequence: Int64? = nil) throws {
        updater.progress(ProgressReport("deploying"))
        let change = try change()
        guard try request.isStillWanted(outcome.manifest.commit) else { return }
        guard change.report().nextBoot?.name == outcome.previous?.name else {
            throw UpdateError.changedMeanwhile
        }
        try requireStillTrusted(outcome.manifest)
        try follow(sequence)
        let told = Guarded<EtcPlan?>(nil)
        var wanted = DeployRequest(commit: outcome.manifest.commit, refspec: outcome.manifest.ref)
        wanted.etcPolicy = request.etcPolicy
        wanted.announce = { [announce = request.announce] plan in
            told.with { $0 = plan }
            announce(plan)
        }
        wanted.prunes = request.prunes
        try lowerFloor(to: outcome.manifest)
        let deployment = try change.deploy(wanted)
        try downloads.clear(store)
        outcome = outcome.with(.deployed)
        outcome.deployment = deployment
        outcome.etc = told.with { $0 }
    }

    /// Whoever has asked for a downgrade means it for longer than this command; under the sysroot's lock, and recorded
    /// before the switch, as the intention is.
    private func lowerFloor(to manifest: ReleaseManifest) throws {
        guard request.allowsDowngrade, updater.paths.hasBootPartition else { return }
        let present: BootRecords
        // Records that cannot be read have no floor, and `--force` takes a release all the same.
        do { present = try BootRecords.load(updater.paths) } catch is SysrootError { return }
        var records = present
        records.lowerFloor(
            of: manifest.channel.text, to: manifest.version.text, timestamp: Int64(clamping: manifest.timestamp))
        if records != present { try records.save(updater.paths) }
    }

    /// Everything is verified once more, with the keys of this moment: one may have been revoked during the
    /// download, or since.
    private func requireStillTrusted(_ manifest: ReleaseManifest) throws {
        let keys = try Self.keys(reader)
        guard try downloads.manifest(keys) == manifest else { throw UpdateError.changedMeanwhile }
        _ = try VerifiedCommit(
            manifest, bytes: store.commitBytes(manifest.commit),
            detachedMetadata: store.detachedMetadata(of: manifest.commit) ?? DetachedMetadata.encode(signatures: []),
            keys: keys)
    }

    /// Raises the number below which an index is a replay, also when nothing is deployed yet.
    private func rememberSequence(_ sequence: Int64) throws {
        guard var state = try SysrootState.load(updater.paths), state.follows(following), state.sequence < sequence
        else { return }
        state.sequence = sequence
        try state.save(updater.paths)
    }

    /// The intention is recorded before the switch: an interrupted `switch` is completed by the next upgrade.
    private func follow(_ sequence: Int64?) throws {
        let present = try SysrootState.load(updater.paths)
        var next = following
        next.sequence = sequence ?? (present?.follows(following) == true ? present?.sequence ?? 0 : 0)
        if next != present { try next.save(updater.paths) }
    }
}

extension UpdateOutcome {
    fileprivate func with(_ result: Result) -> UpdateOutcome {
        var copy = UpdateOutcome(result: result, manifest: manifest, previous: previous, size: size)
        copy.fetched = fetched
        copy.deployment = deployment
        return copy
    }
}
