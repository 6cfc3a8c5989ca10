import LinuxSystem
import ObjectFormats
import ObjectStorage
import Signatures
import SystemPackage

/// Reads the commits of deployments from the store and judges their signatures.
struct CommitReader {
    private let store: Store?
    private let keys: TrustedKeys?

    /// Opens the store and reads the keys; what cannot be read is reported and left out.
    init(_ reader: SysrootReader, folders: [FilePath], problems: inout [SysrootProblem]) {
        let paths = reader.paths
        func reading<Value>(_ kind: SysrootProblem.Kind, _ path: FilePath, _ body: () throws -> Value) -> Value? {
            do { return try body() } catch {
                problems.append(SysrootProblem(kind, path: path.string, Self.text(error)))
                return nil
            }
        }
        store = reading(.unreadableFolder, paths.repository) { try Store(opening: paths.repository) }
        keys = folders.first.flatMap { first in
            reading(.unreadableKeys, first) { try reader.trustedKeys(in: folders) }
        }
    }

    /// Writes version, channel, time and verdict into a record.
    func fill(_ record: inout DeploymentRecord) {
        guard let store else { return }
        do {
            // The bytes are hashed against the name that the folder gives before they are parsed.
            let bytes = try store.commitBytes(record.checksum)
            let commit = try Commit(decoding: bytes)
            record.version = commit.version ?? record.version
            record.channel = commit.channel ?? record.channel
            record.timestamp = Int64(clamping: commit.timestamp)
            let signatures = try store.detachedMetadata(of: record.checksum).map(DetachedMetadata.signatures(in:)) ?? []
            record.verdict = keys?.verdict(on: bytes, signatures: signatures)
        } catch {
            record.problems.append(
                SysrootProblem(.unreadableCommit, path: store.path.string, Self.text(error)))
        }
    }

    private static func text(_ error: any Error) -> String {
        (error as? any ExplainedError)?.reason ?? "\(error)"
    }
}
