import ObjectFormats
import ObjectStorage

/// The last check before the conversion: nothing in the tree lacks what it needs to run.
///
/// Looked at are libraries and loaders of programs and libraries, interpreters of scripts, links, and the programs that
/// systemd's units and udev's rules call.
struct CompletenessCheck {
    private let lookup: TreeLookup
    private let removed: RemovalStage.Removed
    private let libraryFolders: [String]
    /// Names of removed files, for libraries that are named without their folder.
    private let removedNames: [Substring: String]

    /// - Parameter removed: what removals took away, to tell which one it was.
    /// - Throws: `SystemError`.
    init(_ tree: TreeFolder, removed: RemovalStage.Removed) throws {
        lookup = TreeLookup(tree: tree)
        self.removed = removed
        libraryFolders = try Self.libraryFolders(tree)
        removedNames = Dictionary(
            removed.map { ($0.key.split(separator: "/").last ?? "", $0.value) }, uniquingKeysWith: { first, _ in first }
        )
    }

    /// - Throws: `ImageError.incomplete` with everything that lacks something; `SystemError`.
    func run() throws {
        var flaws: [String] = []
        try check(lookup.tree, "", &flaws)
        guard flaws.isEmpty else { throw ImageError.incomplete(flaws) }
    }

    private func check(_ folder: TreeFolder, _ path: String, _ flaws: inout [String]) throws {
        for name in folder.sortedNames {
            let below = path.isEmpty ? name : "\(path)/\(name)"
            if Self.ignored.contains(below) { continue }
            switch folder.entries[name] {
            case .folder(let child)?: try check(child, below, &flaws)
            case .link(let link)?:
                if case .nothing = lookup.destination(below) { flaws.append(flaw(below, lacks: "", link.target)) }
            case .file(let file)?: try check(file, below, &flaws)
            case nil: break
            }
        }
    }

    private func check(_ file: TreeFile, _ path: String, _ flaws: inout [String]) throws {
        for program in try UnitPrograms.called(by: file, at: path) where !isProgram(program) {
            flaws.append(flaw(path, lacks: "the program", program))
        }
        let start = try BoundedContent(file.content).bytes(at: 0, count: 256, orLess: true)
        if start.starts(with: [0x7F, 0x45, 0x4C, 0x46]) {
            try checkProgram(file, path, &flaws)
        } else if start.starts(with: "#!".utf8), file.attributes.permissions & 0o111 != 0 {
            for program in Self.interpreters(start) where !isProgram(program) {
                flaws.append(flaw(path, lacks: "its interpreter", program))
            }
        }
    }

    private func checkProgram(_ file: TreeFile, _ path: String, _ flaws: inout [String]) throws {
        let program: ELFFile
        do {
            guard let read = try ELFFile.read(file.content) else { return }
            program = read
        } catch let error as ELFError {
            return flaws.append("\(path) cannot be read: \(error.detail)")
        }
        if let loader = program.interpreter, lookup.file(loader) == nil {
            flaws.append(flaw(path, lacks: "its loader", loader))
        }
        var folders = program.searchPath.map { Self.resolve($0, origin: path) } + libraryFolders
        // A library of a private folder finds its neighbours there, because the program that loads it has loaded them.
        if program.interpreter == nil { folders.append(Self.resolve("$ORIGIN", origin: path)) }
        for names in program.needed.map({ [$0] }) + program.loadedLater
        where !names.contains(where: { isLibrary($0, folders) }) {
            flaws.append(flaw(path, lacks: "the library", names[0]))
        }
    }

    private func isLibrary(_ name: String, _ folders: [String]) -> Bool {
        if name.contains("/") { return lookup.file(name) != nil }
        return folders.contains { lookup.file("\($0)/\(name)") != nil }
    }

    /// Whether there is such an executable; a bare name is looked up as a shell would.
    private func isProgram(_ name: String) -> Bool {
        let candidates = name.hasPrefix("/") ? [name] : ["usr/bin/\(name)", "usr/sbin/\(name)", "usr/lib/udev/\(name)"]
        return candidates.contains { candidate in
            switch lookup.destination(candidate) {
            case .runtime: true
            case .entry(.file(let file)): file.attributes.permissions & 0o111 != 0
            default: false
            }
        }
    }

    private func flaw(_ path: String, lacks what: String, _ name: String) -> String {
        let head = what.isEmpty ? "\(path) leads to \(name), which is not there" : "\(path) lacks \(what) \(name)"
        let absolute = name.drop { $0 == "/" }
        let merged =
            ["bin/", "sbin/", "lib/", "lib64/"].contains { absolute.hasPrefix($0) } ? "usr/\(absolute)" : "\(absolute)"
        let cause = removed[merged] ?? removedNames[name.split(separator: "/").last ?? ""]
        return cause.map { "\(head); it went with \($0)" } ?? head
    }

    // MARK: words

    /// Where nothing runs.
    private static let ignored: Set<String> = [
        "dev", "proc", "sys", "run", "tmp", "boot", "var/lib/dpkg", "var/cache", "usr/share/doc", "usr/lib/modules",
    ]

    /// The program in a script's first line, and the one that `env` is asked for.
    static func interpreters(_ start: [UInt8]) -> [String] {
        let line = String(decoding: start.dropFirst(2).prefix { $0 != 0x0A }, as: UTF8.self)
        let words = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }.map(String.init)
        guard let program = words.first else { return [] }
        guard program.hasSuffix("/env"),
            let asked = words.dropFirst().first(where: { !$0.hasPrefix("-") && !$0.contains("=") })
        else { return [program] }
        return [program, asked]
    }

    static func resolve(_ folder: String, origin path: String) -> String {
        let origin = path.split(separator: "/").dropLast().joined(separator: "/")
        return folder.replacing("${ORIGIN}", with: origin).replacing("$ORIGIN", with: origin)
    }

    /// Where the loader looks: its own folders, and those that ld.so.conf.d names.
    static func libraryFolders(_ tree: TreeFolder) throws -> [String] {
        var folders = ["usr/lib", "usr/lib64", "usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu"]
        guard let settings = tree.folder(at: "etc/ld.so.conf.d") else { return folders }
        for name in settings.sortedNames where name.hasSuffix(".conf") {
            guard case .file(let file)? = settings.entries[name] else { continue }
            let text = String(decoding: try file.read(limit: 1 << 20), as: UTF8.self)
            folders += text.split(separator: "\n").filter { $0.hasPrefix("/") }.map(String.init)
        }
        return folders
    }
}
