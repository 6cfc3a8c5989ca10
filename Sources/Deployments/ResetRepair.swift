import LinuxSystem
import Sysroots
import SystemPackage

extension SysrootChange {
    /// Makes the record of a factory reset anew where it is lost or cannot be read, from what the deployments' links tell.
    ///
    /// - Returns: what was made anew.
    /// - Throws: `SystemError`, `SysrootError`.
    func mendResetRecord() throws -> [String] {
        var record: ResetRecord?
        do { record = try ResetRecord.load(paths) } catch is SysrootError {}
        let lost = try record?.pending == nil ? reader.resetByLinks() : nil
        if record != nil, lost == nil { return [] }
        var mended = ResetRecord()
        mended.pending = lost
        mended.former = record?.former ?? formerStatesByLinks()
        FaultPoint.reached("repair.before-reset")
        try mended.save(paths)
        return ["the record of the factory reset was made anew"]
    }

    /// Folders that were /var and that some deployment still has. What no link names stays for good, as nothing tells any
    /// more what it is.
    private func formerStatesByLinks() -> [ResetRecord.Former] {
        let states = StateFolders(paths)
        let used = reader.readDeployments().deployments.map(\.name).map { name in
            ResetRecord.Former(stateroot: name.stateroot, name: states.folder(of: name))
        }
        let present = [StateFolders.usual, SysrootPaths.newStateName]
        return Set(used.filter { !present.contains($0.name) }).sorted { "\($0)" < "\($1)" }
    }
}
