import ObjectFormats
import ObjectStorage

/// What belongs to the host rather than to the image: /var, and the folders that become links into it.
///
/// /var is one for all deployments, so an image ships it empty: systemd-tmpfiles makes its folders and links at
/// boot from `/usr/lib/tmpfiles.d/hostctl-var.conf`. Files of packages in it are kept in `/usr/share/factory/var`
/// and copied where a host does not have them yet. Caches, logs and systemd's own state are left out.
extension TreeConversion {
    /// Folders of the root that live in /var on an ostree host, with what /var calls them.
    static let moved = ["home": "home", "root": "roothome", "srv": "srv", "mnt": "mnt"]

    /// - Throws: `ImageError.notAHost`, `SystemError`.
    func moveState() throws {
        try redirectRules()
        let variable = try variableFolder()
        for name in Self.moved.keys.sorted() { try move(name, to: variable) }
        moveOptional(to: variable)
        tree.entries["media"] = .link(TreeLink(target: "run/media"))
        var rules = TemporaryFileRules(existing: try ruleTexts().map(\.text))
        rules.add("d", "/run/media", FileAttributes(permissions: 0o755))
        collect(variable, "/var", &rules)
        let file = TreeFile(attributes: FileAttributes(permissions: 0o644), content: .bytes(Array(rules.text.utf8)))
        tree["usr/lib/tmpfiles.d/hostctl-var.conf"] = .file(file)
        tree.entries["var"] = .folder(TreeFolder())
    }

    private func variableFolder() throws(ImageError) -> TreeFolder {
        guard case .folder(let folder)? = tree.entries["var"] else { throw .notAHost(detail: "it has no /var") }
        return folder
    }

    private func move(_ name: String, to variable: TreeFolder) throws(ImageError) {
        guard let target = Self.moved[name] else { return }
        let mode: UInt32 = name == "root" ? 0o700 : 0o755
        switch tree.entries[name] {
        case .folder(let folder)?:
            guard variable.entries[target] == nil else {
                throw .notAHost(detail: "it has both /\(name) and /var/\(target), which become one")
            }
            variable.entries[target] = .folder(folder)
        case nil: variable.entries[target] = .folder(TreeFolder(attributes: FileAttributes(permissions: mode)))
        case .link?: return
        case .file?: throw .notAHost(detail: "/\(name) is a file")
        }
        tree.entries[name] = .link(TreeLink(target: "var/\(target)"))
    }

    /// Programs that packages put in /opt are part of the image; only what is added on a host lives in /var.
    private func moveOptional(to variable: TreeFolder) {
        if case .link? = tree.entries["opt"] { return }
        let folder = variable.makeFolder("opt")
        if case .folder(let shipped)? = tree.entries["opt"] {
            for (name, entry) in shipped.entries {
                tree["usr/lib/opt/\(name)"] = entry
                folder.entries[name] = .link(TreeLink(target: "../../usr/lib/opt/\(name)"))
            }
        }
        tree.entries["opt"] = .link(TreeLink(target: "var/opt"))
    }

    // MARK: tmpfiles.d

    /// Rules that packages ship for the folders that are links now name the real ones.
    private func redirectRules() throws {
        for rule in try ruleTexts() {
            let redirected = TemporaryFileRules.redirect(rule.text, Self.moved)
            guard redirected != rule.text else { continue }
            let file = TreeFile(attributes: rule.file.attributes, content: .bytes(Array(redirected.utf8)))
            tree[rule.path] = .file(file)
        }
    }

    private func ruleTexts() throws -> [(path: String, file: TreeFile, text: String)] {
        var texts: [(String, TreeFile, String)] = []
        for folder in ["etc/tmpfiles.d", "usr/lib/tmpfiles.d"] {
            for name in tree.folder(at: folder)?.sortedNames ?? [] where name.hasSuffix(".conf") {
                guard case .file(let file)? = tree["\(folder)/\(name)"] else { continue }
                texts.append(
                    ("\(folder)/\(name)", file, String(decoding: try file.read(limit: 1 << 20), as: UTF8.self)))
            }
        }
        return texts
    }

    private func collect(_ folder: TreeFolder, _ path: String, _ rules: inout TemporaryFileRules) {
        for name in folder.sortedNames {
            let below = "\(path)/\(name)"
            if Self.isLeftOut(below) { continue }
            switch folder.entries[name] {
            case .folder(let child)?:
                rules.add("d", below, child.attributes)
                collect(child, below, &rules)
            case .link(let link)?: rules.add(link: below, target: link.target)
            case .file(let file)?:
                if Self.isRegenerated(below) { continue }
                rules.add("C", below, file.attributes)
                tree["usr/share/factory\(below)"] = .file(file)
            case nil: break
            }
        }
    }

    /// State of the build: gone with everything below.
    private static func isLeftOut(_ path: String) -> Bool {
        let gone = [
            "/var/cache/apt", "/var/cache/debconf", "/var/cache/ldconfig", "/var/lib/apt", "/var/log/apt",
            "/var/lib/dbus/machine-id", "/var/lib/systemd/random-seed", "/var/log/README",
        ]
        return gone.contains(path) || path.hasPrefix("/var/tmp/") || path.hasPrefix("/var/lib/systemd/deb-systemd-")
    }

    /// Files that the running system makes anew, in folders that stay.
    private static func isRegenerated(_ path: String) -> Bool {
        ["/var/cache/", "/var/log/", "/var/backups/", "/var/lib/systemd/"].contains { path.hasPrefix($0) }
    }
}
