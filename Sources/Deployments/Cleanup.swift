public import Checksums
import LinuxSystem
import OSTree
import ObjectStorage
public import Sysroots
public import SystemPackage

/// What a cleanup is asked to remove besides what it finds itself.
public struct CleanupRequest: Sendable {
    public var others: [CleanupItem]
    /// Refs that go with it, or are set back.
    public var refs: [String: Checksum?]

    public init(others: [CleanupItem] = [], refs: [String: Checksum?] = [:]) {
        self.others = others
        self.refs = refs
    }
}

extension SysrootChange {
    /// Removes what nothing needs: deployments, what interrupted changes have left, and then objects.
    ///
    /// Nothing goes because a list lacks it: whatever cannot be accounted for stays. A damaged sysroot is refused as a
    /// whole, and where it cannot be told which objects are needed, all objects stay and the rest is done.
    /// - Parameters:
    ///   - wait: seconds to wait for locks.
    ///   - notices: what the operator is told meanwhile.
    ///   - others: what the caller knows to be useless, and has locked; asked once nobody can change the sysroot.
    /// - Throws: `DeploymentError`, `LockedError`, `SysrootError`, `OSTreeError`, `SystemError`; running it again
    ///   completes it.
    public static func cleanUp(
        root: FilePath, isDryRun: Bool = false, command: String, wait: Double = 0,
        host: RunningHost = RunningHost(), notices: Notices = Notices(),
        others: () throws -> CleanupRequest = { CleanupRequest() }
    ) throws -> CleanupReport {
        let change =
            try isDryRun
            ? SysrootChange(inspecting: root, command: command, host: host)
            : SysrootChange(taking: root, command: command, wait: wait, host: host, notices: notices)
        try change.requireAgreement()
        if change.boot != nil, !isDryRun {
            // The first turn may finalize, and leaves what that has replaced to the next one.
            for _ in 1...2 { try change.completeInterrupted() }
        }
        let request = try others()
        var plan = try CleanupPlan(change, others: request.others, droppingRefs: Array(request.refs.keys))
        var space = FreedSpace()
        try plan.measure(change.store, &space)
        if !isDryRun {
            try change.execute(plan, request)
            // Objects do not count for it, and who waits for them may be told to go.
            try StatusFile(change.paths).write(change.reader.report())
        }
        var report = CleanupReport(isDryRun: isDryRun, items: plan.items, bytes: space.bytes)
        var collection = StoreCollection(change.store)
        collection.keeping = plan.commits + request.refs.values.compactMap { $0 }
        collection.ignoring = plan.refs
        collection.isDryRun = isDryRun
        collection.wait = max(wait, patience)
        do { report.objects = try collection.run(&space) } catch let error as any ExplainedError {
            // What was removed before has to be told; a dry run has removed nothing.
            if isDryRun, !(error is StoreError) { throw error }
            report.refusal = error
        }
        report.bytes = space.bytes
        return report
    }

    /// Who adds objects holds the store for a moment only.
    private static let patience = 30.0

    private func execute(_ plan: CleanupPlan, _ request: CleanupRequest) throws {
        try completeInterrupted()
        if !plan.unneeded.isEmpty { try drop(plan) }
        if boot == nil { try makeSwitchDurable() }
        FaultPoint.reached("cleanup.before-leftovers")
        let listed = reader.readDeployments().listed
        try releaseFormerStates(plan.items.filter { $0.kind == .formerState }.flatMap(\.places))
        FaultPoint.reached("cleanup.after-release")
        let unused = try Set(UnusedKernels(paths, usedBy: listed).items().map(\.name))
        for item in plan.items where item.kind != .kernel || unused.contains(item.name) {
            // The links in use may be others by now: the names are used in turn.
            if item.kind == .deployment || item.kind == .bootLink || item.kind == .bootEntry { continue }
            for place in item.places { try Files.removeTree(place) }
            FaultPoint.reached("cleanup.item")
        }
        try forgetFormerStates()
        try removeReplacedLinks()
        if let boot { try cleanPartition(by: boot) }
        for (ref, commit) in request.refs { try store.setRef(ref, to: commit) }
        try renewLeases(withStaged(reader.readDeployments()))
        FaultPoint.reached("cleanup.before-objects")
    }

    /// Takes the deployments that nothing needs off the list, then removes them.
    private func drop(_ plan: CleanupPlan) throws {
        if boot != nil { return try dropEntries(plan) }
        let listed = listed()
        let kept = plan.keptIndexes.map { listed[$0] }
        guard let first = kept.first else { return }
        let pending = PendingChange(
            .cleanup, first.record.name, dropping: plan.unneeded.map(\.name),
            kernels: plan.unneeded.compactMap { record in record.bootChecksum.map { "\(record.stateroot)-\($0)" } })
        try pending.save(paths)
        FaultPoint.reached("cleanup.before-switch")
        try sysroot.write(kept.map(\.deployment))
        FaultPoint.reached("cleanup.after-switch")
        try removeDropped(pending)
        try PendingChange.clear(paths)
    }
}
