import ArgumentParser
import Checksums
import HealthChecks
import HostctlCommands
import LinuxSystem
import Sysroots
import TrustMetadata

/// `hostctl boot`.
struct BootCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "boot", abstract: "What the boot loader does next, and what boots have come to.",
        subcommands: [
            BootStatusCommand.self, BootMarkGoodCommand.self, BootMarkBadCommand.self, BootUpdateLoaderCommand.self,
            BootRecordCommand.self, BootCheckCommand.self, BootFailedCommand.self, BootGrowCommand.self,
        ])
}
