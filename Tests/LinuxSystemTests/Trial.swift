import SystemPackage
import TestSupport

/// `linux-trial`, which does one thing in a process of its own.
enum Trial {
    static var path: String { BuiltProducts.folder.appending("linux-trial").string }

    static func run(_ arguments: String..., at point: String? = nil) throws -> ProcessResult {
        try TestSupport.run([path] + arguments, environment: point.map { ["HOSTCTL_FAULT_POINT": $0] } ?? [:])
    }

    /// A shell line in a mount namespace of its own; `$0` is the trial, `$1` and on are the arguments.
    ///
    /// Where / is no mount point, as in a chroot, its propagation cannot be changed; /proc is never anybody else's.
    static func shell(_ line: String, _ arguments: String...) throws -> ProcessResult {
        let begin = "mount --make-rprivate / 2>/dev/null || mount --make-rprivate /proc\n"
        let unshare = ["/usr/bin/unshare", "--mount", "--propagation", "unchanged", "--"]
        return try TestSupport.run(unshare + ["/bin/sh", "-euc", begin + line, path] + arguments)
    }
}
