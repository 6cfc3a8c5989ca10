public import ArgumentParser

/// Every verb of hostctl.
public struct HostctlStore: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "hostctl", abstract: "Keep a Linux host like an appliance.",
        version: HostctlVersion.current, subcommands: [KeyCommand.self, StoreCommand.self])

    public init() {}
}
