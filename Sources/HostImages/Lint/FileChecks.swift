import ObjectFormats
import ObjectStorage

extension LintChecks {
    /// Single files and names.
    static let files = [
        LintCheck("case-collision", .warning, "no two names in a folder differ only in upper and lower case") {
            subject, _ in
            var collisions = collisions(subject.tree, "/")
            subject.walk { path, entry in
                // netfilter's modules come in such pairs (xt_hl, xt_HL), and only Linux reads them.
                guard case .folder(let folder) = entry, !path.hasPrefix("/usr/lib/modules/") else { return }
                collisions += Self.collisions(folder, "\(path)/")
            }
            return LintResult.list("names that are one on file systems without cases", collisions)
        },
        LintCheck("etc-dangling-links", .warning, "links in /etc lead to something") { subject, _ in
            var dangling: [String] = []
            subject.walk(below: subject.etcPath) { path, entry in
                let place = "/etc" + path.dropFirst(subject.etcPath.utf8.count + 1)
                guard case .link(let link) = entry, case .nothing = subject.resolve(place) else { return }
                dangling.append("\(place) -> \(link.target)")
            }
            return LintResult.list("links to nothing", dangling)
        },
        LintCheck(
            "setuid-files", .warning,
            "files with set-id bits or capabilities are those of SetuidFiles= (fatal when there is such a list)"
        ) { subject, policy in
            var found: [(path: String, power: String)] = []
            subject.walk { path, entry in
                if case .file(let file) = entry, let power = file.attributes.power { found.append((path, power)) }
            }
            func texts(_ files: [(path: String, power: String)]) -> [String] {
                files.map { "\($0.path) (\($0.power))" }
            }
            guard let listed = policy.setuidFiles else {
                return LintResult.list(
                    "files with power over others, and no SetuidFiles= that allows them", texts(found))
            }
            // Bytes: strings are equal, too, when they only look the same.
            let allowed = Set(listed.map { Array($0.utf8) })
            let paths = Set(found.map { Array($0.path.utf8) })
            return LintResult.list(
                "files with power over others that SetuidFiles= does not list",
                texts(found.filter { !allowed.contains(Array($0.path.utf8)) }), level: .fatal)
                + LintResult.list(
                    "SetuidFiles= lists files without such power", listed.filter { !paths.contains(Array($0.utf8)) })
        },
        LintCheck("unsupported-files", .fatal, "there are only files, folders and symbolic links") { subject, _ in
            LintResult.list("files that cannot be stored", subject.unsupported.compactMap(Self.otherFile))
        },
        LintCheck("utf8", .fatal, "names and links' targets are UTF-8") { subject, _ in
            LintResult.list("names that cannot be stored", subject.unsupported.compactMap(Self.badName))
        },
    ]

    private static func collisions(_ folder: TreeFolder, _ path: String) -> [String] {
        Dictionary(grouping: folder.entries.keys) { $0.lowercased() }.values.filter { $0.count > 1 }.map { names in
            path + names.sorted().joined(separator: ", ")
        }
    }

    private static func badName(_ error: StoreError) -> String? {
        guard case .unsupportedFile(let path, let detail) = error else { return nil }
        return [StoreError.notUTF8, StoreError.targetNotUTF8].contains(detail) ? path : nil
    }

    private static func otherFile(_ error: StoreError) -> String? {
        guard case .unsupportedFile(let path, let detail) = error, badName(error) == nil else { return nil }
        return "\(path): \(detail)"
    }
}

extension FileAttributes {
    /// What lets a program do more than who starts it; `nil` for most files.
    fileprivate var power: String? {
        var words: [String] = []
        if permissions & 0o4000 != 0 { words.append("setuid") }
        if permissions & 0o2000 != 0 { words.append("setgid") }
        if extendedAttributes.contains(where: { $0.name == Array("security.capability".utf8) }) {
            words.append("capabilities")
        }
        return words.isEmpty ? nil : words.joined(separator: ", ")
    }
}
