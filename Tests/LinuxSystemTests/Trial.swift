import SystemPackage
import TestSupport

/// `linux-trial`, which does one thing in a process of its own.
enum Trial {
    static var path: String { BuiltProducts.folder.appending("linux-trial").string }

    static func run(_ arguments: String..., at point: String? = nil) throws -> ProcessResult {
        try TestSupport.run([path] + arguments, environment: point.map { ["HOSTCTL_FAULT_POINT": $0] } ?? [:])
    }

    /// A shell line in a mount namespace of its own; `$0` is the trial, `$1` and on are the arguments.
    static func shell(_ line: String, _ arguments: String...) throws -> ProcessResult {
        try TestSupport.run(
            ["/usr/bin/unshare", "--mount", "--propagation", "private", "--", "/bin/sh", "-euc", line, path] + arguments)
    }
}
