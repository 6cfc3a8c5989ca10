import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import Sysroots
import SystemPackage

/// Compares one folder after another with its dirtree and dirmeta.
final class ComparisonWorker {
    private let comparison: Comparison
    private let verifier = ObjectVerifier()
    private var known: [Checksum: FileAttributes] = [:]
    private var problems: [FileProblem] = []
    private var sources: [ObjectName: String] = [:]

    init(_ comparison: Comparison) { self.comparison = comparison }

    func compare(_ folder: ComparedFolder) {
        problems.removeAll()
        sources.removeAll()
        var children: [ComparedFolder] = []
        var count = 1
        // A tree that cannot be read was found in the store; what it says of this folder is not known.
        if let tree = readTree(folder.tree) {
            do throws(SystemError) {
                let opened = try Descriptor(
                    opening: path(folder), flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK)
                compareAttributes(folder, opened)
                children = try compare(tree, folder, opened)
                count += tree.files.count
            } catch {
                report(folder, error)
            }
        }
        comparison.queue.add(children, urgent: true)
        comparison.findings.with { findings in
            findings.files += count
            findings.problems += problems
            findings.sources.merge(sources) { first, _ in first }
        }
    }

    private func readTree(_ checksum: Checksum) -> DirectoryTree? {
        do { return try comparison.store.tree(checksum) } catch { return nil }
    }

    private func path(_ folder: ComparedFolder) -> String {
        comparison.paths.folder(of: folder.deployment).string + folder.path
    }

    private func note(
        _ kind: FileProblem.Kind, _ folder: ComparedFolder, _ path: String, _ detail: String,
        _ expected: FileProblem.Expected
    ) {
        problems.append(
            FileProblem(
                kind: kind, deployment: folder.deployment, path: path.isEmpty ? "/" : path, detail: detail,
                expected: expected))
    }

    private func report(_ folder: ComparedFolder, _ error: SystemError) {
        let expected = FileProblem.Expected.folder(tree: folder.tree, metadata: folder.metadata)
        switch error.code {
        case .noSuchFileOrDirectory: note(.missing, folder, folder.path, "the folder is not there", expected)
        case .notDirectory, .tooManySymbolicLinkLevels:
            note(.changed, folder, folder.path, "it is no folder", expected)
        default: note(.unreadable, folder, folder.path, error.reason, expected)
        }
    }

    // MARK: folders

    private func compareAttributes(_ folder: ComparedFolder, _ opened: borrowing Descriptor) {
        guard let wanted = attributes(folder.metadata), !isOwnOfHost(folder) else { return }
        do throws(SystemError) {
            let status = try opened.status()
            let found = FileAttributes(
                uid: status.st_uid, gid: status.st_gid, permissions: status.st_mode & 0o7777,
                extendedAttributes: try FileAttributes.extended(of: opened))
            if found != wanted {
                note(
                    .changed, folder, folder.path, found.difference(from: wanted),
                    .folder(tree: folder.tree, metadata: folder.metadata))
            }
        } catch {
            report(folder, error)
        }
    }

    private func attributes(_ metadata: Checksum) -> FileAttributes? {
        if let attributes = known[metadata] { return attributes }
        do {
            let bytes = try comparison.store.metadata(ObjectName(metadata, .dirmeta))
            let attributes = try DirectoryMetadata(decoding: bytes).attributes
            known[metadata] = attributes
            return attributes
        } catch {
            return nil  // found in the store
        }
    }

    /// `/var` is there for a mount, and what is in it is the host's.
    private func isOwnOfHost(_ folder: ComparedFolder) -> Bool { folder.path == "/var" }

    // MARK: names

    private func compare(
        _ tree: DirectoryTree, _ folder: ComparedFolder, _ opened: borrowing Descriptor
    ) throws(SystemError) -> [ComparedFolder] {
        if isOwnOfHost(folder) { return [] }
        var found = 0
        for file in tree.files where compare(file, folder, opened) { found += 1 }
        var children: [ComparedFolder] = []
        for child in tree.folders {
            var status = stat()
            if fstatat(opened.raw, child.name, &status, AT_SYMLINK_NOFOLLOW) == 0 { found += 1 }
            children.append(
                ComparedFolder(
                    deployment: folder.deployment, path: "\(folder.path)/\(child.name)", tree: child.tree,
                    metadata: child.metadata))
        }
        try findExtras(tree, folder, opened, expected: found)
        return children
    }

