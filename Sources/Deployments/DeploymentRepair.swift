import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
public import ObjectStorage
public import Sysroots
import SystemPackage

/// Makes files and folders of deployments what their commits say, out of the store's objects.
///
/// A file is replaced by a link to its object, in one step; a folder that is missing is made whole beside its place
/// and then moved. What the commit does not have stays where it is, but for what a killed
/// repair has left.
public struct DeploymentRepair {
    let paths: SysrootPaths
    private let store: Store

    public init(_ paths: SysrootPaths, _ store: Store) {
        self.paths = paths
        self.store = store
    }

    /// Repairs one problem. The objects that it needs are known to be whole.
    ///
    /// - Returns: whether it was repaired; not so what the commit does not have, and what is in the way of something.
    /// - Throws: `SystemError`, `StoreError`, `FormatError`.
    public func repair(_ problem: FileProblem) throws -> Bool {
        let root = paths.folder(of: problem.deployment)
        let place = FilePath(root.string + (problem.path == "/" ? "" : problem.path))
        switch problem.expected {
        case .nothing: return false
        // Only a repair makes such names here, and there is no other: the lock is ours.
        case .leftover: try change(place.removingLastComponent()) { try Files.removeTree(place) }
        case .file(let checksum):
            if Self.isFolder(place) { return false }
            let parent = place.removingLastComponent()
            guard Self.isFolder(parent) else { return false }
            try change(parent) { try Files.replaceByLink(place, to: store.path(of: ObjectName(checksum, .file))) }
        case .folder(let tree, let metadata):
            if Self.isFolder(place) {
                try apply(metadata, to: place)
            } else if Files.exists(place) || problem.path == "/" {
                return false
            } else {
                try change(place.removingLastComponent()) { try make(place, tree, metadata) }
            }
        }
        return true
    }

    private static func isFolder(_ path: FilePath) -> Bool {
        var status = stat()
        return lstat(path.string, &status) == 0 && status.st_mode & S_IFMT == Glibc.S_IFDIR
    }

    /// Runs `body` while names in a folder may be changed.
    private func change(_ folder: FilePath, _ body: () throws -> Void) throws {
        FaultPoint.reached("repair.before-file")
        try Files.whileChangeable(folder, body)
        FaultPoint.reached("repair.after-file")
    }

    private func apply(_ metadata: Checksum, to folder: FilePath) throws {
        let attributes = try DirectoryMetadata(decoding: store.metadata(ObjectName(metadata, .dirmeta))).attributes
        try Files.whileChangeable(folder) {
            let opened = try Descriptor(opening: folder.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            try attributes.apply(to: opened)
            try opened.sync()
        }
    }

    private func make(_ place: FilePath, _ tree: Checksum, _ metadata: Checksum) throws {
        let temporary = Files.temporaryName(beside: place)
        do {
            try fill(temporary, tree, metadata)
            try Descriptor(opening: temporary.string, flags: O_RDONLY | O_DIRECTORY).syncFileSystem()
            FaultPoint.reached("repair.before-folder")
            try retrying("move", temporary.string) { rename(temporary.string, place.string) }
        } catch {
            try Files.removeTree(temporary)
            throw error
        }
        try Files.syncFolder(place.removingLastComponent())
    }

    private func fill(_ folder: FilePath, _ tree: Checksum, _ metadata: Checksum) throws {
        try retrying("make the folder", folder.string) { mkdir(folder.string, 0o700) }
        let contents = try store.tree(tree)
        for file in contents.files {
            let object = store.path(of: ObjectName(file.checksum, .file)).string
            let place = folder.appending(file.name).string
            try retrying("link", object) { link(object, place) }
        }
        for child in contents.folders { try fill(folder.appending(child.name), child.tree, child.metadata) }
        try apply(metadata, to: folder)
    }
}
