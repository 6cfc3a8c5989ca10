public import Checksums
import ObjectFormats
public import ObjectStorage

/// Finds the commit that an operator means.
public struct CommitFinder {
    private let store: Store
    private let deployments: [DeploymentRecord]

    /// - Parameter deployments: those of the sysroot that the store belongs to; none for another store.
    public init(_ store: Store, deployments: [DeploymentRecord] = []) {
        self.store = store
        self.deployments = deployments
    }

    /// The commit that a text names: a deployment's index, a deployment's version, a ref, a checksum, the version of
    /// any commit in the store, or at least four digits of a checksum. What comes first counts.
    ///
    /// - Throws: `SysrootError.unknownCommit`, `SysrootError.ambiguousCommit`; `SystemError`.
    public func find(_ text: String) throws -> Checksum {
        if let index = Int(text), let record = deployments.first(where: { $0.index == index }) {
            return record.checksum
        }
        // As `status` shows it, with the serial.
        if let name = DeploymentName(stateroot: "", folderName: text) { return name.checksum }
        if let found = try only(of: deployments.filter { $0.version == text }.map(\.checksum), text) { return found }
        do { return try store.resolve(text) } catch is StoreError {}
        if let found = try only(of: commits(ofVersion: text), text) { return found }
        let isPrefix = (4...64).contains(text.utf8.count) && text.allSatisfy { "0123456789abcdef".contains($0) }
        guard isPrefix, let found = try only(of: store.commits(withPrefix: text), text) else {
            throw SysrootError.unknownCommit(text)
        }
        return found
    }

    private func only(of commits: [Checksum], _ text: String) throws(SysrootError) -> Checksum? {
        let different = Set(commits)
        if different.count > 1 {
            throw SysrootError.ambiguousCommit(text, candidates: different.map(\.hex).sorted())
        }
        return different.first
    }

    /// A commit that cannot be read has no version.
    private func commits(ofVersion version: String) throws -> [Checksum] {
        try store.commits().filter { checksum in
            do { return try store.commit(checksum).version == version } catch is StoreError {
                return false
            } catch is FormatError {
                return false
            }
        }
    }
}
