import Checksums
import LinuxSystem
import ObjectFormats
import ObjectStorage
public import Sysroots
public import SystemPackage

/// Mends what can be made anew from what is there: boot link, leases, origin files. It only adds; nothing is removed.
public struct SysrootRepair {
    private let change: SysrootChange

    /// Runs `body` under hostctl's and libostree's locks. The sysroot may be damaged.
    ///
    /// - Throws: `DeploymentError.notASysroot`, `LockedError`, `StoreError`, `SystemError`, what `body` throws.
    public static func run<Result>(
        root: FilePath, command: String, wait: Double = 0, host: RunningHost = RunningHost(),
        notices: Notices = Notices(), _ body: (SysrootRepair) throws -> Result
    ) throws -> Result {
        let change = try SysrootChange(taking: root, command: command, wait: wait, host: host, notices: notices)
        return try body(SysrootRepair(change: change))
    }

    /// Makes anew what can be, and tells what was.
    ///
    /// - Parameter failed: called with what could not be made anew, and why.
    public func run(failed: (String, any Error) -> Void) -> [String] {
        let steps: [(String, () throws -> [String])] = [
            // The list of stock tools tells the order of lost entries, until it is written anew.
            ("the boot entries", change.mendEntries), ("the boot links", change.mendLinks),
            (change.paths.loader.string, { try [mendLoader()].compactMap { $0 } }), ("the leases", mendLeases),
            ("the origin files", mendOrigins), ("the record of a factory reset", change.mendResetRecord),
        ]
        return steps.flatMap { subject, step in
            do { return try step() } catch {
                failed(subject, error)
                return []
            }
        }
    }

    /// Writes the status file anew.
    ///
    /// - Throws: `SystemError`.
    public func refreshStatus() throws { try StatusFile(change.paths).write(change.reader.report()) }

    /// The link that tells which boot entries count, when it is lost and only one can be meant.
    private func mendLoader() throws -> String? {
        let paths = change.paths
        if change.boot != nil {
            let isLost = change.reader.readDeployments().problems.contains { $0.kind == .damagedMirror }
            try change.writeMirror()
            return isLost ? "the list of stock tools was made anew" : nil
        }
        guard !Files.isFolder(paths.bootEntries) else { return nil }
        let versions = ["0", "1"].filter { version in
            let links = paths.root.appending("ostree/boot.\(version)")
            return Files.isFolder(links) && isBootable(paths.boot.appending("loader.\(version)").appending("entries"))
        }
        guard let version = versions.first, versions.count == 1 else { return nil }
        let temporary = Files.temporaryName(beside: paths.loader)
        FaultPoint.reached("repair.before-loader")
        try Files.makeLink(temporary, target: "loader.\(version)")
        try Files.move(temporary, over: paths.loader)
        FaultPoint.reached("repair.after-loader")
        return "boot/loader leads to loader.\(version) again"
    }

    /// Whether there are entries, and all lead to deployments and kernels that are there.
    private func isBootable(_ entries: FilePath) -> Bool {
        let order = BootOrder(reading: change.paths, entries: entries)
        return order.problems.isEmpty && !order.listed.isEmpty
            && order.listed.allSatisfy { listed in
                let kernel = change.paths.kernelFolder(
                    stateroot: listed.name.stateroot, bootChecksum: listed.bootChecksum)
                return Files.isFolder(change.paths.folder(of: listed.name)) && Files.isFolder(kernel)
            }
    }

    /// Leases of listed deployments that are missing, and those that are torn: their names say what they hold.
    private func mendLeases() throws -> [String] {
        let refs = try change.deploymentRefs()
        let listed = change.withStaged(change.reader.readDeployments())
        let torn = refs.filter { $0.value == nil }.keys.compactMap { DeploymentName(lease: $0) }
        var mended: [String] = []
        for name in Set(listed.filter { refs[$0.lease] != .some(.some($0.checksum)) } + torn) {
            try change.store.setRef(name.lease, to: name.checksum)
            mended.append("the lease \(name.lease) was made anew")
        }
        return mended.sorted()
    }

    /// Origin files that are damaged. What they said is not known, so the deployment is pinned: it may have been.
    private func mendOrigins() throws -> [String] {
        var mended: [String] = []
        for record in change.reader.readDeployments().deployments
        where record.isListed && record.problems.contains(where: { $0.kind == .damagedOrigin }) {
            guard let commit = readableCommit(record.checksum), let ref = commit.refBindings.first,
                Files.isFolder(change.paths.folder(of: record.name))
            else { continue }
            try OriginText(record, ref: ref, commit: commit, command: change.command).save(change.paths)
            mended.append(
                "the origin file of \(record.name) was made anew, and the deployment pinned, as it may have been before: "
                    + "'hostctl unpin \(record.index)' takes that back")
        }
        return mended
    }

    /// Without its commit nobody knows what the origin was.
    private func readableCommit(_ checksum: Checksum) -> Commit? {
        do { return try change.store.commit(checksum) } catch { return nil }
    }
}
