public import ArgumentParser
import Sysroots
import SystemPackage

/// `hostctl status`.
public struct StatusCommand: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show the deployments, and what went wrong last time.",
        discussion: """
            Works without privileges, and on a damaged sysroot.

            Example: hostctl status --json
            """)

    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var output: OutputOptions

    public init() {}

    public func run() throws {
        let reader = SysrootReader(root: sysroot.root)
        guard reader.isSysroot else { throw NotASysroot(path: sysroot.root.string) }
        output.show(StatusReport(reader.report(), policy: PolicyInForce(of: reader)))
    }
}
