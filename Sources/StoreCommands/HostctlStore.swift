public import ArgumentParser
import HostctlCommands

/// Every verb of hostctl.
public struct HostctlStore: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "hostctl", abstract: "Keep a Linux host like an appliance.",
        discussion: "'hostctl --version' prints the version.",
        subcommands: [
            StatusCommand.self, UpgradeCommand.self, RollbackCommand.self, SwitchCommand.self, PinCommand.self,
            UnpinCommand.self, CleanupCommand.self, VerifyCommand.self, AutoUpdateCommand.self, DiffCommand.self,
            EtcDiffCommand.self, KernelArgumentsCommand.self, UsrOverlayCommand.self, FactoryResetCommand.self,
            HistoryCommand.self, DoctorCommand.self, InstallCommand.self, ImageCommand.self, ReleaseCommand.self,
            KeyCommand.self, StoreCommand.self, BootCommand.self, FinalizeCommand.self,
        ])

    public init() {}
}
