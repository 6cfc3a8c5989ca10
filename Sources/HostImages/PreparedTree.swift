import ObjectStorage

/// A tree that is in the form that ostree boots already: another image, or one that another tool converted.
enum PreparedTree {
    /// Whether `/etc` has moved to `/usr/etc`, which only such trees have.
    static func isPrepared(_ tree: TreeFolder) -> Bool {
        tree.folder(at: "usr/etc") != nil && tree.entries["etc"] == nil
    }

    /// What there is to know about it; the tree stays as it is.
    ///
    /// - Throws: `ImageError.notAHost` without a kernel and its initramfs, and with two; `SystemError`.
    static func examine(_ tree: TreeFolder) throws -> TreeConversion.Result {
        let kernels = kernels(tree)
        guard let kernel = kernels.first else {
            throw ImageError.notAHost(detail: "it has no kernel in /usr/lib/modules")
        }
        guard kernels.count == 1 else {
            throw ImageError.notAHost(
                detail: "it has \(kernels.count) kernels, one is needed: \(kernels.joined(separator: ", "))")
        }
        guard case .file? = tree["usr/lib/modules/\(kernel)/initramfs.img"] else {
            throw ImageError.notAHost(detail: "the kernel \(kernel) has no initramfs.img beside it")
        }
        return TreeConversion.Result(kernel: kernel, packages: try TreeConversion.packages(inPlace: tree))
    }

    /// The versions of the kernels that are beside their modules, sorted.
    static func kernels(_ tree: TreeFolder) -> [String] {
        let modules = tree.folder(at: "usr/lib/modules")
        return (modules?.sortedNames ?? []).filter { name in
            if case .file? = modules?["\(name)/vmlinuz"] { true } else { false }
        }
    }
}