    /// - Returns: whether there is something of that name.
    private func compare(
        _ file: DirectoryTree.File, _ folder: ComparedFolder, _ opened: borrowing Descriptor
    ) -> Bool {
        let name = ObjectName(file.checksum, .file)
        let path = "\(folder.path)/\(file.name)"
        var status = stat()
        guard fstatat(opened.raw, file.name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT {
                note(.missing, folder, path, "it is not there", .file(file.checksum))
                return false
            }
            note(.unreadable, folder, path, SystemError("examine", path).reason, .file(file.checksum))
            return true
        }
        let inode = comparison.condition.inodes[name]
        // The store and the deployments are on one file system, or nothing would be linked.
        if inode != nil, inode == UInt64(status.st_ino) { return true }
        // What is wrong with the object is wrong with its other names, and is told once.
        if inode == nil, isObject(name, UInt64(status.st_ino)) { return true }
        hash(file, name, folder, opened, isObjectWhole: inode != nil)
        return true
    }

    /// Whether this inode is the one that lies in the store under this name, whatever it holds.
    private func isObject(_ name: ObjectName, _ inode: UInt64) -> Bool {
        var status = stat()
        return lstat(comparison.store.path(of: name).string, &status) == 0 && UInt64(status.st_ino) == inode
    }

    private func hash(
        _ file: DirectoryTree.File, _ name: ObjectName, _ folder: ComparedFolder, _ opened: borrowing Descriptor,
        isObjectWhole: Bool
    ) {
        let path = "\(folder.path)/\(file.name)"
        let place = "\(self.path(folder))/\(file.name)"
        do {
            let actual = try verifier.checksum(of: file.name, in: opened.raw, path: place).checksum
            if actual != file.checksum {
                note(.changed, folder, path, difference(place, name, isObjectWhole), .file(file.checksum))
            } else if !isObjectWhole {
                sources[name] = place
            }
        } catch let error as SystemError {
            note(.unreadable, folder, path, error.reason, .file(file.checksum))
        } catch {
            note(.changed, folder, path, "it is neither a file nor a link", .file(file.checksum))
        }
    }

    /// What is different, as far as the object can tell.
    private func difference(_ place: String, _ name: ObjectName, _ isObjectWhole: Bool) -> String {
        do {
            guard isObjectWhole else { return "its content or its attributes were changed" }
            let wanted = try comparison.store.fileHeader(name.checksum)
            let found = try FileHeader(ofFileAt: FilePath(place))
            if found.content != wanted.header.content { return "it is another kind of file, or leads elsewhere" }
            let attributes = found.attributes.difference(from: wanted.header.attributes)
            return attributes.isEmpty ? "its content was changed" : attributes
        } catch {
            return "its content or its attributes were changed"
        }
    }

    private func findExtras(
        _ tree: DirectoryTree, _ folder: ComparedFolder, _ opened: borrowing Descriptor, expected count: Int
    ) throws(SystemError) {
        var names: [[UInt8]] = []
        try Files.forEachName(in: opened) { names.append(Array($0)) }
        if names.count == count { return }
        let wanted = Set(tree.files.map { Array($0.name.utf8) } + tree.folders.map { Array($0.name.utf8) })
        for name in names where !wanted.contains(name) {
            let text = String(decoding: name, as: UTF8.self)
            // What deploying adds: the host's own /etc, and newer versions of ostree their own image.
            if folder.path.isEmpty, text == "etc" || text == "var" || text.hasPrefix(".ostree") { continue }
            note(
                .extra, folder, "\(folder.path)/\(text)", "the commit has no such file",
                Files.isTemporary(text) ? .leftover : .nothing)
        }
    }
}

extension FileAttributes {
    /// In which way these differ from others, in a few words; empty when they do not.
    func difference(from wanted: FileAttributes) -> String {
        var parts: [String] = []
        if (uid, gid) != (wanted.uid, wanted.gid) {
            parts.append("its owner is \(uid):\(gid) instead of \(wanted.uid):\(wanted.gid)")
        }
        if permissions != wanted.permissions {
            let octal = { (mode: UInt32) in "0" + String(mode, radix: 8) }
            parts.append("its mode is \(octal(permissions)) instead of \(octal(wanted.permissions))")
        }
        if extendedAttributes != wanted.extendedAttributes { parts.append("its extended attributes were changed") }
        return parts.joined(separator: ", ")
    }
}
