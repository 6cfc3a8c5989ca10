import ObjectFormats
import ObjectStorage

/// The checks, by what they look at.
enum LintChecks {
    /// The form of the root.
    static let layout = [
        LintCheck(
            "api-base-directories", .fatal, "/dev, /proc, /sys, /run, /tmp and /var are folders"
        ) { subject, _ in
            LintResult.list(
                "folders that a running system needs are missing",
                ["dev", "proc", "sys", "run", "tmp", "var"].filter { subject.tree.folder(at: $0) == nil }.map {
                    "/\($0)"
                })
        },
        LintCheck("baseimage-root", .fatal, "/sysroot is a folder, /ostree a link to sysroot/ostree") { subject, _ in
            guard subject.isImage else { return [] }
            var wrong: [String] = []
            if subject.tree.folder(at: "sysroot") == nil { wrong.append("/sysroot") }
            if case .link(let link)? = subject.tree.entries["ostree"], link.target == "sysroot/ostree" {
            } else {
                wrong.append("/ostree")
            }
            return LintResult.list("the root is not one that ostree boots", wrong)
        },
        LintCheck("etc-usretc", .fatal, "there is /etc or /usr/etc, not both") { subject, _ in
            guard subject.tree.entries["etc"] != nil, subject.tree["usr/etc"] != nil else { return [] }
            return [LintResult(message: "it has /etc and /usr/etc, which become one")]
        },
        LintCheck(
            "folder-modes", .fatal, "root owns /, /usr, /etc and the like, everybody may enter them, nobody else write"
        ) { subject, _ in
            let paths = ReachableFolders.paths.filter { $0 != ReachableFolders.etc } + [subject.etcPath]
            return LintResult.list(
                "folders that lock out every service which is not root's, or let others in",
                paths.compactMap { path in
                    guard case .folder(let folder)? = subject.tree[path] else { return nil }
                    return ReachableFolders.problem(of: path, folder.attributes)
                })
        },
        LintCheck("kernel", .fatal, "there is exactly one kernel, /usr/lib/modules/VERSION/vmlinuz") { subject, _ in
            var kernels = Set(PreparedTree.kernels(subject.tree))
            if !subject.isImage {
                let names = subject.tree.folder(at: "boot")?.sortedNames ?? []
                kernels.formUnion(names.filter { $0.hasPrefix("vmlinuz-") }.map { String($0.dropFirst(8)) })
            }
            if kernels.count == 1 { return [] }
            return [
                LintResult(
                    message: "it has \(kernels.isEmpty ? "no" : "\(kernels.count)") kernels", items: Array(kernels))
            ]
        },
        LintCheck("nonempty-boot", .warning, "/boot is empty") { subject, _ in
            guard subject.isImage else { return [] }
            return LintResult.list(
                "files in /boot are hidden on a host",
                (subject.tree.folder(at: "boot")?.sortedNames ?? []).map { "/boot/\($0)" })
        },
        LintCheck(
            "folder-size", .warning, "no folder is near 10 MiB of names, the most that can be fetched (fatal above)"
        ) { subject, _ in
            var large: [String] = []
            var tooLarge: [String] = []
            func look(_ path: String, _ folder: TreeFolder) {
                let size = folder.encodedSize
                if size > Store.metadataLimit {
                    tooLarge.append("\(path) (\(size) bytes)")
                } else if size > Store.metadataLimit / 2 {
                    large.append("\(path) (\(size) bytes)")
                }
            }
            look("/", subject.tree)
            subject.walk { path, entry in if case .folder(let folder) = entry { look(path, folder) } }
            return LintResult.list("folders with more names than can be fetched", tooLarge, level: .fatal)
                + LintResult.list("folders with more than half of the names that can be fetched", large)
        },
    ]
}

extension TreeFolder {
    /// The bytes of the dirtree that it becomes, framing offsets counted at their largest.
    var encodedSize: Int {
        entries.reduce(16) { sum, item in
            if case .folder = item.value { return sum + item.key.utf8.count + 73 }
            return sum + item.key.utf8.count + 39
        }
    }
}
