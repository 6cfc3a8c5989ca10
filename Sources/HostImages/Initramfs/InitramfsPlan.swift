import ObjectStorage

/// What an initramfs is made of, as a recipe says it.
struct InitramfsPlan: Sendable, Equatable {
    /// The first program, a file of the tree.
    var start: String
    /// Modules that the kernel must have, built in or not.
    var modules: [String] = []
    /// Modules that are taken when the kernel has them.
    var optionalModules: [String] = []
    /// Programs of the tree, each with the libraries that it loads.
    var programs: [String] = []
    /// The most bytes that it may have, compressed.
    var limit: Int64 = 8 << 20
}

/// The programs and libraries of an initramfs, at their paths in the tree.
///
/// Links on the way are kept, so that a program is found under the name that it is called by.
struct ProgramClosure {
    private let lookup: TreeLookup
    private let libraryFolders: [String]
    /// What to copy: the files by their paths without links, and the other names that lead to each.
    private(set) var files: [String: TreeFile] = [:]

    /// - Throws: `SystemError`.
    init(_ tree: TreeFolder) throws {
        lookup = TreeLookup(tree: tree)
        libraryFolders = try CompletenessCheck.libraryFolders(tree)
    }

    /// Adds a program, its loader and all libraries that it needs.
    ///
    /// - Throws: `ImageError.notAHost` with what is missing; `SystemError`.
    mutating func add(_ program: String) throws {
        var pending = [Self.merged(program)]
        while let path = pending.popLast() {
            if files[path] != nil { continue }
            guard let file = lookup.file(path) else {
                throw ImageError.notAHost(detail: "the initramfs needs \(path), which is not in the tree")
            }
            files[path] = file
            do {
                guard let read = try ELFFile.read(file.content) else { continue }
                if let loader = read.interpreter { pending.append(Self.merged(loader)) }
                pending += try read.needed.map { try library($0, of: path, read.searchPath) }
            } catch let error as ELFError {
                throw ImageError.notAHost(detail: "\(path) cannot be read: \(error.detail)")
            }
        }
    }

    private func library(_ name: String, of path: String, _ searchPath: [String]) throws(ImageError) -> String {
        let own = searchPath.map { CompletenessCheck.resolve($0, origin: path) }
        for folder in own + libraryFolders where lookup.file("\(folder)/\(name)") != nil {
            return Self.merged("\(folder)/\(name)")
        }
        throw .notAHost(detail: "the initramfs needs the library \(name) for \(path), which is not in the tree")
    }

    /// The path below /usr, where the tree's merged folders lead.
    private static func merged(_ path: String) -> String {
        let path = path.drop { $0 == "/" }
        let isMerged = ["bin/", "sbin/", "lib/", "lib64/"].contains { path.hasPrefix($0) }
        return isMerged ? "usr/\(path)" : String(path)
    }
}
