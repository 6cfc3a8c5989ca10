import COSTree
import Glibc
public import SystemPackage

/// A sysroot, for the writes that only libostree can make the way stock tools expect them.
///
/// It never judges and never deletes: callers compare its list with their own before a write, and
/// every write is told to leave old deployments alone.
public final class Sysroot: Sendable {
    private let object: GObject
    private let path: FilePath

    // With this option libostree 2022.7 leaves out the global sync() that it makes before a switch "out of an
    // excess of conservatism" (its words; later versions have dropped it): that waits for every file system of
    // a busy machine. What a deployment needs is still flushed, and its errors are seen: syncfs of the
    // file system under the sysroot, and a freeze and thaw (or syncfs) of the one under /boot.
    //
    // The second option is for later versions, which make room on a full /boot by deleting the kernels of the
    // rollback deployment before the switch; a failure after that would leave nothing to go back to. Versions
    // that do not know an option ignore it.
    private static let options: Void = { _ = setenv("OSTREE_SYSROOT_OPTS", "skip-sync,no-early-prune", 0) }()

    /// Names a sysroot; nothing is read yet.
    public init(at path: FilePath) {
        Self.options
        self.path = path
        object = LibraryThread.run {
            withGFile(path.string) { file in
                guard let pointer = ostree_sysroot_new(file) else { fatalError("ostree_sysroot_new cannot fail") }
                return GObject(adopting: pointer)
            }
        }
    }

    private func call(
        _ operation: @autoclosure () -> String, _ body: (OpaquePointer, GErrorSlot) -> gboolean
    ) throws(OSTreeError) {
        try LibraryThread.run { () throws(OSTreeError) in
            try withGError(operation()) { body(object.pointer, $0) }
        }
    }

    /// Makes `ostree/repo` and `ostree/deploy` where they are missing.
    ///
    /// - Throws: `OSTreeError`.
    public func ensureInitialized() throws(OSTreeError) {
        try call("initialize the sysroot \(path)") { ostree_sysroot_ensure_initialized($0, nil, $1) }
    }

    /// Makes a stateroot with an empty /var.
    ///
    /// - Throws: `OSTreeError`, also when it is there already.
    public func makeStateroot(_ name: String) throws(OSTreeError) {
        try call("make the stateroot '\(name)'") { ostree_sysroot_init_osname($0, name, nil, $1) }
    }

    /// Reads the deployments from the disk; deployments got before are stale afterwards.
    ///
    /// - Throws: `OSTreeError`; one damaged origin file or boot entry is enough for it.
    public func load() throws(OSTreeError) {
        try call("load the sysroot \(path)") { ostree_sysroot_load($0, nil, $1) }
    }

    /// Tries to take libostree's lock, which every `ostree admin` command takes too.
    ///
    /// - Returns: whether it was free.
    /// - Throws: `OSTreeError`.
    public func tryLock() throws(OSTreeError) -> Bool {
        var acquired: gboolean = 0
        try call("lock the sysroot \(path)") { ostree_sysroot_try_lock($0, &acquired, $1) }
        return acquired != 0
    }

    /// Gives libostree's lock back.
    public func unlock() {
        LibraryThread.run { ostree_sysroot_unlock(object.pointer) }
    }

    /// The deployments in boot order, as they were when the sysroot was loaded.
    public var deployments: [Deployment] {
        LibraryThread.run {
            guard let array = ostree_sysroot_get_deployments(object.pointer) else { return [] }
            defer { g_ptr_array_unref(array) }
            let booted = ostree_sysroot_get_booted_deployment(object.pointer)
            return (0..<Int(array.pointee.len)).compactMap { index in
                guard let pointer = array.pointee.pdata[index].map({ OpaquePointer($0) }) else { return nil }
                return Deployment(GObject(sharing: pointer), isBooted: pointer == booted)
            }
        }
    }

    /// Checks a commit out as a new deployment: hard links, a fresh /etc with the local changes of `merging`
    /// carried over, the origin file. It is in no boot entry until `write` names it.
    ///
    /// - Parameters:
    ///   - checksum: the commit, 64 hexadecimal digits.
    ///   - stateroot: where it belongs.
    ///   - origin: the content of its `.origin` file.
    ///   - merging: the deployment whose /etc changes it takes.
    ///   - kernelArguments: all of them, without `ostree=`; by default those of `merging`.
    /// - Throws: `OSTreeError`; a half checkout may be left.
    public func deployTree(
        _ checksum: String, stateroot: String, origin: KeyFile, merging: Deployment?, kernelArguments: [String]?
    ) throws(OSTreeError) -> Deployment {
        try LibraryThread.run { () throws(OSTreeError) in
            var result: OpaquePointer?
            try origin.withPointer { (origin) throws(OSTreeError) in
                try withGError("check out \(checksum)") { error in
                    withStrings(kernelArguments) { arguments in
                        var options = OstreeSysrootDeployTreeOpts()
                        options.override_kernel_argv = arguments
                        return ostree_sysroot_deploy_tree_with_options(
                            object.pointer, stateroot, checksum, origin, merging?.object.pointer, &options, &result,
                            nil, error)
                    }
                }
            }
            guard let result else { fatalError("libostree made a deployment and did not return it") }
            return Deployment(GObject(adopting: result))
        }
    }

    /// Makes `list` the deployments, the first one the default: one switch, after everything it needs is on the disk.
    ///
    /// Folders of deployments that are left out stay; so do boot links and kernels of the old list. The sysroot
    /// is loaded anew.
    /// - Throws: `OSTreeError`.
    public func write(_ list: [Deployment]) throws(OSTreeError) {
        try call("write the boot entries") { sysroot, error in
            let array = g_ptr_array_new()
            defer { g_ptr_array_unref(array) }
            for deployment in list { g_ptr_array_add(array, UnsafeMutableRawPointer(deployment.object.pointer)) }
            // Cleaning up afterwards would delete every folder that libostree does not list, and prune the store.
            var options = OstreeSysrootWriteDeploymentsOpts()
            options.do_postclean = 0
            return ostree_sysroot_write_deployments_with_options(sysroot, array, &options, nil, error)
        }
    }

    /// Marks a deployment as one that is kept, or no longer.
    ///
    /// - Throws: `OSTreeError`.
    public func setPinned(_ deployment: Deployment, _ pinned: Bool) throws(OSTreeError) {
        try call("pin \(deployment.checksum).\(deployment.serial)") {
            ostree_sysroot_deployment_set_pinned($0, deployment.object.pointer, pinned ? 1 : 0, $1)
        }
    }
}
