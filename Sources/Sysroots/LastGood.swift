import LinuxSystem
import SystemPackage
import TrustMetadata

/// The deployment of the last boot that passed its health checks: the member `good` of `boots.json`.
public enum LastGood {
    /// - Returns: `nil` when there was none yet, and when the file cannot be read.
    public static func read(_ paths: SysrootPaths) -> DeploymentName? {
        do {
            return try StateFile(path: paths.state.appending("boots.json")).read {
                (fields) throws(TrustMetadataError) in
                try fields.optionalString("good").flatMap { DeploymentName(text: $0) }
            } ?? nil
        } catch {
            return nil
        }
    }
}

extension SysrootReport {
    /// The listed deployments that a new one in the stateroot leaves: what runs, what would have booted next, what was
    /// the last good one, what is or may be pinned, whose /etc goes into what is staged, and those of other stateroots.
    ///
    /// - Parameter lastGood: without one, the newest that has proved itself counts.
    public func retained(in stateroot: String, lastGood: DeploymentName?) -> Set<DeploymentName> {
        // Something runs, and it cannot be told what: it could be any of them.
        if isRunning, booted == nil { return Set(listed.map(\.name)) }
        let own = listed.filter { $0.stateroot == stateroot }
        let good = lastGood ?? (own.contains { $0.triesLeft != nil } ? own.first { $0.triesLeft == nil }?.name : nil)
        return Set(
            listed.filter { record in
                record.isBooted || record.mayBePinned || record.name == own.first?.name || record.name == good
                    || record.name == mergeSource || record.stateroot != stateroot
            }.map(\.name))
    }
}
