import Glibc
import LinuxSystem
import ObjectFormats
import ObjectPatches
import ObjectStorage

/// Makes the initramfs of the tree's kernel: what finds and mounts the root, and nothing else.
///
/// It is a pure function of the tree and the plan: names in the order of their bytes, no times, one way of compressing.
struct InitramfsStage {
    let tree: TreeFolder
    let plan: InitramfsPlan

    /// Where the programs of the tree are found, in a root that has /usr alone.
    private static let mergedFolders = ["bin", "lib", "lib64", "sbin"]
    /// Mount points.
    private static let folders = ["dev", "etc", "proc", "run", "sys", "sysroot", "tmp"]

    /// Puts it beside the kernel in /boot, where the conversion takes it up.
    ///
    /// - Returns: its size in bytes.
    /// - Throws: `ImageError.notAHost` with what the tree lacks, or when it is too large; `SystemError`.
    @discardableResult
    func run() throws -> Int64 {
        guard let version = kernelVersion(), let modules = tree.folder(at: "usr/lib/modules/\(version)") else {
            throw ImageError.notAHost(detail: "it has no kernel whose initramfs could be made")
        }
        let content = try archive(try entries(version, KernelModules(modules)))
        let threads = max(1, min(8, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
        let file = try GzipFile.compress(content, threads: threads)
        guard file.count <= plan.limit else {
            throw ImageError.notAHost(
                detail: "the initramfs has \(file.count) bytes, at most \(plan.limit) are allowed")
        }
        tree["boot/initrd.img-\(version)"] = .file(
            TreeFile(attributes: FileAttributes(permissions: 0o644), content: .bytes(file)))
        return Int64(file.count)
    }

    private func kernelVersion() -> String? {
        tree.folder(at: "boot")?.sortedNames.first { $0.hasPrefix("vmlinuz-") }.map { String($0.dropFirst(8)) }
    }

    private enum Entry {
        case folder, link(String)
        case file([UInt8], permissions: UInt32)
    }

    private func entries(_ version: String, _ modules: KernelModules) throws -> [String: Entry] {
        var entries: [String: Entry] = [:]
        for name in Self.mergedFolders {
            entries["usr/\(name)"] = .folder
            entries[name] = .link("usr/\(name)")
        }
        for name in Self.folders { entries[name] = .folder }
        var closure = try ProgramClosure(tree)
        for program in plan.programs { try closure.add(program) }
        for (path, file) in closure.files {
            entries[path] = .file(try file.read(limit: 64 << 20), permissions: 0o755)
        }
        guard let start = TreeLookup(tree: tree).file(plan.start) else {
            throw ImageError.notAHost(detail: "the initramfs starts with \(plan.start), which is not in the tree")
        }
        entries["init"] = .file(try start.read(limit: 1 << 20), permissions: 0o755)
        let folder = "usr/lib/modules/\(version)"
        var chosen = try modules.closure(of: plan.modules) { name in
            throw ImageError.notAHost(detail: "its kernel has no module '\(name)', which its initramfs needs")
        }
        chosen.formUnion(modules.closure(of: plan.optionalModules) { _ in })
        for path in chosen {
            entries["\(folder)/\(KernelModules.uncompressed(path))"] = .file(
                try modules.content(path), permissions: 0o644)
        }
        for list in try modules.lists(chosen) {
            entries["\(folder)/\(list.name)"] = .file(Array(list.text.utf8), permissions: 0o644)
        }
        return entries
    }

    /// The entries and the folders on their way, each folder before what is in it.
    private func archive(_ entries: [String: Entry]) throws -> [UInt8] {
        var entries = entries
        for path in entries.keys {
            var parts = path.split(separator: "/").dropLast()
            while !parts.isEmpty {
                let folder = parts.joined(separator: "/")
                if entries[folder] == nil { entries[folder] = .folder }
                parts = parts.dropLast()
            }
        }
        var writer = CpioWriter()
        for path in entries.keys.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            switch entries[path] {
            case .folder?: writer.addFolder(path)
            case .link(let target)?: writer.addLink(path, target: target)
            case .file(let content, let permissions)?: writer.addFile(path, permissions: permissions, content)
            case nil: break
            }
        }
        writer.finish()
        return writer.bytes
    }
}
