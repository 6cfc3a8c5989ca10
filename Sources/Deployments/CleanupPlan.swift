import Checksums
import LinuxSystem
import ObjectFormats
import ObjectStorage
import Sysroots
import SystemPackage

/// What a cleanup will remove, settled before anything is.
struct CleanupPlan {
    /// The deployments that stay, in boot order, by their place in the present one.
    let keptIndexes: [Int]
    /// Listed deployments that nothing needs.
    let unneeded: [DeploymentRecord]
    private(set) var items: [CleanupItem]
    /// Commits of the deployments that stay, also of those that cannot be booted.
    let commits: [Checksum]
    /// Refs below `refs` that go.
    let refs: Set<String>

    /// - Parameter others: what the caller knows to be useless besides.
    init(_ change: SysrootChange, others: [CleanupItem], droppingRefs: [String]) throws {
        let report = change.reader.readDeployments()
        let left = try LeftDeployments(change, report)
        let unneeded = change.boot == nil ? Self.unneeded(report) : change.unneeded(report)
        let gone = Set(left.names + unneeded.map(\.name))
        let kept = report.deployments.filter { !gone.contains($0.name) }
        self.unneeded = unneeded
        keptIndexes = report.listed.indices.filter { !gone.contains(report.listed[$0].name) }
        commits = try kept.map(\.checksum) + Self.strayCommits(change, gone)
        let refs = try change.deploymentRefs().keys
        let stale = change.staleLeases(refs, report.listed.map(\.name))
        let stock = refs.filter(SysrootChange.isStock)
        self.refs = Set((stale + stock + gone.map(\.lease) + droppingRefs).map { "heads/\($0)" })

        let paths = change.paths
        let staged = report.staged?.name
        items = left.names.map { name in
            CleanupItem(
                .deployment, name.description, "left by an interrupted change", places: paths.places(of: name),
                refs: [name.lease])
        }
        items += unneeded.map { record in
            CleanupItem(
                .deployment, record.name.description, "neither default, booted, rollback nor pinned",
                places: paths.places(of: record.name), refs: [record.name.lease])
        }
        items += try UnusedKernels(paths, usedBy: kept).items()
        items += try change.partitionItems(without: gone, staged: staged)
        items += change.replacedLinks().map {
            CleanupItem(.bootLink, paths.relative($0), "replaced by a later change", places: [$0])
        }
        items += stale.map { CleanupItem(.lease, $0, "its deployment is gone", refs: [$0]) }
        if PendingChange.exists(in: paths) {
            let record = paths.state.appending("pending.json")
            items.append(
                CleanupItem(.leftover, paths.relative(record), "the record of an interrupted change", places: [record]))
        }
        items += try change.formerStates().map { _, path in
            CleanupItem(.formerState, paths.relative(path), "was /var before a factory reset", places: [path])
        }
        items += others
        items += try Leftovers(paths).items()
    }

    /// Counts what comes free with each item.
    mutating func measure(_ store: Store, _ space: inout FreedSpace) throws {
        for index in items.indices {
            let before = space.bytes
            let refs = items[index].refs.map { store.path.appending("refs/heads").appending($0) }
            for place in items[index].places + refs { try space.addTree(place) }
            items[index].bytes = space.bytes - before
        }
    }

    /// Those of the default's stateroot that are not what anybody would boot. An origin file that is damaged may have
    /// said that the deployment is pinned; other stateroots are others' business.
    private static func unneeded(_ report: SysrootReport) -> [DeploymentRecord] {
        guard let first = report.defaultDeployment else { return [] }
        // Something runs, and it cannot be told what: it could be any of them.
        if report.isRunning, report.booted == nil { return [] }
        let own = report.listed.filter { $0.stateroot == first.stateroot }
        return own.dropFirst(2).filter { !$0.isBooted && !$0.mayBePinned && $0.problems.isEmpty }
    }

    /// Commits in names that are almost a deployment's: nobody knows what they were for, so they keep what they name,
    /// if it is there.
    private static func strayCommits(_ change: SysrootChange, _ gone: Set<DeploymentName>) throws -> [Checksum] {
        var found: [Checksum] = []
        for stateroot in try Files.namesIfPresent(in: change.paths.deploy) {
            let folder = change.paths.deployments(of: stateroot)
            guard Files.isFolder(folder) else { continue }
            for name in try Files.names(in: folder) {
                let stem = name.hasSuffix(".origin") ? String(name.dropLast(7)) : name
                if let known = DeploymentName(stateroot: stateroot, folderName: stem), gone.contains(known) { continue }
                guard let commit = Checksum(hex: name.prefix(64)), change.store.contains(.init(commit, .commit)) else {
                    continue
                }
                found.append(commit)
            }
        }
        return found
    }
}

/// The deployments that an interrupted change names and that no boot entry leads to.
private struct LeftDeployments {
    let names: [DeploymentName]

    init(_ change: SysrootChange, _ report: SysrootReport) throws {
        let listed = change.withStaged(report)
        // What cannot be read was reported by then, as it accounts for nothing.
        let pending = try PendingChange.load(change.paths) == nil ? [] : PendingChange.names(in: change.paths)
        names = pending.filter { name in
            !listed.contains(name) && change.paths.places(of: name).contains { Files.exists($0) }
        }
    }
}

extension SysrootPaths {
    /// Everything that lies on the disk of a deployment.
    func places(of name: DeploymentName) -> [FilePath] { [folder(of: name), origin(of: name), backing(of: name)] }

    /// A path as it reads from the root.
    func relative(_ path: FilePath) -> String {
        let prefix = root.string.hasSuffix("/") ? root.string : root.string + "/"
        return path.string.hasPrefix(prefix) ? String(path.string.dropFirst(prefix.count)) : path.string
    }
}
