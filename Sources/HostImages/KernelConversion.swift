import ObjectStorage

/// The kernel and its initramfs, from /boot to where ostree looks for them.
extension TreeConversion {
    /// - Returns: the kernel's version.
    /// - Throws: `ImageError.notAHost`.
    func moveKernel() throws(ImageError) -> String {
        let version = try kernelVersion()
        guard let modules = tree.folder(at: "usr/lib/modules/\(version)") else {
            throw .notAHost(detail: "the kernel \(version) has no modules in /usr/lib/modules/\(version)")
        }
        move("vmlinuz-\(version)", to: modules, as: "vmlinuz")
        move("initrd.img-\(version)", to: modules, as: "initramfs.img")
        move("config-\(version)", to: modules, as: "config")
        move("System.map-\(version)", to: modules, as: "System.map")
        guard case .file? = modules.entries["initramfs.img"] else {
            throw .notAHost(detail: "the kernel \(version) has no initramfs; add initramfs-tools or dracut to Packages")
        }
        return version
    }

    /// A host boots one kernel per image; the previous image has the previous one.
    private func kernelVersion() throws(ImageError) -> String {
        var versions: Set<String> = []
        for name in tree.folder(at: "boot")?.sortedNames ?? [] where name.hasPrefix("vmlinuz-") {
            versions.insert(String(name.dropFirst("vmlinuz-".count)))
        }
        let modules = tree.folder(at: "usr/lib/modules")
        for name in modules?.sortedNames ?? [] where modules?[("\(name)/vmlinuz")] != nil { versions.insert(name) }
        guard let version = versions.first else {
            throw .notAHost(detail: "it has no kernel; add linux-image-cloud-amd64 or another one to Packages")
        }
        guard versions.count == 1 else {
            throw .notAHost(
                detail: "it has \(versions.count) kernels, one is needed: \(versions.sorted().joined(separator: ", "))")
        }
        return version
    }

    private func move(_ name: String, to modules: TreeFolder, as new: String) {
        guard case .file(let file)? = tree["boot/\(name)"] else { return }
        modules.entries[new] = .file(file)
    }
}
