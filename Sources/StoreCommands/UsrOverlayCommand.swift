import ArgumentParser
import Deployments
import HostctlCommands
import LinuxSystem
import Sysroots
import TrustMetadata

/// `hostctl usr-overlay`.
struct UsrOverlayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usr-overlay", abstract: "Make /usr writable until the next boot, to try something out.",
        discussion: """
            What is written to /usr is in memory, and gone after a restart; the deployment stays as it is. 'hostctl \
            status' shows that it is so.

            Example: hostctl usr-overlay && apt-get install strace
            """)

    @OptionGroup var output: OutputOptions

    func run() throws {
        let reader = SysrootReader(root: SysrootOption.runningRoot)
        try UsrOverlay.begin(reader)
        output.show(UsrOverlayOutput())
    }
}

private struct UsrOverlayOutput: OutputValue {
    let text = "/usr is writable until the next boot; what is written there is gone then"
    let json: JSONValue = ["format": 1, "usr_overlay": true]
}
