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
    /// touched, as its /var is mounted. A folder that something has made in the meantime where the usual one was is put
    /// aside, for good: nobody knows what is in it.
    func renameStates(_ pending: ResetRecord.Pending) throws {
        let stateroot = pending.target.stateroot
        let new = paths.newState(of: stateroot)
        if Files.exists(new) {
            let former = paths.deploy.appending(stateroot).appending(pending.former)
            if Files.exists(paths.state(of: stateroot)) {
                FaultPoint.reached("reset.before-switch")
                let isTaken = Files.exists(former)
                let name = try isTaken ? paths.freeStateName("var.set-aside", in: stateroot) : pending.former
                // What follows no links boots nothing until the other rename: no time for a flush, and links need none, as
                // the second rename never reaches the disk without the first, whose name it takes.
                try renameState(StateFolders.usual, name, of: stateroot, isFlushed: false)
            }
            FaultPoint.reached("reset.before-rename")
            try renameState(SysrootPaths.newStateName, StateFolders.usual, of: stateroot)
        }
        // What was made from it in the meantime names the same folder.
        let states = StateFolders(paths)
        let names = reader.readDeployments().deployments.map(\.name).filter { $0.stateroot == stateroot }
        for name in Set(names + [pending.target]) where states.named(by: name) == SysrootPaths.newStateName {
            try states.set(name, to: nil)
        }
    }

    /// What a deployment has as /var: what is mounted there, if it runs, as its initramfs may follow no links.
    func stateFolder(of name: DeploymentName) -> String {
        let usual = paths.state(of: name.stateroot)
        guard reader.isPresentState(usual), reader.readDeployments().booted?.name == name else {
            return StateFolders(paths).folder(of: name)
        }
        return StateFolders.usual
    }

    /// Gives a new deployment the /var of the one that it comes from.
    ///
    /// Around a reset that waits for its first boot, that is the usual one under the name that it is going to have.
    /// - Throws: `SystemError`, `SysrootError`.
    func inheritState(from source: DeploymentName, to name: DeploymentName) throws {
        let states = StateFolders(paths)
        guard source.stateroot == name.stateroot else { return try states.set(name, to: nil) }
        let folder = stateFolder(of: source)
        let awaited = try ResetRecord.load(paths).pending?.former
        let isAwaited = folder == StateFolders.usual && awaited != nil && states.named(by: source) == awaited
        try states.set(name, to: isAwaited ? awaited : folder)
    }

    /// Gives up a reset: the old /var is the only one, for all. It is told before it is forgotten, as what is told twice
    /// is better than what is never told.
    ///
    /// - Throws: `SystemError`, `SysrootError`.
    func giveUp(_ pending: ResetRecord.Pending) throws {
        let report = reader.readDeployments()
        try undoReset(pending, report)
        if pending.target != ownReset { try tellGivenUp(pending, report) }
        FaultPoint.reached("reset.after-telling")
        var record = try ResetRecord.load(paths)
        record.pending = nil
        try record.save(paths)
        FaultPoint.reached("reset.after-giving-up")
        try StatusFile(paths).write(reader.report())
    }

    private func tellGivenUp(_ pending: ResetRecord.Pending, _ report: SysrootReport) throws {
        let failure = FailureRecord(
            time: Int64(time(nil)), command: "hostctl factory-reset",
            reason: "the factory reset to \(pending.target) was given up; /var is the one from before it",
            advice: "'hostctl factory-reset' makes another")
        let isThere = report.deployments.contains { $0.name == pending.target }
        // A command that was cut off, and is given again.
        if !isThere, pending.inode == 0, command == failure.command { return }
        notices.warning(failure.reason)
        do {
            // Where the deployment is gone, too, nothing is left of the reset that would be half of one.
            if isThere { try failure.save(paths) }
            let history = History(paths)
            // It was told before, and then cut off.
            if try history.entries().last?.reason == failure.reason { return }
            try history.add(HistoryEntry(failure))
        } catch is SystemError {}  // What is given up may be what fills the disk.
    }

    /// Puts aside what was made for a reset that is given up.
    ///
    /// The new folder loses its name in one step, so that no half of it becomes a /var, and is a former one from then on:
    /// something may have run on it; a deployment of the reset that has it keeps it. What is not complete, or was made in
    /// this turn, is removed, as it may be what fills the disk. The links of the older deployments go last: as long as
    /// there is something to be renamed, they tell whose the old /var is.
    private func undoReset(_ pending: ResetRecord.Pending, _ report: SysrootReport) throws {
        let stateroot = pending.target.stateroot
        let new = paths.newState(of: stateroot)
        if !Files.exists(paths.state(of: stateroot)),
            Files.exists(paths.deploy.appending(stateroot).appending(pending.former))
        {
            try renameState(pending.former, StateFolders.usual, of: stateroot)
        }
        if Files.exists(new) {
            let isUnused =
                !reader.isPresentState(new) && (pending.inode == 0 || pending.target == ownReset)
            var aside = Files.temporaryName(beside: new)
            if !isUnused {
                let former = ResetRecord.Former(
                    stateroot: stateroot, name: try paths.freeStateName("var.after-reset", in: stateroot))
                aside = paths.deploy.appending(stateroot).appending(former.name)
                var record = try ResetRecord.load(paths)
                if !record.former.contains(former) { record.former.append(former) }
                try record.save(paths)
                try keepState(former, pending, report)
            }
            FaultPoint.reached("reset.before-undoing")
            try renameState(SysrootPaths.newStateName, aside.lastComponent?.string ?? "", of: stateroot)
            FaultPoint.reached("reset.after-undoing")
            if isUnused { try Files.removeTree(aside) }
        }
        try removeStateLinks(of: pending, report)
        FaultPoint.reached("reset.after-links")
    }

    /// Whoever has the new folder keeps it under its other name, also where a run before was cut between the two.
    private func keepState(
        _ former: ResetRecord.Former, _ pending: ResetRecord.Pending, _ report: SysrootReport
    ) throws {
        let states = StateFolders(paths)
        let names = report.deployments.map(\.name).filter { $0.stateroot == former.stateroot }
        let own = names.filter {
            stateFolder(of: $0) == SysrootPaths.newStateName || states.named(by: $0) == former.name
        }
        for name in own { try states.set(name, to: former.name) }
        if !own.contains(pending.target) { try states.set(pending.target, to: nil) }
    }

    private func removeStateLinks(of pending: ResetRecord.Pending, _ report: SysrootReport) throws {
        let states = StateFolders(paths)
        let own = ResetRecord.Former(
            stateroot: pending.target.stateroot, name: states.folder(of: pending.target))
        if try !ResetRecord.load(paths).former.contains(own) { try states.set(pending.target, to: nil) }
        for name in report.deployments.map(\.name) where states.isDangling(name) { try states.set(name, to: nil) }
    }

    /// - Parameter isFlushed: whether it is to be on the disk before anything else happens.
    private func renameState(_ name: String, _ other: String, of stateroot: String, isFlushed: Bool = true) throws {
        let path = paths.deploy.appending(stateroot)
        let folder = try Descriptor(opening: path.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        try retrying("rename", "\(path)/\(name)") {
            hostctl_renameat2(folder.raw, name, folder.raw, other, HOSTCTL_RENAME_NOREPLACE)
        }
        if isFlushed { try folder.sync() }
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
                !reader.isPresentState(usual)
            else { continue }
            if Files.exists(usual) {
                let other = try paths.freeStateName("var.after-reset", in: stateroot)
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

    /// Folders that were /var before a reset, and that nothing uses any more: not what runs, what boots next, what was
    /// the last good one, nor what is staged. Before a reset has proved itself, that is so of none.
    func formerStates() throws -> [(ResetRecord.Former, FilePath)] {
        let report = reader.readDeployments()
        let needing = needingStates(report)
        let states = StateFolders(paths)
        return try ResetRecord.load(paths).former.compactMap { former in
            let path = paths.deploy.appending(former.stateroot).appending(former.name)
            // A host that has not been restarted since still works on it.
            if reader.isPresentState(path) { return nil }
            let isUsed = needing.contains { $0.stateroot == former.stateroot && states.folder(of: $0) == former.name }
            return isUsed ? nil : (former, path)
        }
    }

    private func needingStates(_ report: SysrootReport) -> [DeploymentName] {
        if report.isRunning, report.booted == nil { return report.deployments.map(\.name) }
        let good = LastGood.read(paths) ?? report.listed.first(where: \.isProven)?.name
        return report.deployments.filter { $0.isBooted || $0.isDefault || $0.isStaged || $0.name == good }.map(\.name)
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
