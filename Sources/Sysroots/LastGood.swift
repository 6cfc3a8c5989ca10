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
    /// The deployments that a change in the stateroot leaves, whether they have a boot entry or not: what runs, what
    /// was the last good one, what would have booted next, what is or may be pinned, whose /etc goes into what is
    /// staged, and those of other stateroots.
    ///
    /// - Parameter lastGood: beside those on trial one that has proved itself stays in any case; without this one, or
    ///   when it is lost, the newest.
    public func retained(in stateroot: String, lastGood: DeploymentName?) -> Set<DeploymentName> {
        var kept = Set([booted?.name, lastGood, mergeSource].compactMap { $0 })
        // Something runs, and it cannot be told what: it could be any of them.
        if isRunning, booted == nil { return kept.union(listed.map(\.name)) }
        // It cannot be told which has proved itself.
        if listed.contains(where: \.areTriesUnknown) { return kept.union(listed.map(\.name)) }
        let own = listed.filter { $0.stateroot == stateroot }
        let whole = own.filter(\.hasFolder)
        kept.formUnion(
            listed.filter { $0.mayBePinned || $0.stateroot != stateroot || $0.name == (whole.first ?? own.first)?.name }
                .map(\.name))
        let proven = own.filter(\.isProven)
        if own.contains(where: \.isOnTrial), let newest = proven.first,
            !proven.contains(where: { kept.contains($0.name) })
        {
            kept.insert(newest.name)
        }
        return kept
    }
}
