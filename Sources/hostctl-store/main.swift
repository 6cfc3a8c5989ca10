import HostctlCommands
import LinuxSystem
import StoreCommands

await CommandLineTool.run(HostctlStore.self, arguments: ProcessStart.arguments)
