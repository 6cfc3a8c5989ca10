import LinuxSystem
import ObjectFormats
import ObjectStorage
import Releases
import SystemPackage

/// What is left of a file system when an update has all that it needs.
struct Spare {
    var bytes: Int64
    var files: Int64
}

/// The room that an update needs on the store's file system, asked before its first write.
struct SpaceNeeded {
    private let bytes: Int64
    private let files: Int64
    private let objects: Int64
    /// Each file takes up to a block more than its bytes, and each folder one.
    private static let block: Int64 = 4096

    /// - Parameters:
    ///   - size: what is fetched at most.
    ///   - reserve: what the deployment takes that follows.
    ///   - isHere: whether all of it has been fetched before.
    init(_ size: FetchSize, _ reserve: (bytes: Int64, files: Int64), isHere: Bool = false) {
        objects = isHere ? 0 : size.objects
        let folders = min(objects, 256)
        bytes = (isHere ? 0 : size.bytes) + (objects + folders) * Self.block + reserve.bytes
        files = objects + folders + reserve.files
    }

    /// - Parameters:
    ///   - transaction: has what an interrupted run fetched of this release, which is not needed again.
    ///   - passing: of that, what will not be kept.
    ///   - hasBegun: whether anything has been written before, by this run or an earlier one.
    /// - Returns: what is left for anything else.
    /// - Throws: `UpdateError.notEnoughSpace`, `UpdateError.notEnoughFiles`, `SystemError`.
    @discardableResult
    func require(
        at path: FilePath, staged transaction: StoreTransaction? = nil, without passing: Set<ObjectName> = [],
        hasBegun: Bool
    ) throws -> Spare {
        let (count, stagedBytes) = try transaction?.staged(without: passing) ?? (0, 0)
        let needed = max(0, bytes - stagedBytes - min(count, objects) * Self.block)
        let space = try FileSystemSpace(at: path)
        guard space.bytes >= needed else {
            throw UpdateError.notEnoughSpace(
                path: path.string, needed: needed, available: space.bytes, hasBegun: hasBegun)
        }
        guard space.files >= files - min(count, objects) else {
            throw UpdateError.notEnoughFiles(
                path: path.string, needed: files - min(count, objects), available: space.files, hasBegun: hasBegun)
        }
        return Spare(bytes: space.bytes - needed, files: space.files - max(0, files - min(count, objects)))
    }
}
