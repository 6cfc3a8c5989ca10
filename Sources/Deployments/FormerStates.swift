import CLinux
import Glibc
import LinuxSystem
import Sysroots
import SystemPackage

// What becomes of folders that were /var.

extension SysrootChange {
    /// Puts a new /var into its place where links name each deployment's: the old one gets its other name, then the new
    /// one the usual name.
    ///
    /// Whatever boots between the steps has its own: links of the older deployments name `former`, and count from the
    /// first step on; the link of the new one names `var.hostctl-new`, and counts until the second. What runs is not
    /// touched, as its /var is mounted.
    func renameStates(_ pending: ResetRecord.Pending) throws {
        let stateroot = pending.target.stateroot
        let new = paths.newState(of: stateroot)
        if Files.exists(new) {
            let former = paths.deploy.appending(stateroot).appending(pending.former)
            if Files.exists(paths.state(of: stateroot)), !Files.exists(former) {
                FaultPoint.reached("reset.before-switch")
                try renameState(StateFolders.usual, pending.former, of: stateroot)
            }
            FaultPoint.reached("reset.before-rename")
            try renameState(new.lastComponent?.string ?? "", StateFolders.usual, of: stateroot)
        }
        try StateFolders(paths).set(pending.target, to: nil)
    }

    private func renameState(_ name: String, _ other: String, of stateroot: String) throws {
        let path = paths.deploy.appending(stateroot)
        let folder = try Descriptor(opening: path.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        try retrying("rename", "\(path)/\(name)") {
            hostctl_renameat2(folder.raw, name, folder.raw, other, HOSTCTL_RENAME_NOREPLACE)
        }
        try folder.sync()
    }

    /// Where a reset did not come up and its deployment is gone, all that is left has the former /var: it gets the usual
    /// name again, and the one of the reset becomes a former one.
    func adoptFormerStates() throws {
        guard boot != nil else { return }
        var record = try ResetRecord.load(paths)
        guard record.pending == nil, !record.former.isEmpty else { return }
        let report = reader.readDeployments()
        if report.isRunning, report.booted == nil { return }
        let states = StateFolders(paths)
        for stateroot in Set(record.former.map(\.stateroot)).sorted() {
            let names = report.deployments.map(\.name).filter { $0.stateroot == stateroot }
            let used = Set(names.map { states.folder(of: $0) })
            if used == [StateFolders.usual] {
                for name in names where states.isDangling(name) { try states.set(name, to: nil) }
                continue
            }
            let usual = paths.state(of: stateroot)
            guard let own = used.first, used.count == 1, record.former.contains(.init(stateroot: stateroot, name: own)),
                !(report.isRunning && Self.isSame(usual, "/var"))
            else { continue }
            if Files.exists(usual) {
                let other = try freeStateName(stateroot, "var.after-reset")
                record.former.append(.init(stateroot: stateroot, name: other))
                try record.save(paths)
                FaultPoint.reached("reset.before-abandoning")
                try renameState(StateFolders.usual, other, of: stateroot)
            }
            FaultPoint.reached("reset.before-adoption")
            try renameState(own, StateFolders.usual, of: stateroot)
            FaultPoint.reached("reset.after-adoption")
            for name in names { try states.set(name, to: nil) }
            record.former.removeAll { $0.stateroot == stateroot && $0.name == own }
            try record.save(paths)
        }
    }

    /// A name for a folder, with a number when it is taken.
    func freeStateName(_ stateroot: String, _ base: String) throws -> String {
        let taken = try Files.names(in: paths.deploy.appending(stateroot))
        guard taken.contains(base) else { return base }
        var number = 2
        while taken.contains("\(base)-\(number)") { number += 1 }
        return "\(base)-\(number)"
    }

    /// Folders that were /var before a reset, and that nothing uses any more: not what runs, what boots next, what was
    /// the last good one, nor what is staged. Before a reset has proved itself, that is so of none.
    func formerStates() throws -> [(ResetRecord.Former, FilePath)] {
        let report = reader.readDeployments()
        let needing = needingStates(report)
        let states = StateFolders(paths)
        return try ResetRecord.load(paths).former.compactMap { former in
            let path = paths.deploy.appending(former.stateroot).appending(former.name)
            // A host that has not been restarted since still works on it.
            if report.isRunning, Self.isSame(path, "/var") { return nil }
            let isUsed = needing.contains { $0.stateroot == former.stateroot && states.folder(of: $0) == former.name }
            return isUsed ? nil : (former, path)
        }
    }

    private func needingStates(_ report: SysrootReport) -> [DeploymentName] {
        if report.isRunning, report.booted == nil { return report.deployments.map(\.name) }
        let good = LastGood.read(paths) ?? report.listed.first { $0.triesLeft == nil }?.name
        return report.deployments.filter { $0.isBooted || $0.isDefault || $0.isStaged || $0.name == good }.map(\.name)
    }

    static func isSame(_ left: FilePath, _ right: FilePath) -> Bool {
        var first = stat()
        var second = stat()
        return stat(left.string, &first) == 0 && stat(right.string, &second) == 0
            && first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    /// Before former folders are removed: who would only be gone back to has the usual one from now on.
    ///
    /// - Parameter places: the folders.
    func releaseFormerStates(_ places: [FilePath]) throws {
        let states = StateFolders(paths)
        for name in reader.readDeployments().deployments.map(\.name) {
            let folder = paths.deploy.appending(name.stateroot).appending(states.folder(of: name))
            if places.contains(folder) { try states.set(name, to: nil) }
        }
    }

    /// Forgets those that are gone.
    func forgetFormerStates() throws {
        var record = try ResetRecord.load(paths)
        let left = record.former.filter {
            Files.exists(paths.deploy.appending($0.stateroot).appending($0.name))
        }
        guard left != record.former else { return }
        record.former = left
        try record.save(paths)
    }
}
