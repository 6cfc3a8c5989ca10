import LinuxSystem
import Sysroots
import SystemPackage

extension SysrootChange {
    /// Makes the record of factory resets anew where it is lost or cannot be read, from what the deployments' links tell.
    ///
    /// - Returns: what was made anew.
    /// - Throws: `SystemError`, `SysrootError`.
    func mendResetRecord() throws -> [String] {
        var record: ResetRecord?
        do { record = try ResetRecord.load(paths) } catch let error as SysrootError {
            guard case .damagedState = error else { throw error }
        }
        let mended = try reader.complete(record ?? ResetRecord())
        if mended == record { return [] }
        // What was made without the record may have /var by no link, and is to keep it.
        if record?.pending == nil, boot != nil, let pending = mended.pending,
            Files.exists(paths.state(of: pending.target.stateroot))
        {
            try promiseState(pending)
        }
        FaultPoint.reached("repair.before-reset")
        try mended.save(paths)
        return ["the record of the factory reset was made anew"]
    }
}
